/** Defects of plain traffic: sizes, offsets, ids, order and checksums of whole packets, and what ends with a ring. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { IP_PROTOCOL } from '../../packet/ipv4.js';
import { KEY, RSP, TXF } from '../../protocol/netif.js';
import { slotOffset, TX_RING } from '../../protocol/ring.js';
import { decodeRxResponse } from '../../protocol/rx.js';
import { decodeTxResponse } from '../../protocol/tx.js';
import { PAGE_SIZE } from '../../xen/domain.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import { FRONTEND_STEPS as frontend, type FrontendSteps } from '../frontend-steps.js';
import type { FrontendQueueState } from '../frontend.js';
import type { VifPacket } from '../packet.js';
import type { Defect } from './defect.js';

const isIpv4 = (frame: Uint8Array, protocol: number): boolean =>
  frame[12] === 8 && frame[13] === 0 && frame[ETHERNET_HEADER + 9] === protocol;
const isPing = (frame: Uint8Array): boolean => isIpv4(frame, IP_PROTOCOL.icmp);
const isTcp = (frame: Uint8Array): boolean => isIpv4(frame, IP_PROTOCOL.tcp);

type Strange = (packet: VifPacket) => boolean;
const backendDrops = (strange: Strange): Partial<BackendSteps> => ({
  accept(vif, queue, packet) {
    if (!strange(packet)) backend.accept(vif, queue, packet);
  },
});
const frontendDrops = (strange: Strange): Partial<FrontendSteps> => ({
  accept(vif, queue, packet) {
    if (!strange(packet)) frontend.accept(vif, queue, packet);
  },
});

/** A frontend that gets no packet any more on a queue where a response was as `bad` tells. */
const deafAfter = (bad: (queue: FrontendQueueState, status: number) => boolean): Partial<FrontendSteps> => {
  const deaf = new WeakSet();
  return {
    takeRxSlot(queue, index, bytes) {
      const response = decodeRxResponse(bytes);
      if (queue.expect !== 'extra' && response.ok && bad(queue, response.value.status)) deaf.add(queue);
      const frame = frontend.takeRxSlot(queue, index, bytes);
      return deaf.has(queue) ? undefined : frame;
    },
  };
};

const isComplete: Strange = ({ frame, csumBlank }) => isTcp(frame) && !csumBlank;

