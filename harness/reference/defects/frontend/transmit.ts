/** Defects of the reference frontend, chapter transmit. */
import { concat } from '../../../bytes/bytes.js';
import { encodeExtra } from '../../../protocol/extra.js';
import { KEY, RSP, TXF } from '../../../protocol/netif.js';
import { TX_RING } from '../../../protocol/ring.js';
import { decodeTxResponse, encodeTxRequest, encodeTxResponse } from '../../../protocol/tx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { mortalFrontend } from '../support/mortal.js';
import { HEADERS, isPing } from '../support/packets.js';

/** Bytes of the largest frame at the usual MTU. */
const FULL_FRAME = 1514;

/** Sends frames of the usual MTU in the pieces given, if the backend has feature-sg. */
const cutsFullFrames = (pieces: readonly number[]): Pick<FrontendSteps, 'fragments'> => ({
  fragments: (vif, length) =>
    length === FULL_FRAME && vif.offers[KEY.featureSg] ? [...pieces] : correct.fragments(vif, length),
});

/** A view of a vif with some of its properties replaced. */
const changed = (vif: FrontendVif, change: Partial<FrontendVif>): FrontendVif =>
  Object.assign(Object.create(vif) as FrontendVif, change);

export const FRONTEND_TRANSMIT_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.transmit.rounds-size-down',
    breaks: 'TXW-01',
    fault: 'rounds the size of a frame of 1042 bytes down to whole words',
    frontend: {
      putTx(queue, request, offer) {
        correct.putTx(queue, { ...request, size: request.size === 1042 ? request.size & ~3 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.crosses-page',
    breaks: 'TXW-04',
    fault: 'places a frame of 1514 bytes so that it crosses its page',
    seen: 'mirage-net-xen before 1.1.1: packets larger than their page',
    frontend: {
      putTx: (queue, request, offer) =>
        correct.putTx(queue, { ...request, offset: request.size === 1514 ? 4090 : request.offset }, offer),
    },
  },
  {
    id: 'frontend.transmit.writable',
    breaks: 'GNT-05',
    fault: 'grants tx pages for writing',
    seen: 'mini-os netfront (1675910): tx pages were granted for writing',
    frontend: {
      buffer(vif, _, bytes) {
        const offer = vif.domain.grants.offer(vif.backend, 'read-write');
        offer.page.copyIn(0, bytes);
        return offer;
      },
    },
  },
  {
    id: 'frontend.transmit.reuses-buffer',
    breaks: 'TXW-16',
    fault: 'overwrites the oldest buffer when more than four are in flight',
    seen: 'mirage, MSA02: a page is used again while the peer still has it',
    frontend: {
      putTx(queue, request, offer) {
        queue.tx.put(encodeTxRequest(request));
        queue.sending.set(request.id, offer);
        const [oldest] = queue.sending.values();
        if (queue.sending.size > 4) oldest?.page.copyIn(0, new Uint8Array(64));
      },
    },
  },
  {
    id: 'frontend.transmit.ignores-sg',
    breaks: 'TXW-32',
    fault: 'splits packets for a backend without feature-sg',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (frame.length < 100 || frame.length > PAGE_SIZE) return correct.transmit(vif, queue, packet);
        const [head, tail] = [frame.subarray(0, 60), frame.subarray(60)];
        const first = vif.steps.buffer(vif, queue, head);
        const second = vif.steps.buffer(vif, queue, tail);
        const id = queue.tx.reqProdPvt & 0xff;
        vif.steps.putTx(queue, { gref: first.ref, offset: 0, flags: TXF.moreData, id, size: frame.length }, first);
        vif.steps.putTx(queue, { gref: second.ref, offset: 0, flags: 0, id: id + 256, size: tail.length }, second);
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'frontend.transmit.short-small',
    breaks: 'TXW-01',
    fault: 'reports the size of a ping of less than 64 bytes as one byte less',
    frontend: {
      putTx(queue, request, offer) {
        const short = request.size < 64 && isPing(offer.page.copyOut(request.offset, HEADERS));
        correct.putTx(queue, { ...request, size: short ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.dies-of-errors',
    breaks: 'TXW-17',
    fault: 'sends nothing after eight responses with ERROR or DROPPED',
    frontend: (() => {
      const errors = new Counts();
      return {
        takeTxResponse(queue, bytes) {
          const response = decodeTxResponse(bytes);
          const bad = response.ok && (response.value.status === RSP.error || response.value.status === RSP.dropped);
          if (bad && errors.next(queue) >= 8) queue.tx.free = () => 0;
          correct.takeTxResponse(queue, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.short-pings',
    breaks: 'TXW-03',
    fault: 'reports the size of a ping as one byte less',
    frontend: {
      putTx(queue, request, offer) {
        const ping = isPing(offer.page.copyOut(request.offset, HEADERS));
        correct.putTx(queue, { ...request, size: ping ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.short-first',
    breaks: 'TXW-35',
    fault: 'ends the first fragment of a ping of 106 bytes in the Ethernet header',
    seen: 'Linux xen-netfront before ca26893f05e8: the header crosses a page',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (!isPing(frame) || frame.length !== 106 || !vif.offers[KEY.featureSg] || queue.tx.free() < 2)
          return correct.transmit(vif, queue, packet);
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
    id: 'frontend.transmit.ends-early',
    breaks: 'TXW-07',
    fault: 'omits more_data on the first of two fragments',
    frontend: {
      ...cutsFullFrames([60, FULL_FRAME - 60]),
      putTx: (queue, request, offer) =>
        correct.putTx(queue, { ...request, flags: request.flags & ~TXF.moreData }, offer),
    },
  },
  {
    id: 'frontend.transmit.flags-later-fragments',
    breaks: 'TXW-08',
    fault: 'sets an undefined flag on later fragments',
    frontend: (() => {
      const inside = new WeakSet();
      return {
        ...cutsFullFrames([60, FULL_FRAME - 60]),
        putTx(queue, request, offer) {
          const flags = inside.has(queue) ? request.flags | 0x10 : request.flags;
          if (flags & TXF.moreData) inside.add(queue);
          else inside.delete(queue);
          correct.putTx(queue, { ...request, flags }, offer);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.19-slots',
    breaks: 'SLOT-02',
    fault: 'sends frames of 1514 bytes in 19 slots',
    frontend: {
      ...cutsFullFrames([...Array<number>(17).fill(80), 154]),
      putTx(queue, request, offer) {
        if (request.size !== 154 || request.flags !== 0) return correct.putTx(queue, request, offer);
        correct.putTx(queue, { ...request, size: 100, flags: TXF.moreData }, offer);
        const rest = queue.txPool.take();
        rest.page.copyIn(0, offer.page.copyOut(request.offset + 100, 54));
        const last = { gref: rest.ref, offset: 0, flags: 0, id: 0x8000 + request.id, size: 54 };
        correct.putTx(queue, last, rest);
      },
    },
  },
  {
    id: 'frontend.transmit.xdp-extra',
    breaks: 'XDP-04',
    fault: 'sends an XDP extra with each frame of 1514 bytes',
    frontend: {
      putTx(queue, request, offer) {
        const full = request.size === FULL_FRAME && (request.flags & TXF.extraInfo) === 0;
        correct.putTx(queue, { ...request, flags: full ? request.flags | TXF.extraInfo : request.flags }, offer);
        if (full) queue.tx.put(encodeExtra({ type: 'xdp', flags: 0, headroom: 256, pad: 0 }));
      },
    },
  },
  {
    id: 'frontend.transmit.check-sequence',
    breaks: 'TXW-33',
    fault: 'appends a frame check sequence to each ping of more than 64 bytes',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (!isPing(frame) || frame.length <= 64 || frame.length > 1000) return correct.transmit(vif, queue, packet);
        correct.transmit(vif, queue, { ...packet, frame: Uint8Array.of(...frame, 0xde, 0xbb, 0x20, 0xe3) });
      },
    },
  },
  {
    id: 'frontend.transmit.dies-of-unknown-id',
    breaks: 'TXW-19',
    fault: 'stops serving every vif after a response with an id that is not in flight',
    seen: 'OpenBSD xnf, Unikraft, Nanos: assertions on the responses of the backend',
    frontend: mortalFrontend((die) => ({
      takeTxResponse(queue, bytes) {
        const response = decodeTxResponse(bytes);
        if (response.ok && response.value.status === RSP.okay && !queue.sending.has(response.value.id)) die();
        correct.takeTxResponse(queue, bytes);
      },
    })),
  },
  {
    id: 'frontend.transmit.id-low-byte',
    breaks: 'TXW-16',
    fault: 'finds the packet of a response by the low byte of its id',
    frontend: {
      takeTxResponse(queue, bytes) {
        const response = decodeTxResponse(bytes);
        if (response.ok)
          correct.takeTxResponse(queue, encodeTxResponse({ ...response.value, id: response.value.id & 0xff }));
      },
    },
  },
  {
    id: 'frontend.transmit.frees-other-queue',
    breaks: 'TXW-16',
    fault: 'frees the buffers of the other queue of two on a response',
    frontend: {
      serveTx(vif, queue) {
        const other = vif.queues.length === 2 ? vif.queues[1 - queue.index] : undefined;
        if (!other) return correct.serveTx(vif, queue);
        const takeTxResponse: FrontendSteps['takeTxResponse'] = (own, bytes) => {
          correct.takeTxResponse(other, bytes);
          correct.takeTxResponse(own, bytes);
        };
        correct.serveTx(changed(vif, { steps: { ...vif.steps, takeTxResponse } }), queue);
      },
    },
  },
  {
    id: 'frontend.transmit.buffer-twice-in-pool',
    breaks: 'TXW-16',
    fault: 'returns a buffer that it offered for mapping to its pool twice, and uses it for two packets at once',
    frontend: {
      takeTxResponse(queue, bytes) {
        const response = decodeTxResponse(bytes);
        const offer = response.ok && response.value.status !== RSP.null && queue.sending.get(response.value.id);
        correct.takeTxResponse(queue, bytes);
        if (offer && queue.txPool.refs.includes(offer.ref)) queue.txPool.give(offer);
      },
    },
  },
  {
    id: 'frontend.transmit.ids-restart',
    breaks: 'RING-16',
    fault: 'starts again with id 0 on all vifs when one of them disconnects',
    frontend: (() => {
      const next = new Counts();
      return {
        txId: () => (next.next(next) - 1) % TX_RING.size,
        disconnect(vif) {
          next.clear(next);
          correct.disconnect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.ids-restart-on-connect',
    breaks: 'RING-16',
    fault: 'starts again with id 0 on all vifs when one of them connects',
    frontend: (() => {
      const next = new Counts();
      return {
        txId: () => (next.next(next) - 1) % TX_RING.size,
        connect(vif) {
          next.clear(next);
          return correct.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.frees-all-on-connect',
    breaks: 'TXW-16',
    fault: 'treats the tx buffers of all vifs as free when one of them connects',
    frontend: (() => {
      const opened = new Set<FrontendQueueState>();
      return {
        openQueue(vif, index, split) {
          for (const { sending, txPool } of opened) {
            for (const offer of sending.values()) txPool.give(offer);
            sending.clear();
          }
          const queue = correct.openQueue(vif, index, split);
          opened.add(queue);
          return queue;
        },
        disconnect(vif) {
          for (const queue of vif.queues) opened.delete(queue);
          correct.disconnect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.pads-with-old-bytes',
    breaks: 'TXW-38',
    fault: 'pads its short frames with bytes of an earlier frame',
    seen: 'many drivers of real devices before 2003 (CVE-2003-0001)',
    frontend: (() => {
      const earlier = new WeakMap<FrontendVif, Uint8Array>();
      return {
        transmit(vif, queue, packet) {
          const { frame } = packet;
          const old = earlier.get(vif);
          if (frame.length >= 60) earlier.set(vif, frame);
          if (vif.bridgedTo || frame.length >= 60 || !old) return correct.transmit(vif, queue, packet);
          correct.transmit(vif, queue, { ...packet, frame: concat(frame, old.subarray(frame.length, 60)) });
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.sends-twice',
    breaks: 'TXW-39',
    fault: 'sends every twentieth packet of its stack twice',
    frontend: (() => {
      const sent = new Counts();
      return {
        transmit(vif, queue, packet) {
          correct.transmit(vif, queue, packet);
          if (!vif.bridgedTo && sent.next(vif) % 20 === 0) correct.transmit(vif, queue, packet);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
