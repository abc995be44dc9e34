/** Defects of the reference frontend, chapter receive. */
import { concat } from '../../../bytes/bytes.js';
import { decodeExtra } from '../../../protocol/extra.js';
import { RXF } from '../../../protocol/netif.js';
import { RX_RING } from '../../../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest, type RxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { VifPacket } from '../../packet.js';
import type { Defect } from '../defect.js';
import { mortalFrontend } from '../support/mortal.js';
import { Counts } from '../support/counts.js';
import { lastFirst } from '../support/packets.js';

/** Receives nothing more on a queue after a response for which `bad` returns true. */
const deafAfter = (bad: (queue: FrontendQueueState, status: number) => boolean): Partial<FrontendSteps> => {
  const deaf = new WeakSet();
  return {
    takeRxSlot(queue, index, bytes) {
      const response = decodeRxResponse(bytes);
      if (queue.expect !== 'extra' && response.ok && bad(queue, response.value.status)) deaf.add(queue);
      const frame = correct.takeRxSlot(queue, index, bytes);
      return deaf.has(queue) ? undefined : frame;
    },
  };
};

/** Stops serving every vif at an rx slot for which `bad` returns true. */
const diesOf = (bad: (queue: FrontendQueueState, bytes: Uint8Array) => boolean): Partial<FrontendSteps> =>
  mortalFrontend((die) => ({
    takeRxSlot(queue, index, bytes) {
      if (bad(queue, bytes)) die();
      return correct.takeRxSlot(queue, index, bytes);
    },
  }));

/** The same for the response of a data slot. */
const diesOfResponse = (bad: (response: RxResponse) => boolean): Partial<FrontendSteps> =>
  diesOf((queue, bytes) => {
    const response = decodeRxResponse(bytes);
    return queue.expect !== 'extra' && response.ok && bad(response.value);
  });

/** Discards the packets that it finds together with an error, and `where` of it. */
const discardsAround = (where: 'before' | 'after'): Defect => ({
  id: `frontend.receive.discards-${where}-error`,
  breaks: 'RXW-12',
  fault: `discards the packets ${where} an error that it finds at the same time`,
  frontend: {
    takeRx(vif, queue, count) {
      const packets: VifPacket[] = [];
      let failed = false;
      for (let n = 0; n < count; n++) {
        const index = queue.rx.rspCons;
        const bytes = queue.rx.take();
        const response = decodeRxResponse(bytes);
        const isError = queue.expect !== 'extra' && response.ok && response.value.status < 0;
        failed ||= isError;
        if (isError && where === 'before') packets.length = 0;
        const frame = vif.steps.takeRxSlot(queue, index, bytes);
        if (frame && !(failed && where === 'after')) packets.push({ ...queue.partial, frame });
      }
      for (const packet of packets) vif.steps.accept(vif, queue, packet);
    },
  },
});

