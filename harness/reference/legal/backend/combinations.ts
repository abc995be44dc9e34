/** Backends that combine choices, or choose what is legal and rare. */
import { linked } from '../../../protocol/extra.js';
import { decodeFrame } from '../../../packet/frame.js';
import { decodeHashMapping } from '../../../protocol/ctrl.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  HASH_ALGORITHM,
  HASH_MAPPING_PER_PAGE,
  KEY,
  RSP,
  RXF,
} from '../../../protocol/netif.js';
import { RX_RING, slotOffset } from '../../../protocol/ring.js';
import { decodeRxResponse } from '../../../protocol/rx.js';
import type { TxResponse } from '../../../protocol/tx.js';
import type { BackendQueueState } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import type { LegalDriver } from '../legal.js';
import { offering, queues } from '../support/backend-features.js';
import { every, later } from '../support/backend-queues.js';
import { atEndOfBatch, mapsPages, put } from '../support/backend-transmit.js';
import { closedAlone, reinitByClosed, reopensAlone, walking } from '../support/backend-walks.js';
import { inParts, smallerSegments } from '../support/large-packets.js';
import * as choices from '../support/stack-choices.js';

const STACK = "no header specifies the network stack of a backend's host";
const ANY_ORDER = 'netif.h, "Guest transmit": the id of a response names its request; no order and no time is set';

/** Messages whose response has data only if it reports success, and those for which no data is defined. */
const GETS: readonly number[] = [CTRL_TYPE.getHashFlags, CTRL_TYPE.getHashMappingSize, CTRL_TYPE.getGrefMappingSize];
const MAPPING: readonly number[] = [CTRL_TYPE.setHashMappingSize, CTRL_TYPE.setHashMapping];
const DATALESS: readonly number[] = [CTRL_TYPE.setHashAlgorithm, CTRL_TYPE.addGrefMapping];

const INVALID = { status: CTRL_STATUS.invalidParameter };

/** Puts the responses of a packet one by one, `ms` milliseconds apart, the last slot first. */
function scattered(ms: number): Partial<BackendSteps> {
  return {
    respond(vif, queue, chain, status) {
      for (const [n, response] of responsesTo(chain, status).reverse().entries()) {
        later(vif, queue, n * ms, () => put(vif, queue, [response]));
      }
    },
  };
}

/** Holds responses until there are `most` of them, or for `ms` milliseconds. */
function held(most: number, ms: number): Partial<BackendSteps> {
  const waiting = new WeakMap<BackendQueueState, TxResponse[]>();
  return {
    respond(vif, queue, chain, status) {
      const responses = [...(waiting.get(queue) ?? []), ...responsesTo(chain, status)];
      const flush = (): void => {
        put(vif, queue, waiting.get(queue) ?? []);
        waiting.delete(queue);
      };
      waiting.set(queue, responses);
      if (responses.length >= most) flush();
      else if (responses.length <= chain.layout.length) later(vif, queue, ms, flush);
    },
  };
}

/** Puts the NULL responses to the extras of a batch first, with an id that is not in use. */
const nullsFirst = atEndOfBatch((responses) => {
  const nulls = responses.filter(({ status }) => status === RSP.null).map((each) => ({ ...each, id: 0xffff }));
  return [...nulls, ...responses.filter(({ status }) => status !== RSP.null)];
});

/** Sets data_validated in every packet whose checksum is complete. */
const validatesAll: Partial<BackendSteps> = {
  checksumFlags(packet) {
    const it = decodeFrame(packet.frame);
    if (packet.csumBlank || !it.ok) return correct.checksumFlags(packet);
    const { value } = it;
    const complete =
      (value.kind === 'tcp' && value.tcp.checksum === 'complete') ||
      (value.kind === 'udp' && value.udp.checksum === 'complete') ||
      ((value.kind === 'icmp' || value.kind === 'icmpv6') && value.icmp.checksum === 'complete');
    return complete ? RXF.dataValidated : 0;
  },
};

/** Puts the first `first` bytes of a packet into a buffer of their own if the frontend has feature-sg. */
const firstAlone = (first: number): Partial<BackendSteps> => ({
  pieces(vif, frame) {
    if (!vif.offers[KEY.featureSg] || frame.length <= first || frame.length > 60_000) return correct.pieces(vif, frame);
    return [frame.subarray(0, first), ...correct.pieces(vif, frame.subarray(first))];
  },
});

