/** Defects of the reference backend, chapter receive. */
import { PADDED_FRAME } from '../../../packet/ethernet.js';
import { KEY, RSP, RXF } from '../../../protocol/netif.js';
import { RX_RING, slotOffset } from '../../../protocol/ring.js';
import { encodeRxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { isUnwritable } from '../support/backend.js';
import { Counts } from '../support/counts.js';
import { isPing } from '../support/packets.js';

const STALLED = { ok: false, reason: 'stalled' } as const;

export const BACKEND_RECEIVE_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.receive.wrong-id',
    breaks: 'RXW-02',
    fault: 'adds 1 to the id of each rx response',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, { ...request, id: (request.id + 1) & 0xffff }, piece, flags),
    },
  },
  {
    id: 'backend.receive.pads-page',
    breaks: 'RXW-19',
    fault: 'clears the rest of a buffer after the packet',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const page = new Uint8Array(PAGE_SIZE);
        page.set(piece);
        vif.domain.grants.copyTo([{ domain: queue.frontend, ref: request.gref, offset: 0, bytes: page }]);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: piece.length }));
      },
    },
  },
  {
    id: 'backend.receive.raw-status',
    breaks: 'RXW-06',
    fault: 'writes the GNTST status of a failed copy into the response',
    seen: 'Linux xen-netback, xenvif_rx_copy_flush',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const segment = { domain: queue.frontend, ref: request.gref, offset: 0, bytes: piece };
        const [status = 0] = vif.domain.grants.copyTo([segment]);
        queue.rx.put(
          encodeRxResponse({ id: request.id, offset: 0, flags, status: status < 0 ? status : piece.length }),
        );
      },
    },
  },
  {
    id: 'backend.receive.undefined-flag',
    breaks: 'RXW-23',
    fault: 'sets an undefined flag',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, request, piece, flags | (RXF.gsoPrefix << 1)),
    },
  },
  {
    id: 'backend.receive.in-pieces',
    breaks: 'RXW-21',
    fault: 'publishes the last of three or more responses 1 ms after the others',
    backend: {
      push(vif, ring, port) {
        const [queue] = vif.queues;
        if (ring !== queue?.rx || queue.rx.rspProdPvt - queue.rx.indices().rspProd < 3)
          return correct.push(vif, ring, port);
        const end = ring.rspProdPvt;
        ring.rspProdPvt = end - 1;
        correct.push(vif, ring, port);
        ring.rspProdPvt = end;
        vif.domain.clock.after(1, () => {
          if (vif.queues.includes(queue)) correct.push(vif, ring, port);
        });
      },
    },
  },
  {
    id: 'backend.receive.slot-by-slot',
    breaks: 'RXW-21',
    fault: 'publishes each rx response as soon as it has written it',
    backend: {
      fill(vif, queue, request, piece, flags) {
        correct.fill(vif, queue, request, piece, flags);
        correct.push(vif, queue.rx, queue.rxPort);
      },
    },
  },
  {
    id: 'backend.receive.leaks-in-padding',
    breaks: 'RXW-24',
    fault: 'pads short frames with what is in its memory',
    seen: 'CVE-2003-0001, EtherLeak: drivers pad frames with the bytes of earlier packets',
    backend: {
      fitting: (vif, packet) =>
        correct.fitting(vif, packet).map((each) => {
          const frame = new Uint8Array(Math.max(each.frame.length, PADDED_FRAME)).fill(0xa5);
          frame.set(each.frame);
          return { ...each, frame };
        }),
    },
  },
  {
    id: 'backend.receive.flags-everywhere',
    breaks: 'CSUM-13',
    fault: 'sets csum_blank on every fragment of more than 1600 bytes',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, request, piece, piece.length > 1600 ? flags | RXF.csumBlank : flags),
    },
  },
  {
    id: 'backend.receive.last-first',
    breaks: 'RXW-20',
    fault: 'delivers every tenth test frame after the frame that follows it',
    backend: (() => {
      let held: Parameters<BackendSteps['deliver']>[2] | undefined;
      let count = 0;
      return {
        deliver(vif, queue, packet) {
          const isTest = packet.frame[12] === 0x88 && packet.frame[13] === 0xb5;
          if (isTest && ++count % 10 === 0 && !held) {
            held = packet;
            return queue.rx.setReqEvent(queue.rx.reqCons + 1);
          }
          correct.deliver(vif, queue, packet);
          if (held && queue.rx.unconsumed().ok) correct.deliver(vif, queue, held);
          held = undefined;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.no-headroom',
    breaks: 'XDP-03',
    fault: 'reports headroom that it does not leave',
    seen: 'Linux xen-netback 6.1: the offset stays 0',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const { headroom } = vif;
        vif.headroom = 0;
        correct.fill(vif, queue, request, piece, flags);
        vif.headroom = headroom;
      },
    },
  },
  {
    id: 'backend.receive.short-count',
    breaks: 'RXW-05',
    fault: 'reports the size of a ping as one byte less',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, request, isPing(piece) ? piece.slice(0, -1) : piece, flags),
    },
  },
  {
    id: 'backend.receive.id-of-fifteen-bits',
    breaks: 'RXW-26',
    fault: 'keeps only fifteen bits of an id',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, { ...request, id: request.id & 0x7fff }, piece, flags),
    },
  },
  {
    id: 'backend.receive.full-is-too-much',
    breaks: 'RING-01',
    fault: 'delivers nothing while the rx ring is full of buffers, which it treats as an overflow',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        if (!ready.ok || ready.value < queue.rx.layout.size) correct.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.receive.starves',
    breaks: 'RXW-27',
    fault: 'delivers nothing after a frontend has run out of buffers',
    seen: 'Linux xen-netback after eb1723a29b9a: req_event is not set for an empty queue, and the vif stalls',
    backend: {
      drainBacklog(vif, queue) {
        const ready = queue.rx.unconsumed();
        if (ready.ok && ready.value === 0 && queue.backlog.length > 4) queue.rx.unconsumed = () => STALLED;
        correct.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.receive.slot-of-id',
    breaks: 'RXW-03',
    fault: 'puts a response to an id from 256 on into the slot that the id names modulo 256',
    backend: {
      fill(vif, queue, request, piece, flags) {
        if (request.id < RX_RING.size) return correct.fill(vif, queue, request, piece, flags);
        const at = slotOffset(RX_RING, queue.rx.rspProdPvt);
        const before = queue.rx.page.copyOut(at, RX_RING.slotBytes);
        correct.fill(vif, queue, request, piece, flags);
        const response = queue.rx.page.copyOut(at, RX_RING.slotBytes);
        queue.rx.page.copyIn(at, before);
        queue.rx.page.copyIn(slotOffset(RX_RING, request.id), response);
      },
    },
  },
  {
    id: 'backend.receive.beyond-page',
    breaks: 'RXW-07',
    fault: 'begins a full frame at offset 3072, cuts it at the end of the page and reports all of it',
    backend: {
      fill(vif, queue, request, piece, flags) {
        if (piece.length < 1500 || piece.length > 1514) return correct.fill(vif, queue, request, piece, flags);
        const offset = 3072;
        const bytes = piece.subarray(0, PAGE_SIZE - offset);
        vif.domain.grants.copyTo([{ domain: queue.frontend, ref: request.gref, offset, bytes }]);
        queue.rx.put(encodeRxResponse({ id: request.id, offset, flags, status: piece.length }));
      },
    },
  },
  {
    id: 'backend.receive.writes-late',
    breaks: 'RXW-18',
    fault: 'clears the last bytes of a buffer when it fills the next one',
    backend: (() => {
      const last = new WeakMap<object, number>();
      return {
        fill(vif, queue, request, piece, flags) {
          const ref = last.get(queue);
          const segment = { domain: queue.frontend, offset: PAGE_SIZE - 8, bytes: new Uint8Array(8) };
          if (ref !== undefined) vif.domain.grants.copyTo([{ ...segment, ref }]);
          last.set(queue, request.gref);
          correct.fill(vif, queue, request, piece, flags);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.always-sg',
    breaks: 'RXW-22',
    fault: 'splits frames of more than 1024 bytes for a frontend without feature-sg',
    backend: (() => {
      const plain = new WeakSet<object>();
      return {
        async readFeatures(vif) {
          await correct.readFeatures(vif);
          if (!vif.offers[KEY.featureSg]) plain.add(vif);
          vif.offers[KEY.featureSg] = true;
        },
        pieces(vif, frame) {
          if (!plain.has(vif) || frame.length <= 1024) return correct.pieces(vif, frame);
          return [frame.subarray(0, 1024), ...correct.pieces(vif, frame.subarray(1024))];
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.reads-pad',
    breaks: 'RXW-25',
    fault: 'responds with ERROR to an rx request whose pad is not zero',
    backend: {
      fill(vif, queue, request, piece, flags) {
        if (request.pad === 0) return correct.fill(vif, queue, request, piece, flags);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags: 0, status: RSP.error }));
      },
    },
  },
  {
    id: 'backend.receive.unasked-headroom',
    breaks: 'XDP-04',
    fault: 'sends an XDP extra with frames of 1500 bytes or more to a frontend that asked for no headroom',
    backend: {
      extras(vif, packet) {
        const extras = correct.extras(vif, packet);
        if (extras.length > 0 || packet.frame.length < 1500) return extras;
        return [{ type: 'xdp', flags: 0, headroom: 0, pad: 0 }];
      },
    },
  },
  {
    id: 'backend.receive.echoes-group',
    breaks: 'EXTRA-09',
    fault: 'sends a MCAST_ADD extra with frames of 1500 bytes or more',
    backend: {
      extras(vif, packet) {
        const extras = correct.extras(vif, packet);
        if (extras.length > 0 || packet.frame.length < 1500) return extras;
        return [{ type: 'mcast-add', flags: 0, address: packet.frame.slice(0, 6) }];
      },
    },
  },
  {
    id: 'backend.receive.empty-fragment',
    breaks: 'RXW-05',
    fault: 'adds an empty fragment to a packet that fills its last page',
    backend: {
      pieces(vif, frame) {
        const pieces = correct.pieces(vif, frame);
        return frame.length % PAGE_SIZE === 0 ? [...pieces, new Uint8Array()] : pieces;
      },
    },
  },
  {
    id: 'backend.receive.silent-on-bad-buffer',
    breaks: 'GNT-10',
    fault: 'delivers nothing more on a queue once it could not write a buffer',
    backend: (() => {
      const stuck = new WeakSet<object>();
      return {
        drainBacklog(vif, queue) {
          if (!stuck.has(queue)) correct.drainBacklog(vif, queue);
        },
        fill(vif, queue, request, piece, flags) {
          if (isUnwritable(vif, queue, request)) stuck.add(queue);
          else correct.fill(vif, queue, request, piece, flags);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.delivers-twice',
    breaks: 'RXW-37',
    fault: 'delivers a packet once more if it had waited for buffers',
    backend: (() => {
      const waiting = new Counts();
      return {
        drainBacklog(vif, queue) {
          const before = queue.backlog[0];
          correct.drainBacklog(vif, queue);
          if (before && queue.backlog[0] === before) waiting.next(before);
        },
        deliver(vif, queue, packet) {
          correct.deliver(vif, queue, packet);
          if (vif.bridgedTo || waiting.of(packet) === 0) return;
          waiting.clear(packet);
          queue.backlog.splice(1, 0, packet);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
