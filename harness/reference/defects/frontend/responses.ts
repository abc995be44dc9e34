/** Defects of the reference frontend, chapter responses. */
import { decoded } from '../../../bytes/codec.js';
import { KEY, RSP, TXF } from '../../../protocol/netif.js';
import { advance } from '../../../protocol/ring.js';
import { decodeTxResponse, encodeTxResponse } from '../../../protocol/tx.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { queuesTx } from '../../legal/support/frontend-packets.js';
import { Counts } from '../support/counts.js';

/** Bytes of the largest frame at the usual MTU. */
const FULL_FRAME = 1514;

/** Free tx slots below which a defect stops. */
const LITTLE_ROOM = 20;

/** The vif of each queue. */
const vifOf = new WeakMap<FrontendQueueState, FrontendVif>();

/** Acts on the ids and statuses of tx responses. */
const responding = (
  act: (queue: FrontendQueueState, response: { readonly id: number; readonly status: number }) => void,
): Partial<FrontendSteps> => ({
  takeTxResponse(queue, bytes) {
    const response = decodeTxResponse(bytes);
    if (response.ok && response.value.status !== RSP.null) act(queue, response.value);
    else correct.takeTxResponse(queue, bytes);
  },
});

/** Frees the buffer of the request with this id. */
const frees = (queue: FrontendQueueState, id: number): void =>
  correct.takeTxResponse(queue, encodeTxResponse({ id, status: RSP.okay }));

/** Sends nothing more on a queue that had a hundred responses with such a status. */
function stopsAfter(bad: number): Partial<FrontendSteps> {
  const counts = new Counts();
  return {
    ...responding((queue, { id, status }) => {
      frees(queue, id);
      if (status === bad) counts.next(queue);
    }),
    hasRoom: (queue, slots) => counts.of(queue) < 100 && correct.hasRoom(queue, slots),
  };
}

