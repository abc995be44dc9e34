/** Defects of plain traffic: sizes, offsets, ids, order and checksums of whole packets, and what ends with a ring. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { IP_PROTOCOL } from '../../packet/ipv4.js';
import { KEY, RSP, TXF } from '../../protocol/netif.js';
import { RING_OFFSET, RX_RING, slotOffset, TX_RING } from '../../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest } from '../../protocol/rx.js';
import { BackRing } from '../../protocol/shared-ring.js';
import { decodeTxResponse, encodeTxResponse } from '../../protocol/tx.js';
import { PAGE_SIZE } from '../../xen/domain.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import { FRONTEND_STEPS as frontend, type FrontendSteps } from '../frontend-steps.js';
import type { FrontendQueueState } from '../frontend.js';
import { readOther } from '../bus.js';
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

/** Accepts every fifth ping after the packet behind it, where one waits there. */
function lastFirst<A extends readonly [unknown, object, VifPacket]>(
  accept: (...args: A) => void,
  waiting: (queue: A[1]) => { readonly ok: boolean; readonly value?: number },
): { accept: (...args: A) => void } {
  const held = new WeakMap<object, A>();
  let count = 0;
  return {
    accept(...args) {
      const [, queue, packet] = args;
      const before = held.get(queue);
      const left = waiting(queue);
      if (!before && isPing(packet.frame) && ++count % 5 === 0 && left.ok && (left.value ?? 0) > 0) {
        held.set(queue, args);
        return;
      }
      held.delete(queue);
      accept(...args);
      if (before) accept(...before);
    },
  };
}

