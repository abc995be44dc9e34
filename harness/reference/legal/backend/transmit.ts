/** Choices that the headers leave for tx requests: order, time and status of the responses, limits, refusals. */
import { NR_SLOTS_MIN, RSP } from '../../../protocol/netif.js';
import { TX_RING } from '../../../protocol/ring.js';
import type { TxResponse } from '../../../protocol/tx.js';
import type { BackendQueueState } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import type { LegalDriver } from '../legal.js';
import { extrasAnywhere } from '../support/backend-extras.js';
import { later } from '../support/backend-queues.js';
import { beyondRate, credit } from '../support/backend-pace.js';
import {
  blankFatal,
  closesAfterError,
  givesUp,
  overLoad,
  refusesPartial,
  slotwise,
} from '../support/backend-refusals.js';
import {
  atEndOfBatch,
  judged,
  mapsPages,
  put,
  respondOneByOne,
  runtsSwallowed,
  takesSlots,
  whenDelivered,
} from '../support/backend-transmit.js';

/** Packets per batch that the interface of a vif accepts. */
const QUEUE_LENGTH = 8;

export const TRANSMIT: readonly LegalDriver[] = [
  {
    id: 'backend.responses-last-first',
    choice: 'responds to the requests of a batch in reverse order',
    source: 'netif.h, "Guest transmit", tx response: id reflects id in transmit request; no order is given',
    backend: atEndOfBatch((responses) => responses.reverse()),
  },
  {
    id: 'backend.responses-by-id',
    choice: 'responds to the requests of a batch in the order of their ids',
    source: 'netif.h, "Guest transmit", tx response: id reflects id in transmit request; no order is given',
    backend: atEndOfBatch((responses) => responses.sort((a, b) => a.id - b.id)),
  },
  {
    id: 'backend.responses-late',
    choice: 'responds to each packet 60 ms after it has read it',
    source: 'netif.h sets no time for a response',
    backend: {
      respond: (vif, queue, chain, status) => later(vif, queue, 60, () => correct.respond(vif, queue, chain, status)),
    },
  },
  {
    id: 'backend.responses-when-delivered',
    choice: 'responds to a packet only when the vif behind the bridge has delivered its waiting packets, or after 10 s',
    source:
      'netif.h sets no time for a response; Linux xen-netback drops what has waited for 10 s (rx_drain_timeout_msecs)',
    backend: whenDelivered(10_000),
  },
  {
    id: 'backend.responses-when-delivered-at-last',
    choice: 'responds to a packet only when the vif behind the bridge has delivered its waiting packets',
    source: 'netif.h sets no time for a response',
    backend: whenDelivered(Infinity),
    warns: ['TXW-40'],
  },
  {
    id: 'backend.rate-drops',
    choice: 'drops packets that have more bytes than the key rate allows at a time',
    source: 'netif.h, NETIF_RSP_DROPPED; no header describes the key rate',
    backend: beyondRate((vif, queue, chain) => vif.steps.respond(vif, queue, chain, RSP.dropped)),
  },
  {
    id: 'backend.responses-coalesced',
    choice: 'holds the responses of a queue for 10 ms and publishes them together',
    source: 'ring.h, "Notification hold-off": batches of work',
    backend: (() => {
      const held = new WeakMap<BackendQueueState, TxResponse[]>();
      return {
        respond(vif, queue, chain, status) {
          const waiting = held.get(queue);
          if (waiting) return void waiting.push(...responsesTo(chain, status));
          held.set(queue, responsesTo(chain, status));
          later(vif, queue, 10, () => {
            const responses = held.get(queue) ?? [];
            held.delete(queue);
            put(vif, queue, responses);
          });
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.response-by-response',
    choice: 'publishes the response to each slot by a separate push',
    source:
      'QEMU hw/net/xen_nic.c, net_tx_response, 06b40d250ecf; NetBSD xennetback_xenbus.c 1.125, xennetback_tx_response',
    backend: { respond: respondOneByOne },
  },
  {
    id: 'backend.zero-copy',
    choice: 'maps tx pages and responds 5 ms later, when the packet has been forwarded',
    source: 'Linux drivers/net/xen-netback/netback.c, xenvif_zerocopy_callback and xenvif_dealloc_kthread, v6.1',
    backend: mapsPages(5),
  },
  {
    id: 'backend.dropped-under-load',
    choice: `responds DROPPED to the packets of a batch beyond ${QUEUE_LENGTH}, and drops them`,
    source: 'netif.h, NETIF_RSP_DROPPED',
    backend: overLoad(RSP.dropped, QUEUE_LENGTH),
  },
  {
    id: 'backend.errors-under-load',
    choice: `responds ERROR to the packets of a batch beyond ${QUEUE_LENGTH}, and drops them`,
    source: 'netif.h, NETIF_RSP_ERROR: the header does not say for what',
    backend: overLoad(RSP.error, QUEUE_LENGTH),
    warns: ['TXW-14'],
  },
  {
    id: 'backend.dropped-beyond-2',
    choice: 'responds DROPPED to the packets of a batch beyond 2, and drops them',
    source: 'netif.h, NETIF_RSP_DROPPED',
    backend: overLoad(RSP.dropped, 2),
  },
  {
    id: 'backend.credit',
    choice: 'reads 2000 bytes of packets, and the next ones 10 ms later',
    source:
      'Linux drivers/net/xen-netback/netback.c, tx_credit_exceeded, v6.1: the rate key limits the bytes per period',
    backend: credit(2000, 10),
  },
  {
    id: 'backend.empty-fragment-late',
    choice: 'responds to a packet with a fragment of size 0 after 450 ms',
    source: 'netif.h sets no time for a response',
    backend: {
      respond(vif, queue, chain, status) {
        if (chain.requests.every(({ size }) => size > 0)) return correct.respond(vif, queue, chain, status);
        later(vif, queue, 450, () => correct.respond(vif, queue, chain, status));
      },
    },
  },
  {
    id: 'backend.bad-grants-fatal',
    choice: 'gives up a vif after a request with an invalid grant, also one that only changes the multicast list',
    source: 'netif.h is silent on invalid grants',
    backend: givesUp(undefined, { grants: true }),
    warns: ['TXW-28', 'GNT-10', 'MCAST-17'],
  },
  {
    id: 'backend.undefined-flags-fatal',
    choice: 'gives up a vif after a packet with undefined flags',
    source: 'netif.h, "Guest transmit", tx request: flags are NETTXF_*',
    backend: {
      ...givesUp(),
      ...judged(({ requests, fault }) => fault ?? ((requests[0]?.flags ?? 0) > 0xf ? 'undefined flags' : undefined)),
    },
    warns: ['TXW-22'],
  },
  {
    id: 'backend.blank-icmp-fatal',
    choice: 'gives up a vif after a packet flagged csum_blank that is neither TCP nor UDP',
    source: "netif.h is silent on flags that don't fit the packet",
    backend: blankFatal(),
    warns: ['CSUM-12'],
  },
  {
    id: 'backend.malformed-dropped',
    choice: 'responds DROPPED to packets that it refuses',
    source:
      'NetBSD xennetback_xenbus.c 1.125, xennetback_evthandler: NETIF_RSP_DROPPED where fragments exceed the packet',
    backend: {
      respond: (vif, queue, chain, status) =>
        correct.respond(vif, queue, chain, status === RSP.error ? RSP.dropped : status),
    },
  },
  {
    id: 'backend.malformed-silent',
    choice: 'gives up a vif without an error node after a malformed packet',
    source: 'Linux drivers/net/xen-netback/netback.c, xenvif_fatal_tx_err, v6.1',
    backend: givesUp(),
  },
  {
    id: 'backend.malformed-closing',
    choice: 'goes to Closing with an error node after a malformed packet',
    source: 'netif.h is silent on malformed packets; xenbus.h, XenbusStateClosing: due to an error',
    backend: givesUp((vif, reason) => void vif.steps.refuse(vif, reason).catch(vif.onError)),
  },
  {
    id: 'backend.malformed-error-then-closing',
    choice: 'responds ERROR to a malformed packet, then writes an error node, disconnects and goes to Closing',
    source: 'netif.h, "Guest transmit", tx response; xenbus.h, XenbusStateClosing: due to an error',
    backend: closesAfterError(),
  },
  {
    id: 'backend.bad-grant-slotwise',
    choice: 'responds ERROR to the slot with the invalid grant and OKAY to the other slots of its packet',
    source: 'Linux drivers/net/xen-netback/netback.c, xenvif_tx_check_gop, v6.1',
    backend: slotwise,
  },
  {
    id: 'backend.extras-anywhere',
    choice: 'reads extras after any request with extra_info, not only after the first one',
    source:
      'netif.h, NETTXF_extra_info: packet to be followed by extra descriptors; no flag is forbidden on a later one',
    backend: extrasAnywhere,
  },
  {
    id: 'backend.slots-19',
    choice: 'accepts packets of 19 slots',
    source:
      'Linux drivers/net/xen-netback/netback.c, xenvif_count_requests, v6.1; netif.h, XEN_NETIF_NR_SLOTS_MIN: minimum',
    backend: takesSlots(NR_SLOTS_MIN + 1),
  },
  {
    id: 'backend.slots-any',
    choice: 'accepts packets of as many slots as the ring has',
    source: 'FreeBSD sys/dev/xen/netback/netback.c, xnb_ring2pkt, 00a82464f219: no limit',
    backend: takesSlots(TX_RING.size),
  },
  {
    id: 'backend.empty-fragment-refused',
    choice: 'responds ERROR to a packet with a fragment of size 0',
    source: 'netif.h is silent on fragments of size 0',
    backend: judged(({ requests, fault }) => fault ?? (requests.some(({ size }) => size === 0) ? 'empty' : undefined)),
  },
  {
    id: 'backend.runts-swallowed',
    choice: 'responds OKAY to a packet shorter than an Ethernet header and drops it',
    source: 'FreeBSD sys/dev/xen/netback/netback.c, xnb_recv, 00a82464f219: no check; netif.h is silent',
    backend: runtsSwallowed,
    warns: ['TXW-25'],
  },
  {
    id: 'backend.runts-to-stack',
    choice: 'passes a packet shorter than an Ethernet header to its stack',
    source: 'FreeBSD sys/dev/xen/netback/netback.c, xnb_recv, 00a82464f219: the stack drops it; netif.h is silent',
    backend: {
      ...runtsSwallowed,
      accept(vif, queue, packet) {
        if (vif.bridgedTo) runtsSwallowed.accept(vif, queue, packet);
        else correct.accept(vif, queue, packet);
      },
    },
    warns: ['TXW-25'],
  },
  {
    id: 'backend.undefined-flags-refused',
    choice: 'responds ERROR to a packet with undefined flags',
    source: 'netif.h, "Guest transmit", tx request: flags are NETTXF_*',
    backend: judged(
      ({ requests, fault }) => fault ?? ((requests[0]?.flags ?? 0) > 0xf ? 'undefined flags' : undefined),
    ),
    warns: ['TXW-22'],
  },
  {
    id: 'backend.extra-flags-refused',
    choice: 'responds ERROR to a packet with an undefined flag in an extra info',
    source: 'netif.h, "Extra Info": flags are XEN_NETIF_EXTRA_FLAG_*',
    backend: judged(
      ({ extras, fault }) => fault ?? (extras.some(({ flags }) => flags > 1) ? 'undefined flags' : undefined),
    ),
    warns: ['EXTRA-11'],
  },
  {
    id: 'backend.partial-refused',
    choice: 'responds ERROR to a packet whose last slot is not published yet',
    source: 'NetBSD xennetback_xenbus.c 1.125, xennetback_evthandler: drops unfinished multi-fragment',
    backend: refusesPartial(),
  },
];