/** Sends the extras of a packet in reverse order. */
const extrasReversed: Partial<BackendSteps> = {
  extras: (vif, packet) => linked(correct.extras(vif, packet).reverse()),
};

/** Keeps only the newest packet for a frontend without buffers. */
const keepsNewest: Partial<BackendSteps> = {
  drainBacklog(vif, queue) {
    correct.drainBacklog(vif, queue);
    queue.backlog.splice(0, Math.max(0, queue.backlog.length - 1));
  },
};

/** Polls its rings every `ms` and serves two packets of each at a time. */
const pollsInTurns = (ms: number): Partial<BackendSteps> => ({
  openQueue(vif, ...rest) {
    const queue = correct.openQueue(vif, ...rest);
    every(vif, queue, ms, () => {
      vif.steps.drainBacklog(vif, queue);
      if (!queue.tx.unconsumed().ok) return;
      for (let n = 0; n < 2; n++) {
        const chain = vif.steps.takeChain(queue);
        if (chain) vif.steps.serveChain(vif, queue, chain);
      }
    });
    return queue;
  },
  serve: () => undefined,
});

export const COMBINATIONS: readonly LegalDriver[] = [
  {
    id: 'backend.responses-scattered',
    choice: 'responds to the slots of a packet 3 ms apart, the last slot first',
    source: ANY_ORDER,
    backend: scattered(3),
  },
  {
    id: 'backend.responses-held-8',
    choice: 'holds responses until there are 8, or for 25 ms',
    source: ANY_ORDER,
    backend: held(8, 25),
  },
  {
    id: 'backend.nulls-first',
    choice: 'responds to the extras of a batch first, with the id 65535',
    source: 'netif.h, "Extra Info": there is no id information in the opposite direction',
    backend: nullsFirst,
  },
  {
    id: 'backend.rx-validates-all',
    choice: 'sets data_validated on every packet whose checksum is complete, ICMP included',
    source: 'netif.h, NETRXF_data_validated: packet data has been validated against protocol checksum',
    backend: validatesAll,
  },
  {
    id: 'backend.rx-ethernet-alone',
    choice: 'puts the Ethernet header of a packet into a buffer of its own for a frontend with feature-sg',
    source: 'netif.h, "Guest receive": the size of a fragment is its own',
    backend: firstAlone(14),
    warns: ['RXW-31'],
  },
  {
    id: 'backend.rx-first-byte-alone',
    choice: 'puts the first byte of a packet into a buffer of its own for a frontend with feature-sg',
    source: 'netif.h, "Guest receive": the size of a fragment is its own',
    backend: firstAlone(1),
    warns: ['RXW-31'],
  },
  {
    id: 'backend.rx-extras-reversed',
    choice: 'sends the extras of a packet in another order',
    source: 'netif.h, "Guest receive": Extra 1 to Extra N, without an order of their types',
    backend: extrasReversed,
  },
  {
    id: 'backend.rx-keeps-newest',
    choice: 'keeps only the newest packet while the frontend has no buffers',
    source: 'netif.h, "feature-rx-notify": packets may be queued; no length of the queue is set',
    backend: keepsNewest,
  },
  {
    id: 'backend.gso-smaller-segments',
    choice: 'describes large packets with a smaller size of a segment',
    source: 'netif.h, "Extra Info", GSO: size is the maximum payload size of each segment',
    backend: { fitting: (vif, packet) => correct.fitting(vif, packet).flatMap(smallerSegments) },
  },
  {
    id: 'backend.gso-in-parts',
    choice: 'sends a large packet as packets of three segments',
    source: 'netif.h, "feature-gso-tcpv4": a capability of the receiver, not an obligation of the sender',
    backend: { fitting: (vif, packet) => correct.fitting(vif, packet).flatMap(inParts) },
  },
  {
    id: 'backend.control-data-arbitrary',
    choice: 'leaves arbitrary data in control responses for which the header defines none',
    source: 'netif.h, "Control messages": data is defined for GET requests if the operation was successful',
    warns: ['CTRL-11'],
    backend: {
      answerControl(vif, request) {
        const answer = correct.answerControl(vif, request);
        const isGet = GETS.includes(request.type) && answer.status !== CTRL_STATUS.success;
        const undefinedData = isGet || DATALESS.includes(request.type);
        return undefinedData ? { ...answer, data: 0xdeadbeef } : answer;
      },
    },
  },
  {
    id: 'backend.algorithm-resets',
    choice: 'forgets types, key and mapping when the hash algorithm is set',
    source: 'netif.h, SET_HASH_ALGORITHM: does not say that the settings of an earlier algorithm are kept',
    warns: ['HASH-45'],
    backend: {
      setHashAlgorithm(vif, data) {
        vif.hashing.reset();
        return correct.setHashAlgorithm(vif, data);
      },
    },
  },
  {
    id: 'backend.mapping-powers-of-2',
    choice: 'accepts mapping tables whose size is a power of 2',
    source: 'netif.h, SET_HASH_MAPPING_SIZE: INVALID_PARAMETER, Table size is invalid',
    backend: {
      setHashMappingSize: (vif, data) =>
        (data[0] & (data[0] - 1)) === 0
          ? correct.setHashMappingSize(vif, data)
          : { status: CTRL_STATUS.invalidParameter },
    },
  },
  {
    id: 'backend.mapping-of-count',
    choice: 'accepts the number of queues as an entry of the mapping table, and delivers such packets on queue 0',
    source: 'netif.h, SET_HASH_MAPPING: a queue between 0 and multi-queue-num-queues',
    backend: {
      setHashMapping(vif, [ref, size, offset]) {
        const { mapping } = vif.hashing;
        if (size > HASH_MAPPING_PER_PAGE || offset + size > mapping.length) return INVALID;
        const bytes = vif.steps.readMessage(vif, ref, size * 4);
        const queues = bytes && decodeHashMapping(bytes, size);
        if (!queues?.ok || queues.value.some((queue) => queue > vif.queues.length)) return INVALID;
        mapping.splice(offset, size, ...queues.value.map((queue) => queue % vif.queues.length));
        return { status: CTRL_STATUS.success };
      },
    },
  },
  {
    id: 'backend.closed-alone',
    choice: 'goes from Closing to Closed without waiting for the frontend',
    source: 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine',
    backend: walking(closedAlone),
  },
  {
    id: 'backend.reopens-alone',
    choice: 'returns from Closed to InitWait as soon as the frontend is Closed and online = 1',
    source: 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine',
    backend: walking(reopensAlone),
  },
  {
    id: 'backend.reinit-by-closed',
    choice: 'passes through Closing and Closed when a connected frontend starts again',
    source: 'Linux drivers/net/xen-netback/xenbus.c, set_backend_state, v6.1',
    backend: walking(reinitByClosed),
  },
  {
    id: 'backend.one-channel-polls-late',
    choice: 'has no split channels and one queue, polls every 3 ms, two packets at a time, and responds out of order',
    source: 'ring.h, "Notification hold-off"; netif.h, "feature-split-event-channels": as 0 (disabled)',
    backend: {
      ...offering({ [KEY.featureSplitEventChannels]: '0', [KEY.multiQueueMaxQueues]: '1' }),
      maxQueues: () => 1,
      ...pollsInTurns(3),
      ...scattered(2),
    },
  },
  {
    id: 'backend.no-sg-maps-late',
    choice: 'has no feature-sg, maps tx pages and responds 30 ms later, and sends packets 20 ms late at odd offsets',
    source: 'netif.h, "Guest transmit" and "Guest receive": set no time; rx response: offset in page',
    backend: {
      ...offering({ [KEY.featureSg]: '0', [KEY.featureGsoTcpv4]: '0', [KEY.featureGsoTcpv6]: '0' }),
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain && chain.requests.length > 1 ? { ...chain, fault: chain.fault ?? 'several slots' } : chain;
      },
      ...mapsPages(30),
      offsetFor: (vif, length) => vif.headroom + (vif.headroom + 35 + length <= 4096 ? 35 : 0),
      send(vif, usual, packet) {
        if (usual) later(vif, usual, 20, () => correct.send(vif, usual, packet));
      },
    },
  },
  {
    id: 'backend.stack-other-headers',
    choice: 'has a stack with other values in the fields of its IP and TCP headers, and with options',
    source: STACK,
    warns: ['RXW-37'],
    backend: {},
    stack: choices.otherHeaders,
  },
  {
    id: 'backend.stack-other-mac',
    choice: 'has a stack that sends from another MAC than the one to which it listens',
    source: STACK,
    warns: ['RXW-37'],
    backend: {},
    stack: choices.otherMac,
  },
  {
    id: 'backend.stack-arp-broadcast',
    choice: 'has a stack that broadcasts its ARP replies',
    source: `${STACK}; RFC 3927, 2.5, demands it of link-local addresses`,
    backend: {},
    stack: choices.broadcastsArp,
  },
  {
    id: 'backend.stack-arp-unicast-ignored',
    choice: 'has a stack that replies to broadcast ARP requests only',
    source: STACK,
    backend: {},
    stack: choices.heedsBroadcastArp,
  },
  {
    id: 'backend.stack-router',
    choice: 'has the stack of a router, whose neighbour advertisements do not override',
    source: `${STACK}; RFC 4861, 4.4`,
    backend: {},
    stack: choices.routerAdvertisements,
  },
  {
    id: 'backend.stack-twice',
    choice: 'has a stack that sends each reply twice',
    source: STACK,
    warns: ['RXW-37'],
    backend: {},
    stack: choices.twice,
  },
  {
    id: 'backend.stack-resolves-first',
    choice: 'has a stack that asks for the MAC of a neighbour before it replies to it',
    source: `${STACK}; Linux net/core/neighbour.c, neigh_resolve_output`,
    backend: {},
    stack: choices.resolvesFirst,
  },
  {
    id: 'backend.mapping-needs-algorithm',
    choice: 'responds NOT_SUPPORTED to a key and to a mapping while the hash algorithm is NONE',
    source: 'netif.h, SET_HASH_KEY: sent if the algorithm requires it; NOT_SUPPORTED is a status of each message',
    backend: {
      answerControl(vif, request) {
        const needs = request.type === CTRL_TYPE.setHashKey || MAPPING.includes(request.type);
        return needs && vif.hashing.algorithm === HASH_ALGORITHM.none
          ? { status: CTRL_STATUS.notSupported }
          : correct.answerControl(vif, request);
      },
    },
  },
  {
    id: 'backend.queues-uneven',
    choice: 'serves each queue 7 ms later than the queue before it',
    source: 'netif.h, "Multiple transmit and receive queues": queues replicate the rings; no order between them is set',
    backend: {
      serve(vif, queue) {
        if (queue.index === 0) return correct.serve(vif, queue);
        later(vif, queue, 7 * queue.index, () => correct.serve(vif, queue));
      },
    },
  },
  {
    id: 'backend.queues-3',
    choice: 'offers three queues',
    source: 'netif.h, "Multiple transmit and receive queues": the maximum supported number of queues',
    backend: queues(3),
  },
  {
    id: 'backend.queues-1000',
    choice: 'offers a thousand queues',
    source: 'netif.h, "Multiple transmit and receive queues": the maximum supported number of queues',
    backend: queues(1000),
  },
  {
    id: 'backend.rx-bad-buffer-retried',
    choice: 'responds ERROR for a buffer that it cannot write, and delivers the packet in the next buffers',
    source: 'netif.h, rx response: status is NETIF_RSP_* if negative; a packet need not be lost',
    backend: {
      deliver(vif, queue, packet) {
        const before = queue.rx.rspProdPvt;
        correct.deliver(vif, queue, packet);
        if (vif.steps.pieces(vif, packet.frame).length > 1 || vif.steps.extras(vif, packet).length > 0) return;
        const response = decodeRxResponse(queue.rx.page.copyOut(slotOffset(RX_RING, before), RX_RING.slotBytes));
        if (response.ok && response.value.status < 0) queue.backlog.unshift(packet);
      },
    },
  },
  {
    id: 'backend.drops-corrupt',
    choice: 'drops packets whose TCP or UDP checksum is wrong',
    source: 'netif.h, NETTXF_data_validated: without it a packet has not been validated; nothing obliges to pass it on',
    backend: {
      accept(vif, queue, packet) {
        const it = decodeFrame(packet.frame);
        const { value } = it.ok ? it : { value: undefined };
        const checksum = value?.kind === 'tcp' ? value.tcp.checksum : value?.kind === 'udp' ? value.udp.checksum : '';
        if (checksum !== 'corrupt' || packet.csumBlank) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.stack-drops-unresolved',
    choice: 'has a stack that asks for the MAC of a neighbour and loses what it would send meanwhile',
    source: `${STACK}; RFC 1122, 2.3.2.2, only recommends to keep a packet`,
    backend: {},
    stack: choices.dropsUnresolved,
  },
  {
    id: 'backend.stack-resets-limited',
    choice: 'has a stack that resets at most 5 connections per second',
    source: 'FreeBSD sys/netinet/ip_icmp.c, badport_bandlim: BANDLIM_RST_CLOSEDPORT',
    backend: {},
    stack: choices.resetsLimited(5),
  },
];