const STALLED = { ok: false, reason: 'stalled' } as const;
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
        const special = (id: number): boolean => id === 255 || (id === 0 && queue.tx.rspProdPvt > 0);
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
    id: 'backend.transmit.last-first',
    breaks: 'TXW-30',
    fault: 'sends every fifth ping after the one behind it, where one waits there',
    backend: lastFirst<Parameters<BackendSteps['accept']>>(
      (...args) => backend.accept(...args),
      (queue) => queue.tx.unconsumed(),
    ),
  },
  {
    id: 'backend.transmit.unknown-flags',
    breaks: 'TXW-22',
    fault: 'refuses a request with a flag that is not defined',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        return (chain?.requests[0]?.flags ?? 0) > 0xf && chain ? { ...chain, fault: 'flags' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.writes',
    breaks: 'TXW-24',
    fault: 'takes packets of more than a header only from pages that it may write',
    seen: 'mini-os netfront granted its tx pages for writing for such a backend (1675910)',
    backend: {
      fetch(vif, queue, chain) {
        const [first] = chain.requests;
        if (!first || first.size < 60) return backend.fetch(vif, queue, chain);
        const { gref: ref, offset } = first;
        const segment = { domain: queue.frontend, ref, offset, bytes: new Uint8Array(1) };
        return vif.domain.grants.copyTo([segment])[0] === 0 ? backend.fetch(vif, queue, chain) : undefined;
      },
    },
  },
  {
    id: 'backend.transmit.keeps-page',
    breaks: 'TXW-15',
    fault: 'keeps the page of every packet of a vif mapped until the vif closes',
    seen: 'Linux xen-netback before 99e87f56b48f: grants stayed mapped',
    backend: (() => {
      const kept = new WeakMap<object, { unmap(): void }[]>();
      return {
        fetch(vif, queue, chain) {
          const frame = backend.fetch(vif, queue, chain);
          const [first] = chain.requests;
          const pages = kept.get(vif) ?? [];
          kept.set(vif, pages);
          if (frame && first && pages.length < 64)
            pages.push(vif.domain.grants.map(queue.frontend, [first.gref], 'read-only'));
          return frame;
        },
        disconnect(vif) {
          for (const page of kept.get(vif)?.splice(0) ?? []) page.unmap();
          backend.disconnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.byte-id',
    breaks: 'RXW-26',
    fault: 'keeps fifteen bits of an id',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        backend.fill(vif, queue, { ...request, id: request.id & 0x7fff }, piece, flags),
    },
  },
  {
    id: 'backend.receive.full-is-too-much',
    breaks: 'RING-01',
    fault: 'takes a full ring of buffers for an overflow',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        const [next] = queue.backlog;
        const full = ready.ok && ready.value === queue.rx.layout.size;
        if (!full || !next || !isPing(next.frame)) backend.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.receive.starves',
    breaks: 'RXW-27',
    fault: 'delivers nothing any more once a frontend had no buffers',
    seen: 'Linux xen-netback after eb1723a29b9a: req_event was not set for an empty queue, and the vif stalled',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        if (ready.ok && ready.value === 0 && queue.backlog.length > 4) queue.rx.unconsumed = () => STALLED;
        backend.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.rings.compares-indices',
    breaks: 'RING-04',
    fault: 'takes an index that is smaller than before for nothing new',
    seen: 'OpenBSD xnf, Nanos: absolute indices are compared',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.indices().reqProd >= queue.tx.reqCons) backend.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.rings.serves-overfull',
    breaks: 'RING-20',
    fault: 'serves a ring that starts overfull from its last slots on',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const [page] = vif.domain.grants.map(frontend, refs.slice(0, 1), 'read-write').pages;
        const ring = page && new BackRing(page, TX_RING);
        const { reqProd, rspProd } = ring?.indices() ?? { reqProd: 0, rspProd: 0 };
        if (ring && reqProd - rspProd > TX_RING.size) page.store32(RING_OFFSET.reqProd, rspProd);
        return backend.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.rings.batches',
    breaks: 'RING-09',
    fault: 'publishes its responses to quiet frames by fours',
    backend: {
      respond(vif, queue, chain, status) {
        const [first] = chain.requests;
        const quiet = first !== undefined && first.size > 42 && first.size < 70;
        const held = quiet && (queue.tx.rspProdPvt & 3) !== 0;
        if (!held) return backend.respond(vif, queue, chain, status);
        queue.tx.put(encodeTxResponse({ id: first.id, status }));
      },
    },
  },
  {
    id: 'backend.notifications.polls',
    breaks: 'NOTIFY-04',
    fault: 'looks by a clock, and asks for no event',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const queue = backend.openQueue(vif, frontend, index, refs, channels);
        const look = (): void => {
          if (!vif.queues.includes(queue)) return;
          vif.steps.serve(vif, queue);
          vif.domain.clock.after(5, look);
        };
        vif.domain.clock.after(5, look);
        return queue;
      },
      serve(vif, queue) {
        backend.serve(vif, queue);
        queue.tx.setReqEvent(queue.tx.reqCons);
      },
    },
  },
  {
    id: 'backend.queues.split-by-word',
    breaks: 'SEC-01',
    fault: 'advertises split event channels as 2',
    backend: { features: () => ({ ...backend.features(), [KEY.featureSplitEventChannels]: '2' }) },
  },
  {
    id: 'backend.xenbus.rx-copy-by-word',
    breaks: 'XB-19',
    fault: 'advertises feature-rx-copy as 2',
    backend: { features: () => ({ ...backend.features(), [KEY.featureRxCopy]: '2' }) },
  },
  {
    id: 'backend.xenbus.dies-of-loss',
    breaks: 'XB-17',
    fault: 'serves nothing any more when a frontend vanished under a connection',
    backend: (() => {
      const dead = new WeakSet();
      return {
        async frontendChanged(vif) {
          const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
          if (state === undefined && vif.seen === '4') dead.add(vif.domain);
          await backend.frontendChanged(vif);
        },
        serve(vif, queue) {
          if (!dead.has(vif.domain)) backend.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
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
    fault: 'takes every fifth ping after the one behind it, where one waits there',
    frontend: lastFirst<Parameters<FrontendSteps['accept']>>(
      (...args) => frontend.accept(...args),
      (queue) => queue.rx.unconsumed(),
    ),
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
  {
    id: 'frontend.xenbus.last-one-only',
    breaks: 'XB-14',
    fault: 'serves only the vif that connected last',
    frontend: (() => {
      const last = new WeakMap<object, object>();
      return {
        async connect(vif) {
          last.set(vif.domain, vif);
          await frontend.connect(vif);
        },
        serve(vif, queue) {
          if (last.get(vif.domain) === vif) frontend.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'posts no buffer any more once every slot of the ring was used',
    frontend: {
      post(vif, queue) {
        if (queue.rx.reqProdPvt < RX_RING.size) frontend.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.rings.overruns',
    breaks: 'RING-06',
    fault: 'publishes more requests than there are slots when responses stay out',
    seen: 'mini-os netfront before 209d511: no check for a full tx ring',
    frontend: {
      transmit(vif, queue, packet) {
        frontend.transmit(vif, queue, packet);
        const { rspProd } = queue.tx.indices();
        if (queue.sending.size > 20) queue.tx.page.store32(RING_OFFSET.reqProd, rspProd + TX_RING.size + 1);
      },
    },
  },
  {
    id: 'frontend.notifications.polls',
    breaks: 'NOTIFY-04',
    fault: 'looks by a clock, and asks for no event',
    seen: 'iPXE netfront, by design',
    frontend: {
      openQueue(vif, index, split) {
        const queue = frontend.openQueue(vif, index, split);
        const look = (): void => {
          if (!vif.queues.includes(queue)) return;
          vif.steps.serve(vif, queue);
          vif.domain.clock.after(5, look);
        };
        vif.domain.clock.after(5, look);
        return queue;
      },
      serve(vif, queue) {
        frontend.serve(vif, queue);
        for (const ring of [queue.tx, queue.rx]) ring.page.store32(RING_OFFSET.rspEvent, ring.rspCons);
      },
    },
  },
  {
    id: 'frontend.notifications.rx-notify-by-word',
    breaks: 'NOTIFY-08',
    fault: 'writes feature-rx-notify as yes',
    frontend: { features: () => ({ ...frontend.features(), [KEY.featureRxNotify]: 'yes' }) },
  },
  {
    id: 'frontend.transmit.short-pings',
    breaks: 'TXW-03',
    fault: 'leaves the last byte out of the size of a ping',
    frontend: {
      putTx(queue, request, offer) {
        const ping = isPing(offer.page.copyOut(request.offset, ETHERNET_HEADER + 20));
        frontend.putTx(queue, { ...request, size: ping ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.short-first',
    breaks: 'TXW-35',
    fault: 'ends the first fragment of a default ping in its Ethernet header',
    seen: 'Linux xen-netfront before ca26893f05e8: the header crossed a page',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (!isPing(frame) || frame.length !== 106 || !vif.offers[KEY.featureSg] || queue.tx.free() < 2)
          return frontend.transmit(vif, queue, packet);
        const pieces = [frame.subarray(0, 10), frame.subarray(10)];
        for (const [n, piece] of pieces.entries()) {
          const offer = vif.steps.buffer(vif, queue, piece);
          const size = n === 0 ? frame.length : piece.length;
          const flags = n === 0 ? TXF.moreData : 0;
          const used = new Set(queue.sending.keys());
          const id = [...Array(512).keys()].find((each) => !used.has(each)) ?? 0;
          vif.steps.putTx(queue, { gref: offer.ref, offset: 0, flags, id, size }, offer);
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'frontend.receive.readonly-buffers',
    breaks: 'RXW-01',
    fault: 'posts buffers that can not be written, but for the first four',
    frontend: {
      post(vif, queue) {
        const { rxPool } = queue;
        const take = rxPool.take.bind(rxPool);
        rxPool.take = () => (queue.rx.reqProdPvt < 4 ? take() : vif.domain.grants.offer(vif.backend, 'read-only'));
        frontend.post(vif, queue);
        rxPool.take = take;
      },
    },
  },
  {
    id: 'frontend.receive.few-buffers',
    breaks: 'SLOT-08',
    fault: 'keeps four buffers posted',
    seen: 'iPXE netfront before 7457bfc5b: too few buffers for a largest packet',
    frontend: {
      post(_, queue) {
        while (queue.posted.size < 4 && queue.rx.free() > 0) {
          const offer = queue.rxPool.take();
          const id = queue.rx.reqProdPvt & (RX_RING.size - 1);
          queue.posted.set(queue.rx.put(encodeRxRequest({ id, pad: 0, gref: offer.ref })), { id, offer });
        }
      },
    },
  },
];
