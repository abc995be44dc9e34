/** Defects of the reference backend, chapter backlog. */
import { KEY, NR_SLOTS_MIN, RXF } from '../../../protocol/netif.js';
import { distance, slotOffset } from '../../../protocol/ring.js';
import { decodeRxRequest, decodeRxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import type { BackendQueueState } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { whenDelivered } from '../../legal/support/backend-transmit.js';
import type { Defect } from '../defect.js';

/** A reference that no frontend grants. */
const NO_REF = 0xfffffff0;
/** Packets that wait on a queue that can keep no more. */
const FULL = 64;
/** Buffers that a list of what is to be copied has room for. */
const BATCH = 128;

/** Whether the response that was put last reports an error. */
function hasFailed({ rx }: BackendQueueState): boolean {
  const response = decodeRxResponse(rx.page.copyOut(slotOffset(rx.layout, rx.rspProdPvt - 1), rx.layout.slotBytes));
  return response.ok && response.value.status < 0;
}

/** Writes a packet into buffers, and leaves out what `rest` says once a buffer can't be written. */
function failing(rest: 'extras' | 'fragments'): Partial<BackendSteps> {
  return {
    deliver(vif, queue, packet) {
      const extras = vif.steps.extras(vif, packet);
      const pieces = vif.steps.pieces(vif, packet.frame);
      for (const [n, piece] of pieces.entries()) {
        const request = decodeRxRequest(queue.rx.take());
        if (!request.ok) return;
        const first = n === 0 ? vif.steps.checksumFlags(packet) | (extras.length > 0 ? RXF.extraInfo : 0) : 0;
        vif.steps.fill(vif, queue, request.value, piece, (n < pieces.length - 1 ? RXF.moreData : 0) | first);
        const failed = hasFailed(queue);
        if (n === 0 && !(failed && rest === 'extras')) for (const extra of extras) vif.steps.fillExtra(queue, extra);
        if (failed && rest === 'fragments') break;
      }
      vif.steps.push(vif, queue.rx, queue.rxPort);
    },
  };
}

export const BACKEND_BACKLOG_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.backlog.single-channel-for-tx',
    breaks: 'SEC-09',
    fault: 'serves only the tx ring on events of the single channel of any queue but the first',
    backend: {
      serve(vif, queue) {
        if (queue.index === 0 || queue.txPort !== queue.rxPort) return correct.serve(vif, queue);
        vif.steps.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.backlog.single-channel-in-turn',
    breaks: 'SEC-09',
    fault: 'uses its queues in turn, and serves only the tx ring on events of a single channel',
    backend: (() => {
      let turn = 0;
      return {
        queueFor: (vif, frame) => correct.queueFor(vif, frame) ?? vif.queues[turn++ % vif.queues.length],
        serve(vif, queue) {
          if (queue.txPort !== queue.rxPort) return correct.serve(vif, queue);
          vif.steps.serveTx(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.backlog.stops-transmission',
    breaks: 'RING-09',
    fault: 'does not serve the tx ring of a queue while its backlog is full',
    backend: {
      serveTx(vif, queue) {
        if (queue.backlog.length < FULL) correct.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.backlog.one-full-all-full',
    breaks: 'MQ-16',
    fault: 'drops the packets of all queues while the backlog of one is full',
    backend: {
      send(vif, usual, packet) {
        if (vif.queues.every(({ backlog }) => backlog.length < FULL)) correct.send(vif, usual, packet);
      },
    },
  },
  {
    id: 'backend.backlog.same-number',
    breaks: 'MQ-14',
    fault: 'drops packets for a vif that has no queue of the number on which they came',
    backend: {
      accept(vif, queue, packet) {
        if (vif.bridgedTo && !vif.bridgedTo.queues[queue.index]) return;
        correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.backlog.two-extras',
    breaks: 'RING-08',
    fault: 'counts at most two extras when it looks whether enough buffers are posted',
    backend: {
      buffersFor(vif, packet) {
        return vif.steps.pieces(vif, packet.frame).length + Math.min(vif.steps.extras(vif, packet).length, 2);
      },
    },
  },
  {
    id: 'backend.backlog.headroom-not-counted',
    breaks: 'RXW-22',
    fault: 'compares a packet without its headroom with a page, for a frontend without feature-sg',
    backend: {
      drainBacklog(vif, queue) {
        if (vif.offers[KEY.featureSg]) return correct.drainBacklog(vif, queue);
        const fitting = queue.backlog.filter(({ frame }) => frame.length <= PAGE_SIZE);
        queue.backlog.splice(0, Infinity, ...fitting);
        vif.offers[KEY.featureSg] = true;
        correct.drainBacklog(vif, queue);
        vif.offers[KEY.featureSg] = false;
      },
    },
  },
  {
    id: 'backend.backlog.seventeen-pieces',
    breaks: 'GSO-06',
    fault: 'drops packets that with their headroom need as many slots as a packet may have',
    backend: {
      send(vif, usual, packet) {
        const count = vif.steps.pieces(vif, packet.frame).length;
        if (vif.headroom === 0 || count < NR_SLOTS_MIN) correct.send(vif, usual, packet);
      },
    },
  },
  {
    id: 'backend.backlog.no-extra-after-error',
    breaks: 'EXTRA-04',
    fault: 'leaves out the extras that it has announced if the first buffer cannot be written',
    backend: failing('extras'),
  },
  {
    id: 'backend.backlog.ends-at-error',
    breaks: 'RXW-09',
    fault: 'leaves out the fragments that it has announced after a buffer that cannot be written',
    backend: failing('fragments'),
  },
  {
    id: 'backend.backlog.more-after-error',
    breaks: 'RXW-09',
    fault: 'announces another fragment in the response to each buffer after the first that cannot be written',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const [found] = vif.domain.grants.copyTo([
          { domain: queue.frontend, ref: request.gref, offset: 0, bytes: new Uint8Array(0) },
        ]);
        const isLater = (flags & ~RXF.moreData) === 0;
        correct.fill(vif, queue, request, piece, found !== 0 && isLater ? flags | RXF.moreData : flags);
      },
    },
  },
  {
    id: 'backend.backlog.error-stays',
    breaks: 'RXW-05',
    fault: 'keeps the status of a buffer that it may not write for the other buffers of the same run',
    backend: (() => {
      const failed = new WeakSet<object>();
      return {
        drainBacklog(vif, queue) {
          failed.delete(queue);
          correct.drainBacklog(vif, queue);
        },
        fill(vif, queue, request, piece, flags) {
          correct.fill(vif, queue, failed.has(queue) ? { ...request, gref: NO_REF } : request, piece, flags);
          if (hasFailed(queue)) failed.add(queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.backlog.holds-sender',
    breaks: 'TXW-40',
    fault: 'responds to a packet only when the vif behind the bridge has delivered its waiting packets',
    seen: 'Linux xen-netback (2.6) before 6623d7edad: packets for a vif without buffers hold the grants of their senders',
    backend: whenDelivered(Infinity),
  },
  {
    id: 'backend.backlog.batch-of-128',
    breaks: 'RXW-27',
    fault: 'delivers nothing more on a queue after it has used more than 128 buffers at once',
    seen: 'Linux xen-netback (2.6) before 57dcc574ee: the list of a batch overflows',
    backend: (() => {
      const broken = new WeakSet<object>();
      return {
        drainBacklog(vif, queue) {
          if (broken.has(queue)) return;
          const before = queue.rx.reqCons;
          correct.drainBacklog(vif, queue);
          if (distance(before, queue.rx.reqCons) > BATCH) broken.add(queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