export const FRONTEND_RECEIVE_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.receive.ignores-offset',
    breaks: 'RXW-08',
    fault: 'reads packets from the start of the buffer',
    seen: 'Unikraft netfront before ffdb6354, mirage-net-xen 1.x',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy.fill(0, 2, 4);
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.receive.single-slots',
    breaks: 'RXW-09',
    fault: 'treats every slot as a packet',
    seen: 'mini-os netfront: flags are ignored',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy[4] = (copy[4] ?? 0) & ~RXF.moreData;
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.receive.leaks-on-error',
    breaks: 'RXW-12',
    fault: 'does not post a buffer again after an error',
    seen: 'Linux xen-netfront: leaked the buffers of invalid responses',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const posted = queue.posted.get(index);
        const frame = correct.takeRxSlot(queue, index, bytes);
        if (((bytes[7] ?? 0) & 0x80) !== 0 && posted) queue.posted.set(-index - 1, posted);
        return frame;
      },
    },
  },
  {
    id: 'frontend.receive.no-refill',
    breaks: 'RXW-17',
    fault: 'never posts a buffer again',
    seen: 'Linux xen-netfront before 5d5c293af834: posts no buffers after memory was short',
    frontend: {
      post(vif, queue) {
        if (queue.rx.reqProdPvt === 0) correct.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.receive.dies-of-error',
    breaks: 'RXW-12',
    fault: 'receives nothing on a queue after a negative status',
    seen: 'Unikraft, OpenBSD xnf, Nanos: assertions on the status of a response',
    frontend: deafAfter((queue, status) => queue.expect === 'first' && status < 0),
  },
  {
    id: 'frontend.receive.dies-in-chain',
    breaks: 'RXW-12',
    fault: 'receives nothing on a queue after an error in a later fragment',
    seen: 'Linux xen-netfront (2.6, 503bcd598c): fragments after an error are not skipped',
    frontend: deafAfter((queue, status) => queue.expect === 'more' && status < 0),
  },
  {
    id: 'frontend.receive.last-first',
    breaks: 'RXW-30',
    fault: 'accepts every fifth ping after the packet that follows it',
    frontend: lastFirst<Parameters<FrontendSteps['accept']>>(
      (...args) => correct.accept(...args),
      (queue) => queue.rx.unconsumed(),
    ),
  },
  {
    id: 'frontend.receive.readonly-buffers',
    breaks: 'RXW-01',
    fault: 'posts read-only buffers after its first',
    frontend: {
      post(vif, queue) {
        const { rxPool } = queue;
        const take = rxPool.take.bind(rxPool);
        rxPool.take = () => (queue.rx.reqProdPvt < 1 ? take() : vif.domain.grants.offer(vif.backend, 'read-only'));
        correct.post(vif, queue);
        rxPool.take = take;
      },
    },
  },
  {
    id: 'frontend.receive.few-buffers',
    breaks: 'SLOT-08',
    fault: 'keeps only four buffers posted',
    seen: 'iPXE netfront before 7457bfc5b: too few buffers for the largest packet',
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
  {
    id: 'frontend.receive.small-offsets',
    breaks: 'RXW-08',
    fault: 'drops packets at an offset of more than 1024 bytes',
    seen: 'Linux xen-netfront (2.6, 107808a452): offsets beyond some range are rejected',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        if (queue.expect !== 'extra' && response.ok && response.value.offset > 1024) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.receive.extras-as-data',
    breaks: 'RXW-10',
    fault: 'treats extras as data',
    seen: 'OpenBSD xnf: extras are treated as data',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy[4] = (copy[4] ?? 0) & ~RXF.extraInfo;
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.receive.two-slots',
    breaks: 'RXW-29',
    fault: 'drops packets of more than two slots',
    seen: 'FreeBSD netfront until 2016: at most 5 fragments',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (queue.expect === 'more' && queue.partial.pieces.length >= 2) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.receive.dies-of-empty',
    breaks: 'RXW-13',
    fault: 'stops serving every vif after a response with status 0',
    frontend: diesOfResponse(({ status }) => status === 0),
  },
  {
    id: 'frontend.receive.dies-of-overrun',
    breaks: 'RXW-14',
    fault: 'stops serving every vif after a response that reaches beyond its page',
    frontend: diesOfResponse(({ offset, status }) => offset + status > PAGE_SIZE),
  },
  {
    id: 'frontend.receive.dies-of-half',
    breaks: 'RXW-15',
    fault: 'stops serving every vif after a packet whose last slot is not published yet',
    frontend: mortalFrontend((die) => ({
      takeRx(vif, queue, count) {
        correct.takeRx(vif, queue, count);
        if (queue.expect === 'more') die();
      },
    })),
  },
  {
    id: 'frontend.receive.passes-half',
    breaks: 'RXW-35',
    shownIn: 'frontend.receive.half-packet',
    fault: 'passes on the first half of a packet whose last slot is not published yet',
    frontend: {
      takeRx(vif, queue, count) {
        correct.takeRx(vif, queue, count);
        if (queue.expect !== 'more') return;
        correct.accept(vif, queue, { ...queue.partial, frame: concat(...queue.partial.pieces) });
        queue.partial.pieces.length = 0;
      },
    },
  },
  {
    id: 'frontend.receive.loses-buffers-of-unknown-extras',
    breaks: 'RXW-16',
    fault: 'posts no buffers after 200 extras of unknown type',
    frontend: (() => {
      const lost = new Counts();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect === 'extra' && !decodeExtra(bytes).ok) lost.next(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
        post(vif, queue) {
          if (lost.of(queue) < 200) correct.post(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.dies-of-unknown-extra',
    breaks: 'RXW-16',
    fault: 'stops serving every vif after an extra of unknown type',
    frontend: diesOf((queue, bytes) => queue.expect === 'extra' && !decodeExtra(bytes).ok),
  },
  {
    id: 'frontend.receive.ignores-later-offsets',
    breaks: 'RXW-08',
    fault: 'reads the third fragment of a packet, and those after it, from the start of the buffer',
    frontend: (() => {
      const pieces = new Counts();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect === 'first') pieces.clear(queue);
          const copy = Uint8Array.from(bytes);
          if (queue.expect !== 'extra' && pieces.next(queue) > 2) copy.fill(0, 2, 4);
          return correct.takeRxSlot(queue, index, copy);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.error-spoils-next',
    breaks: 'RXW-12',
    fault: 'drops the packet after one with an error',
    frontend: (() => {
      const spoilt = new WeakSet();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect === 'first' && spoilt.delete(queue)) queue.partial.bad = true;
          const response = decodeRxResponse(bytes);
          const failed = queue.expect !== 'extra' && response.ok && response.value.status < 0;
          if (failed) spoilt.add(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.across-the-end',
    breaks: 'RXW-09',
    fault: 'loses a packet that continues at the start of the ring',
    frontend: (() => {
      const cut = new WeakSet();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect !== 'first' && index % RX_RING.size === 0) cut.add(queue);
          const frame = correct.takeRxSlot(queue, index, bytes);
          return queue.expect === 'first' && cut.delete(queue) ? undefined : frame;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.waits-with-few',
    breaks: 'SLOT-08',
    fault: 'posts new buffers only when fewer than 16 are left',
    frontend: {
      post(vif, queue) {
        if (queue.posted.size < 16) correct.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.receive.error-spoils-next-whole',
    breaks: 'RXW-12',
    fault: 'drops the packet after one of a single slot with an error',
    frontend: (() => {
      const spoilt = new WeakSet();
      return {
        takeRxSlot(queue, index, bytes) {
          const response = decodeRxResponse(bytes);
          const isFirst = queue.expect === 'first' && response.ok;
          if (isFirst && response.value.status >= 0 && spoilt.delete(queue)) queue.partial.bad = true;
          const isWhole = isFirst && (response.value.flags & (RXF.moreData | RXF.extraInfo)) === 0;
          if (isWhole && response.value.status < 0) spoilt.add(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  discardsAround('before'),
  discardsAround('after'),
  {
    id: 'frontend.receive.shrinks',
    breaks: 'RXW-12',
    fault: 'posts one buffer fewer after each error, and never fewer than four',
    frontend: (() => {
      const errors = new Counts();
      return {
        rxTarget: (queue) => Math.max(4, correct.rxTarget(queue) - errors.of(queue)),
        takeRxSlot(queue, index, bytes) {
          const response = decodeRxResponse(bytes);
          if (queue.expect !== 'extra' && response.ok && response.value.status < 0) errors.next(queue);
          return correct.takeRxSlot(queue, index, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.loses-extras-of-errors',
    breaks: 'RXW-12',
    fault: 'does not post a buffer again that an extra consumed, if the packet has an error',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const isLost = queue.expect === 'extra' && queue.partial.bad;
        const posted = queue.posted.get(index);
        const frame = correct.takeRxSlot(queue, index, bytes);
        if (isLost && posted) queue.posted.set(-index - 1, posted);
        return frame;
      },
    },
  },
];
