/** Defects of the reference backend, chapter transmit. */
import { ETHERNET_HEADER } from '../../../packet/ethernet.js';
import { RSP } from '../../../protocol/netif.js';
import { advance, slotOffset, TX_RING } from '../../../protocol/ring.js';
import { decodeTxRequest, encodeTxResponse } from '../../../protocol/tx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { checkChain, type TxChain } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';
import { isPing, isUnknown, lastFirst } from '../support/packets.js';
import { drops, refuses } from '../support/backend.js';

/** Stops serving a queue at such a packet. */
const stallsAt = (isFatal: (chain: TxChain) => boolean): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    if (!chain || !isFatal(chain)) return chain;
    queue.tx.unconsumed = () => ({ ok: false, reason: 'fatal' });
    return { ...chain, fault: 'fatal' };
  },
});

/** Responds with DROPPED to the slots of a packet whose last one is not published yet. Returns whether there are any. */
function refusesHalf(vif: BackendVif, queue: BackendQueueState): boolean {
  const ready = queue.tx.unconsumed();
  if (!ready.ok || ready.value === 0) return false;
  for (let n = 0; n < ready.value; n++) {
    const request = decodeTxRequest(queue.tx.take());
    queue.tx.put(encodeTxResponse({ id: request.ok ? request.value.id : 0, status: RSP.dropped }));
  }
  vif.steps.push(vif, queue.tx, queue.txPort);
  return true;
}

/** Bytes of a packet in its first slot: the size of that slot covers the whole packet. */
const firstLength = ({ requests: [first, ...rest] }: TxChain): number =>
  (first?.size ?? 0) - rest.reduce((sum, { size }) => sum + size, 0);