export const TRAFFIC_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.transmit.smallest-mtu',
    breaks: 'TXW-31',
    fault: 'drops pings of more than the smallest MTU',
    backend: backendDrops(({ frame }) => isPing(frame) && frame.length >= 576 + ETHERNET_HEADER),
  },
  {
    id: 'backend.transmit.runts',
    breaks: 'TXW-31',
    fault: 'takes pings of less than 64 bytes for runts',
    backend: backendDrops(({ frame }) => isPing(frame) && frame.length < 64),
  },
  {
    id: 'backend.transmit.ignores-offset',
    breaks: 'TXW-31',
    fault: "looks for large frames at their page's start",
    backend: {
      fetch(vif, queue, chain) {
        const requests = chain.requests.map((each) => (each.size > 1000 ? { ...each, offset: 0 } : each));
        return backend.fetch(vif, queue, { ...chain, requests });
      },
    },
  },
  {
    id: 'backend.transmit.header-only',
    breaks: 'TXW-34',
    fault: 'refuses a frame that has no payload',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        return chain?.requests[0]?.size === ETHERNET_HEADER ? { ...chain, fault: 'empty' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.special-ids',
    breaks: 'TXW-10',
    fault: 'takes the ids 0 and 255 for none, but for the first of a ring',
    backend: {
      respond(vif, queue, chain, status) {
        const special = (id: number): boolean => id === 255 || (id === 0 && queue.tx.rspProdPvt > 4);
        const requests = chain.requests.map((each) => (special(each.id) ? { ...each, id: 0xffff } : each));
        backend.respond(vif, queue, { ...chain, requests }, status);
      },
    },
  },
  {
    id: 'backend.transmit.cuts-at-page',
    breaks: 'TXW-05',
    fault: 'cuts a fragment that crosses its page, and sends the rest on',
    seen: 'illumos xnb: offset and size are not checked against the page',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
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
    id: 'backend.receive.short-count',
    breaks: 'RXW-05',
    fault: 'counts a byte less than a ping has',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        backend.fill(vif, queue, request, isPing(piece) ? piece.slice(0, -1) : piece, flags),
    },
  },
  {
    id: 'backend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'delivers nothing once every slot of the rx ring was used',
    backend: {
      deliver(vif, queue, packet) {
        if (queue.rx.reqCons < queue.rx.layout.size) backend.deliver(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.rings.notes-in-slots',
    breaks: 'RING-13',
    fault: 'keeps notes in slots that hold no request',
    backend: {
      respond(vif, queue, chain, status) {
        const ahead = slotOffset(TX_RING, queue.tx.rspProdPvt + 80);
        queue.tx.page.copyIn(ahead, Uint8Array.of(1, 2, 3, 4));
        backend.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP whose checksum is complete',
    backend: backendDrops(isComplete),
  },
  {
    id: 'backend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'refuses data_validated without csum_blank',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        const flags = (chain?.requests[0]?.flags ?? 0) & (TXF.dataValidated | TXF.csumBlank);
        return chain && flags === TXF.dataValidated ? { ...chain, fault: 'validated' } : chain;
      },
    },
  },
  {
    id: 'backend.gref.any-access',
    breaks: 'GREF-14',
    fault: 'maps for reading what it can not map for writing',
    backend: {
      mapEntries: (table, entries) =>
        backend.mapEntries(table, entries) ||
        (entries.every(({ flags }) => flags === 0) &&
          backend.mapEntries(
            table,
            entries.map((entry) => ({ ...entry, flags: 1 })),
          )),
    },
  },
  {
    id: 'backend.staging.half-pool',
    breaks: 'STAG-12',
    fault: 'drops the pings of a vif whose pool has more than 256 entries',
    backend: {
      accept(vif, queue, packet) {
        if (queue.rxPool.size <= 256 || !isPing(packet.frame)) backend.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.xenbus.asked-first',
    breaks: 'XB-02',
    fault: 'stays in Initialising, but for its first vif',
    backend: (() => {
      const first = new WeakMap<object, string>();
      return {
        async setState(vif, state) {
          if (!first.has(vif.domain)) first.set(vif.domain, vif.path);
          if (state !== '2' || first.get(vif.domain) === vif.path) await backend.setState(vif, state);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'connects a vif four times and no more',
    backend: (() => {
      const counts = new WeakMap<object, number>();
      return {
        async connect(vif) {
          const count = (counts.get(vif) ?? 0) + 1;
          counts.set(vif, count);
          if (count > 4) throw new RangeError('enough');
          await backend.connect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.restarts-offline',
    breaks: 'XB-13',
    fault: 'starts again when its device is taken out',
    backend: {
      async setState(vif, state) {
        const offline = (await vif.domain.store.read(`${vif.path}/online`)) === '0';
        await backend.setState(vif, offline && state === '6' ? '2' : state);
      },
    },
  },
  {
    id: 'frontend.xenbus.ignores-rx-copy',
    breaks: 'XB-19',
    fault: 'goes to Connected whether or not the backend copies',
    frontend: {
      async backendChanged(vif) {
        await frontend.backendChanged(vif);
        const copies = (await vif.domain.store.read(`${vif.backendPath}/${KEY.featureRxCopy}`)) === '1';
        if (vif.seen === '2' && !copies) await frontend.setState(vif, '4');
      },
    },
  },
  {
    id: 'frontend.xenbus.dies-of-loss',
    breaks: 'XB-15',
    fault: 'connects no vif any more when a backend vanished under a connection',
    frontend: (() => {
      const dead = new WeakSet();
      const states = new WeakMap<object, string>();
      return {
        async setState(vif, state) {
          states.set(vif, state);
          await frontend.setState(vif, state);
        },
        disconnect(vif) {
          if (vif.queues.length > 0 && states.get(vif) === '4') dead.add(vif.domain);
          frontend.disconnect(vif);
        },
        async backendChanged(vif) {
          if (!dead.has(vif.domain)) await frontend.backendChanged(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'connects four times and no more',
    frontend: (() => {
      const counts = new WeakMap<object, number>();
      return {
        async connect(vif) {
          const count = (counts.get(vif.domain) ?? 0) + 1;
          counts.set(vif.domain, count);
          if (count <= 4) await frontend.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.trusts-index',
    breaks: 'RING-11',
    fault: 'stops for good when it is told of more responses than it asked for',
    seen: 'Linux xen-netfront before a884daa61a7d: rsp_prod was not checked',
    frontend: (() => {
      const dead = new WeakSet();
      return {
        serve(vif, queue) {
          if (!queue.tx.unconsumed().ok || !queue.rx.unconsumed().ok) dead.add(vif.domain);
          if (!dead.has(vif.domain)) frontend.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.short-small',
    breaks: 'TXW-01',
    fault: 'leaves the last byte out of the size of a small ping',
    frontend: {
      putTx(queue, request, offer) {
        const short = request.size < 64 && isPing(offer.page.copyOut(request.offset, ETHERNET_HEADER + 20));
        frontend.putTx(queue, { ...request, size: short ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.dies-of-errors',
    breaks: 'TXW-17',
    fault: 'sends nothing after eight responses that tell of an error',
    frontend: (() => {
      const errors = new WeakMap<object, number>();
      return {
        takeTxResponse(queue, bytes) {
          const response = decodeTxResponse(bytes);
          const bad = response.ok && (response.value.status === RSP.error || response.value.status === RSP.dropped);
          const count = (errors.get(queue) ?? 0) + Number(bad);
          errors.set(queue, count);
          if (count >= 8) queue.tx.free = () => 0;
          frontend.takeTxResponse(queue, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.dies-of-error',
    breaks: 'RXW-12',
    fault: 'receives nothing after a negative status',
    seen: 'Unikraft, OpenBSD xnf, Nanos: assertions on the status of a response',
    frontend: deafAfter((queue, status) => queue.expect === 'first' && status < 0),
  },
  {
    id: 'frontend.receive.dies-in-chain',
    breaks: 'RXW-12',
    fault: 'receives nothing after an error in the middle of a chain',
    seen: 'Linux xen-netfront (2.6, 503bcd598c): fragments after an error were not skipped',
    frontend: deafAfter((queue, status) => queue.expect === 'more' && status < 0),
  },
  {
    id: 'frontend.receive.last-first',
    breaks: 'RXW-09',
    fault: 'takes every fifth packet after the one behind it, where one waits there',
    frontend: (() => {
      const held = new WeakMap<object, VifPacket>();
      let count = 0;
      return {
        accept(vif, queue, packet) {
          const left = queue.rx.unconsumed();
          const before = held.get(queue);
          if (!before && isPing(packet.frame) && ++count % 5 === 0 && left.ok && left.value > 0) {
            held.set(queue, packet);
            return;
          }
          held.delete(queue);
          frontend.accept(vif, queue, packet);
          if (before) frontend.accept(vif, queue, before);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP whose checksum is complete',
    frontend: frontendDrops(isComplete),
  },
  {
    id: 'frontend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'drops packets with data_validated but not csum_blank',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const frame = frontend.takeRxSlot(queue, index, bytes);
        return response.ok && (response.value.flags & 3) === 1 ? undefined : frame;
      },
    },
  },
];