export const FRONTEND_RESPONSES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.responses.ids-of-7-bits',
    breaks: 'TXW-16',
    fault: 'reads 7 bits of the id of a tx response',
    frontend: responding((queue, { id }) => frees(queue, id & 0x7f)),
  },
  {
    id: 'frontend.responses.in-order',
    breaks: 'TXW-16',
    fault: 'treats each tx response as that of its oldest request',
    frontend: responding((queue) => frees(queue, [...queue.sending.keys()][0] ?? 0)),
  },
  {
    id: 'frontend.responses.frees-next',
    breaks: 'TXW-16',
    fault: 'frees the buffer of the request with the next id, too, which is often in the same packet',
    frontend: responding((queue, { id }) => {
      frees(queue, id);
      frees(queue, (id + 1) & 0xffff);
    }),
  },
  {
    id: 'frontend.responses.counts-ids',
    breaks: 'RING-16',
    fault: 'gives out ids 0 to 255 in turn, whether or not they are in flight',
    frontend: (() => {
      const counts = new Counts();
      return { txId: (queue) => counts.next(queue) & 0xff };
    })(),
  },
  {
    id: 'frontend.responses.stops-after-dropped',
    breaks: 'TXW-17',
    fault: 'sends nothing more after a hundred responses with status DROPPED',
    frontend: stopsAfter(RSP.dropped),
  },
  {
    id: 'frontend.responses.stops-after-errors',
    breaks: 'TXW-17',
    fault: 'sends nothing more after a hundred responses with status ERROR',
    frontend: stopsAfter(RSP.error),
  },
  {
    id: 'frontend.responses.forgets-errors',
    breaks: 'TXW-17',
    fault: 'forgets the buffer of a request that gets the status ERROR',
    frontend: responding((queue, { id, status }) => {
      if (status === RSP.error) queue.sending.delete(id);
      else frees(queue, id);
    }),
  },
  {
    id: 'frontend.responses.ignores-dropped',
    breaks: 'TXW-17',
    fault: 'ignores responses with status DROPPED',
    frontend: responding((queue, { id, status }) => {
      if (status !== RSP.dropped) frees(queue, id);
    }),
  },
  {
    id: 'frontend.responses.impatient',
    breaks: 'TXW-16',
    fault: 'frees the buffer of a request that has no response after ten seconds',
    seen: 'win-xenvif before 5f56143: a watchdog resets the ring',
    frontend: {
      putTx(queue, request, offer) {
        correct.putTx(queue, request, offer);
        const vif = vifOf.get(queue);
        vif?.domain.clock.after(10_000, () => {
          if (queue.sending.get(request.id) === offer && vif.queues.includes(queue)) frees(queue, request.id);
        });
      },
      openQueue(vif, index, split) {
        const queue = correct.openQueue(vif, index, split);
        vifOf.set(queue, vif);
        return queue;
      },
    },
  },
  {
    id: 'frontend.responses.wakes-when-empty',
    breaks: 'TXW-17',
    fault: 'sends nothing after its ring was full until all requests have their responses',
    frontend: (() => {
      const full = new WeakSet<FrontendQueueState>();
      return {
        hasRoom(queue, slots) {
          if (queue.sending.size === 0) full.delete(queue);
          const has = correct.hasRoom(queue, slots);
          if (!has) full.add(queue);
          return has && !full.has(queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.responses.frees-packet',
    breaks: 'TXW-16',
    fault: 'sends full frames in three slots and frees all of them with the first response',
    frontend: (() => {
      const packets = new WeakMap<FrontendQueueState, number[][]>();
      const open = new WeakSet<FrontendQueueState>();
      return {
        ...responding((queue, { id }) => {
          const all = packets.get(queue) ?? [];
          const own = all.find((ids) => ids.includes(id)) ?? [];
          packets.set(
            queue,
            all.filter((ids) => ids !== own),
          );
          for (const each of own) frees(queue, each);
        }),
        fragments: (vif, length) =>
          length === FULL_FRAME && vif.offers[KEY.featureSg]
            ? [60, 700, FULL_FRAME - 760]
            : correct.fragments(vif, length),
        putTx(queue, request, offer) {
          const of = packets.get(queue) ?? [];
          packets.set(queue, of);
          if (open.has(queue)) of.at(-1)?.push(request.id);
          else of.push([request.id]);
          if (request.flags & TXF.moreData) open.add(queue);
          else open.delete(queue);
          correct.putTx(queue, request, offer);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.responses.asks-beyond',
    breaks: 'TXW-17',
    fault: 'queues packets while its ring is full, and asks for an event after a response that is not due',
    frontend: {
      ...queuesTx(),
      checkTx({ tx }) {
        const ready = tx.unconsumed();
        tx.setRspEvent(advance(tx.reqProdPvt, 1));
        return ready.ok ? decoded(ready.value > 0) : ready;
      },
    },
  },
  {
    id: 'frontend.responses.32-per-event',
    breaks: 'NOTIFY-04',
    shownIn: 'frontend.responses.burst',
    fault: 'handles at most 32 tx responses per event, and then asks for an event of a response that is there already',
    frontend: {
      serveTx(vif, queue) {
        const { tx } = queue;
        const ready = tx.unconsumed();
        if (!ready.ok || ready.value <= 32) return correct.serveTx(vif, queue);
        for (let n = 0; n < 32; n++) vif.steps.takeTxResponse(queue, tx.take());
        tx.setRspEvent(advance(tx.rspCons, 1));
      },
    },
  },
  {
    id: 'frontend.responses.room-for-one',
    breaks: 'RING-06',
    fault: 'sends full frames in two slots although the ring has room for one',
    frontend: {
      hasRoom: ({ tx }) => tx.free() > 0,
      fragments: (vif, length) =>
        length === FULL_FRAME && vif.offers[KEY.featureSg] ? [60, FULL_FRAME - 60] : correct.fragments(vif, length),
      putTx(queue, request, offer) {
        const { tx } = queue;
        const isFull = tx.free() === 0;
        // The reference ring would refuse the request.
        if (isFull) tx.rspCons = advance(tx.rspCons, 1);
        correct.putTx(queue, request, offer);
        if (isFull) tx.rspCons = advance(tx.rspCons, -1);
      },
    },
  },
  {
    id: 'frontend.responses.forgets-dummy-ids',
    breaks: 'RING-16',
    fault: 'gives the id of a multicast request out again before its response',
    frontend: {
      // The buffer of a multicast request is kept under an id that no request has.
      addGroup(vif, address) {
        correct.addGroup(vif, address);
        const [queue] = vif.queues;
        const [id, offer] = [...(queue?.sending.entries() ?? [])].at(-1) ?? [];
        if (!queue || id === undefined || !offer) return;
        queue.sending.delete(id);
        queue.sending.set(id + 0x10000, offer);
      },
      takeTxResponse(queue, bytes) {
        const response = decodeTxResponse(bytes);
        const id = response.ok ? response.value.id : 0;
        const kept = queue.sending.has(id) ? undefined : queue.sending.get(id + 0x10000);
        if (kept) {
          queue.sending.delete(id + 0x10000);
          queue.sending.set(id, kept);
        }
        correct.takeTxResponse(queue, bytes);
      },
    },
  },
  {
    id: 'frontend.responses.full-stops-all',
    breaks: 'ROB-02',
    fault: 'sends on no vif while a queue of one of them has little room',
    frontend: (() => {
      const stopped = new WeakMap<object, FrontendQueueState>();
      return {
        transmit(vif, queue, packet) {
          const full = stopped.get(vif.domain);
          if (full && full !== queue && full.tx.free() < LITTLE_ROOM) return;
          stopped.delete(vif.domain);
          correct.transmit(vif, queue, packet);
          if (queue.tx.free() < LITTLE_ROOM) stopped.set(vif.domain, queue);
        },
        disconnect(vif) {
          const full = stopped.get(vif.domain);
          if (full && vif.queues.includes(full)) stopped.delete(vif.domain);
          correct.disconnect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