export const BACKEND_TRANSMIT_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.transmit.id-of-eight-bits',
    breaks: 'TXW-23',
    fault: 'does not respond to a packet whose id has more than eight bits',
    backend: {
      serveChain(vif, queue, chain) {
        if (chain.requests.every(({ id }) => id <= 0xff)) correct.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.transmit.first-size-own',
    breaks: 'TXW-02',
    fault: 'treats the size in the first slot as the size of the first fragment',
    seen: 'NetBSD xennetback: the size of the packet is used as the size of its first fragment',
    backend: {
      fetch(vif, queue, chain) {
        const pieces = vif.domain.grants.copyFrom(
          chain.requests.map(({ gref, offset, size }) => ({
            domain: queue.frontend,
            ref: gref,
            offset,
            length: Math.min(size, PAGE_SIZE - offset),
          })),
        );
        return Uint8Array.from(Buffer.concat(pieces.map((piece) => piece.bytes)));
      },
    },
  },
  {
    id: 'backend.transmit.four-slots',
    breaks: 'SLOT-01',
    fault: 'responds to packets of more than four slots with ERROR',
    seen: 'Linux xen-netback before e3377f36ca20: supports 17 slots where guests send 18',
    backend: refuses(({ requests }) => requests.length > 4),
  },
  {
    id: 'backend.transmit.bad-ref-okay',
    breaks: 'TXW-28',
    fault: 'responds OKAY although a grant cannot be read',
    seen: 'FreeBSD xnb, xnb_update_mbufc: the status of the copy is only asserted',
    backend: {
      fetch: (vif, queue, chain) => correct.fetch(vif, queue, chain) ?? new Uint8Array(64),
    },
  },
  {
    id: 'backend.transmit.too-short-okay',
    breaks: 'TXW-25',
    fault: 'accepts a packet that is shorter than an Ethernet header',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain && (chain.requests[0]?.size ?? 0) < ETHERNET_HEADER ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.dropped-for-data',
    breaks: 'TXW-14',
    fault: 'responds to valid packets with DROPPED',
    backend: {
      respond(vif, queue, chain) {
        for (const { id } of chain.requests) queue.tx.put(encodeTxResponse({ id, status: RSP.dropped }));
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.transmit.eager',
    breaks: 'TXW-20',
    fault: 'responds to the first slot of a packet whose other slots are not published yet',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        const ready = queue.tx.unconsumed();
        if (chain || !ready.ok || ready.value !== 1) return chain;
        const first = queue.tx.take();
        queue.tx.put(encodeTxResponse({ id: (first[8] ?? 0) | ((first[9] ?? 0) << 8), status: RSP.okay }));
        queue.tx.push();
        return undefined;
      },
    },
  },
  {
    id: 'backend.transmit.leaks-memory',
    breaks: 'RXW-24',
    fault: 'leaves stray bytes in the slot after a tx response',
    backend: {
      respond(vif, queue, chain, status) {
        const index = queue.tx.rspProdPvt;
        correct.respond(vif, queue, chain, status);
        queue.tx.page.copyIn(slotOffset(queue.tx.layout, index) + 4, Uint8Array.of(0xde, 0xad));
      },
    },
  },
  {
    id: 'backend.transmit.smallest-mtu',
    breaks: 'TXW-31',
    fault: 'drops pings of more than 576 bytes',
    backend: drops(({ frame }) => isPing(frame) && frame.length >= 576 + ETHERNET_HEADER),
  },
  {
    id: 'backend.transmit.runts',
    breaks: 'TXW-31',
    fault: 'drops pings of less than 64 bytes',
    backend: drops(({ frame }) => isPing(frame) && frame.length < 64),
  },
  {
    id: 'backend.transmit.ignores-offset',
    breaks: 'TXW-31',
    fault: 'reads fragments of more than 1000 bytes from the start of their page',
    seen: 'mirage-net-xen before 2.1.4: the fields of a tx request are read wrong',
    backend: {
      fetch(vif, queue, chain) {
        const requests = chain.requests.map((each) => (each.size > 1000 ? { ...each, offset: 0 } : each));
        return correct.fetch(vif, queue, { ...chain, requests });
      },
    },
  },
  {
    id: 'backend.transmit.header-only',
    breaks: 'TXW-34',
    fault: 'responds to a frame without payload with ERROR',
    backend: refuses(({ requests: [first] }) => first?.size === ETHERNET_HEADER),
  },
  {
    id: 'backend.transmit.special-ids',
    breaks: 'TXW-10',
    fault: 'responds with id 0xffff to the id 255, and to the id 0 after the first slot of a ring',
    backend: {
      respond(vif, queue, chain, status) {
        const special = (id: number): boolean => id === 255 || (id === 0 && queue.tx.rspProdPvt > 0);
        const requests = chain.requests.map((each) => (special(each.id) ? { ...each, id: 0xffff } : each));
        correct.respond(vif, queue, { ...chain, requests }, status);
      },
    },
  },
  {
    id: 'backend.transmit.cuts-at-page',
    breaks: 'TXW-05',
    fault: 'truncates a fragment that crosses its page and forwards the packet',
    seen: 'illumos xnb: offset and size are not checked against the page',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        if (!chain?.fault?.includes('crosses')) return chain;
        const requests = chain.requests.map((each) => ({
          ...each,
          size: Math.min(each.size, PAGE_SIZE - each.offset),
        }));
        return { ...chain, requests, fault: undefined };
      },
    },
  },
  {
    id: 'backend.transmit.ends-in-16-bits',
    breaks: 'TXW-05',
    fault: 'calculates the end of a fragment in 16 bits, and forwards one that then seems to fit',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        const isFit = chain?.requests.every(({ offset, size }) => ((offset + size) & 0xffff) <= PAGE_SIZE);
        if (!chain?.fault?.includes('crosses') || !isFit) return chain;
        return { ...chain, requests: chain.requests.map((each) => ({ ...each, offset: 0 })), fault: undefined };
      },
    },
  },
  {
    id: 'backend.transmit.forwards-unread',
    breaks: 'TXW-37',
    fault: 'forwards what its memory held in place of a page that it can not read',
    seen: 'FreeBSD 12.1 sys/dev/xen/netback/netback.c, xnb_update_mbufc(): the status of a copy is for a KASSERT alone',
    shownIn: 'backend.transmit.bad-ref',
    backend: {
      fetch: (vif, queue, chain) =>
        correct.fetch(vif, queue, chain) ?? new Uint8Array(chain.requests[0]?.size ?? 0).fill(0xdb),
    },
  },
  {
    id: 'backend.transmit.last-first',
    breaks: 'TXW-30',
    fault: 'forwards every fifth frame of an unknown protocol after the packet that follows it',
    backend: lastFirst<Parameters<BackendSteps['accept']>>(
      (...args) => correct.accept(...args),
      (queue) => queue.tx.unconsumed(),
      isUnknown,
    ),
  },
  {
    id: 'backend.transmit.unknown-flags',
    breaks: 'TXW-22',
    fault: 'responds to a request with an undefined flag with ERROR',
    backend: refuses(({ requests: [first] }) => (first?.flags ?? 0) > 0xf),
  },
  {
    id: 'backend.transmit.writes',
    breaks: 'TXW-24',
    fault: 'accepts packets of 60 bytes or more only from pages that it may write',
    backend: {
      fetch(vif, queue, chain) {
        const [first] = chain.requests;
        if (!first || first.size < 60) return correct.fetch(vif, queue, chain);
        const { gref: ref, offset } = first;
        const segment = { domain: queue.frontend, ref, offset, bytes: new Uint8Array(1) };
        return vif.domain.grants.copyTo([segment])[0] === 0 ? correct.fetch(vif, queue, chain) : undefined;
      },
    },
  },
  {
    id: 'backend.transmit.keeps-page',
    breaks: 'TXW-15',
    fault: 'keeps the pages of up to 64 packets mapped until the vif disconnects',
    seen: 'Linux xen-netback before 99e87f56b48f: grants stay mapped',
    backend: (() => {
      const kept = new WeakMap<object, { unmap(): void }[]>();
      return {
        fetch(vif, queue, chain) {
          const frame = correct.fetch(vif, queue, chain);
          const [first] = chain.requests;
          const pages = kept.get(vif) ?? [];
          kept.set(vif, pages);
          if (frame && first && pages.length < 64)
            pages.push(vif.domain.grants.map(queue.frontend, [first.gref], 'read-only'));
          return frame;
        },
        disconnect(vif) {
          for (const page of kept.get(vif)?.splice(0) ?? []) page.unmap();
          correct.disconnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.transmit.dies-of-empty',
    breaks: 'TXW-26',
    fault: 'stops serving a queue at a later fragment of size 0',
    seen: 'XSA-448 (CVE-2023-46838): Linux xen-netback, a fragment of size 0',
    backend: stallsAt(({ requests }) => requests.slice(1).some(({ size }) => size === 0)),
  },
  {
    id: 'backend.transmit.dies-of-small-slots',
    breaks: 'SLOT-05',
    fault: 'stops serving a queue at a packet of 18 slots and less than 128 bytes',
    seen: 'XSA-432 (CVE-2023-34319): Linux xen-netback, a buffer too small for that many slots',
    backend: stallsAt(({ requests }) => requests.length >= 18 && (requests[0]?.size ?? 0) < 128),
  },
  {
    id: 'backend.transmit.header-in-pieces',
    breaks: 'SLOT-06',
    fault: 'responds with ERROR to a packet whose first slot ends within the headers',
    seen: 'XSA-423 (CVE-2022-3643): Linux xen-netback leaves headers in fragments',
    backend: {
      fetch: (vif, queue, chain) =>
        chain.requests.length > 1 && firstLength(chain) < 34 ? undefined : correct.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.transmit.first-status-only',
    breaks: 'TXW-28',
    fault: 'responds OKAY when only a later fragment cannot be read',
    seen: 'Linux xen-netback before "correct success/error reporting for the SKB-with-fraglist case"',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        const [first] = chain.requests;
        if (frame || !first || chain.requests.length === 1) return frame;
        const alone = { ...first, size: firstLength(chain) };
        return correct.fetch(vif, queue, { ...chain, requests: [alone] });
      },
    },
  },
  {
    id: 'backend.transmit.first-id-for-all',
    breaks: 'TXW-11',
    fault: 'responds to each fragment of a packet of less than 512 bytes with the id of the first',
    backend: {
      respond(vif, queue, chain, status) {
        const [first] = chain.requests;
        if (!first || first.size >= 512) return correct.respond(vif, queue, chain, status);
        correct.respond(vif, queue, { ...chain, requests: chain.requests.map(() => first) }, status);
      },
    },
  },
  {
    id: 'backend.transmit.size-as-status',
    breaks: 'TXW-13',
    fault: 'responds to a packet of 106 bytes with its size, as on the rx ring',
    backend: {
      respond: (vif, queue, chain, status) =>
        correct.respond(vif, queue, chain, status === RSP.okay && chain.requests[0]?.size === 106 ? 106 : status),
    },
  },
  {
    id: 'backend.transmit.ignores-surplus',
    breaks: 'TXW-27',
    fault: 'forwards the first fragment of a packet whose later ones add up to more than its size',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        if (!chain?.fault?.startsWith('fragments of')) return chain;
        const requests = chain.requests.map((each, n) => (n === 0 ? each : { ...each, size: 0 }));
        return { ...chain, requests, fault: checkChain(requests, chain.extras) };
      },
    },
  },
  {
    id: 'backend.transmit.retries',
    breaks: 'GNT-10',
    fault: 'retries a copy from an invalid grant again and again, and serves the queue no more',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        if (!frame) queue.tx.unconsumed = () => ({ ok: false, reason: 'busy' });
        return frame;
      },
      respond(vif, queue, chain, status) {
        if (queue.tx.unconsumed().ok) correct.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.transmit.across-the-end',
    breaks: 'RING-01',
    fault: 'loses a packet that continues at the start of the ring',
    backend: (() => {
      const cut = new WeakSet<TxChain>();
      return {
        takeChain(queue) {
          const start = queue.tx.reqCons % TX_RING.size;
          const chain = correct.takeChain(queue);
          if (chain && start + chain.layout.length > TX_RING.size) cut.add(chain);
          return chain;
        },
        serveChain(vif, queue, chain) {
          if (cut.has(chain)) vif.steps.respond(vif, queue, chain, RSP.okay);
          else correct.serveChain(vif, queue, chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.transmit.ends-at-empty-fragment',
    breaks: 'TXW-26',
    fault: 'forwards only the bytes before a zero-length fragment',
    seen: 'XSA-448: Linux xen-netback mishandles zero-length fragments',
    backend: {
      fetch(vif, queue, chain) {
        const frame = correct.fetch(vif, queue, chain);
        const empty = chain.requests.findIndex(({ size }) => size === 0);
        const lost = empty < 0 ? 0 : chain.requests.slice(empty).reduce((sum, { size }) => sum + size, 0);
        return frame?.subarray(0, frame.length - lost);
      },
    },
  },
  {
    id: 'backend.transmit.response-too-many',
    breaks: 'RING-08',
    fault: 'publishes one response too many with the packet after one of size 0',
    backend: (() => {
      const ahead = new WeakSet<object>();
      return {
        respond(vif, queue, chain, status) {
          correct.respond(vif, queue, chain, status);
          if (ahead.delete(queue)) {
            queue.tx.rspProdPvt = advance(queue.tx.rspProdPvt, 1);
            vif.steps.push(vif, queue.tx, queue.txPort);
          }
          if (chain.requests[0]?.size === 0) ahead.add(queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.transmit.silent-on-bad-grant',
    breaks: 'RING-09',
    fault: 'never responds to a packet with an invalid grant, and serves the packets after it',
    backend: {
      respond(vif, queue, chain, status) {
        if (status !== RSP.error || chain.fault !== undefined) correct.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.transmit.drops-after-runt',
    breaks: 'TXW-25',
    fault: 'responds OKAY to each packet after one of a single byte, and drops it',
    backend: (() => {
      const lost = new WeakSet<object>();
      return {
        accept(vif, queue, packet) {
          if (!lost.has(queue)) correct.accept(vif, queue, packet);
        },
        serveChain(vif, queue, chain) {
          if (chain.requests[0]?.size === 1) lost.add(queue);
          correct.serveChain(vif, queue, chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.transmit.discards-elsewhere',
    breaks: 'ROB-01',
    fault: 'refuses half a packet and, instead of the rest of it, the next packet of any vif',
    backend: (() => {
      const discarding = new WeakSet<object>();
      return {
        serveTx(vif, queue) {
          correct.serveTx(vif, queue);
          if (!refusesHalf(vif, queue)) return;
          queue.tx.finalCheck();
          discarding.add(vif.domain);
        },
        serveChain(vif, queue, chain) {
          const isRest = discarding.delete(vif.domain);
          correct.serveChain(vif, queue, isRest ? { ...chain, fault: 'the rest of a packet' } : chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.transmit.sleeps-after-half',
    breaks: 'NOTIFY-04',
    fault: 'refuses half a packet and asks for no event for the rest of it',
    shownIn: 'backend.transmit.partial',
    backend: {
      serveTx(vif, queue) {
        correct.serveTx(vif, queue);
        refusesHalf(vif, queue);
      },
    },
  },
];
