/** What correct frontends choose for their rings: event indices, ids, polling, and notifications. */
import { advance, distance, RX_RING } from '../../../protocol/ring.js';
import { NR_SLOTS_MIN, RSP, TXF } from '../../../protocol/netif.js';
import { encodeRxRequest } from '../../../protocol/rx.js';
import type { FrontRing } from '../../../protocol/shared-ring.js';
import { decodeTxResponse, encodeTxRequest } from '../../../protocol/tx.js';
import { Random } from '../../../xen/simulated/random.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';

const isOpen = (vif: FrontendVif, queue: FrontendQueueState): boolean => vif.queues.includes(queue);

/** Whether responses wait, without asking for an event. */
const look = (ring: FrontRing): ReturnType<FrontRing['finalCheck']> => {
  const ready = ring.unconsumed();
  return ready.ok ? { ok: true, value: ready.value > 0 } : ready;
};

const askAt = (ring: FrontRing, index: number): ReturnType<FrontRing['finalCheck']> => {
  ring.setRspEvent(index);
  return look(ring);
};

/** Reads no packets while its tx ring has no room for a reply of any size. */
export const readsWhenItCanSend: Partial<FrontendSteps> = {
  serveRx(vif, queue) {
    if (vif.steps.hasRoom(queue, NR_SLOTS_MIN)) correct.serveRx(vif, queue);
  },
};

/** Asks for an event when half of the outstanding requests have a response. */
export const halfBatch: Partial<FrontendSteps> = {
  checkTx({ tx }) {
    return askAt(tx, advance(tx.rspCons, (distance(tx.rspCons, tx.reqProdPvt) >> 1) + 1));
  },
};

/** Asks for no event of the tx ring, and handles it when it sends. */
export const reapsWhenSending: Partial<FrontendSteps> = {
  checkTx: ({ tx }) => askAt(tx, advance(tx.rspCons, 1)),
  serve: (vif, queue) => vif.steps.serveRx(vif, queue),
  transmit(vif, queue, packet) {
    vif.steps.serveTx(vif, queue);
    correct.transmit(vif, queue, packet);
  },
};

/** Polls its rings periodically and asks for no event. */
export const polls = (everyMs: number): Partial<FrontendSteps> => ({
  checkTx: ({ tx }) => look(tx),
  checkRx: ({ rx }) => look(rx),
  serve: () => undefined,
  openQueue(vif, index, split) {
    const queue = correct.openQueue(vif, index, split);
    const { clock } = vif.domain;
    const next = (): void => {
      if (!isOpen(vif, queue)) return;
      correct.serve(vif, queue);
      clock.after(everyMs, next);
    };
    clock.after(everyMs, next);
    return queue;
  },
});

/** Moves its event indices out of reach once it is connected. */
export const eventsOff: Partial<FrontendSteps> = {
  start(vif) {
    correct.start(vif);
    for (const { tx, rx } of vif.queues)
      for (const ring of [tx, rx]) ring.setRspEvent(advance(ring.rspCons, 0x80000000));
  },
};

/** Asks for an rx event four responses ahead, and also polls periodically. */
export const rxEventAhead: Partial<FrontendSteps> = {
  checkRx: ({ rx }) => askAt(rx, advance(rx.rspCons, 4)),
  openQueue(vif, index, split) {
    const queue = correct.openQueue(vif, index, split);
    const { clock } = vif.domain;
    const next = (): void => {
      if (!isOpen(vif, queue)) return;
      vif.steps.serveRx(vif, queue);
      clock.after(20, next);
    };
    clock.after(20, next);
    return queue;
  },
};

/** Handles an event `ms` after its arrival. */
export const moderates = (ms: number): Partial<FrontendSteps> => {
  const due = new WeakSet<FrontendQueueState>();
  return {
    serve(vif, queue) {
      if (due.has(queue)) return;
      due.add(queue);
      vif.domain.clock.after(ms, () => {
        due.delete(queue);
        if (isOpen(vif, queue)) correct.serve(vif, queue);
      });
    },
  };
};

/** Consumes at most `most` rx responses at a time, and the rest a little later. */
export const budget = (most: number): Partial<FrontendSteps> => ({
  serveRx(vif, queue) {
    const ready = queue.rx.unconsumed();
    if (!ready.ok) return;
    if (ready.value <= most) return correct.serveRx(vif, queue);
    vif.steps.takeRx(vif, queue, most);
    vif.steps.post(vif, queue);
    vif.steps.push(vif, queue.rx, queue.rxPort);
    vif.domain.clock.after(1, () => {
      if (isOpen(vif, queue)) vif.steps.serveRx(vif, queue);
    });
  },
});

/** Publishes packets a millisecond later, with all packets sent in between. */
export const batchesTx: Partial<FrontendSteps> = {
  push(vif, ring, port) {
    if (ring.layout.name !== 'tx') return correct.push(vif, ring, port);
    vif.domain.clock.after(1, () => {
      if (vif.queues.some(({ tx }) => tx === ring)) correct.push(vif, ring, port);
    });
  },
};

/** Notifies whatever the event index says. */
export const notifiesAlways: Partial<FrontendSteps> = {
  push(vif, ring, port) {
    ring.push();
    vif.domain.events.notify(port);
  },
};

/** Never notifies for rx requests. */
export const quietRx: Partial<FrontendSteps> = {
  push(vif, ring, port) {
    if (ring.layout.name === 'rx') ring.push();
    else correct.push(vif, ring, port);
  },
};

/** Tx ids from the highest down. */
export const descendingIds: Partial<FrontendSteps> = {
  txId({ sending }) {
    let id = 0xffff;
    while (sending.has(id)) id--;
    return id;
  },
};

/** Random 16-bit ids on both rings. */
export const randomIds = (): Partial<FrontendSteps> => {
  const random = new Random(7);
  const fresh = (isUsed: (id: number) => boolean): number => {
    for (;;) {
      const id = random.below(0x10000);
      if (!isUsed(id)) return id;
    }
  };
  return {
    txId: ({ sending }) => fresh((id) => sending.has(id)),
    rxId: ({ posted }) => fresh((id) => [...posted.values()].some((buffer) => buffer.id === id)),
  };
};

/** A free list: the id that was freed last is used next. */
export const freeList = (): Partial<FrontendSteps> => {
  const lists = new WeakMap<FrontendQueueState, number[]>();
  const listOf = (queue: FrontendQueueState): number[] => {
    const list = lists.get(queue) ?? Array.from({ length: 256 }, (_, n) => 255 - n);
    lists.set(queue, list);
    return list;
  };
  return {
    txId: (queue) => listOf(queue).pop() ?? correct.txId(queue),
    takeTxResponse(queue, bytes) {
      const before = new Set(queue.sending.keys());
      correct.takeTxResponse(queue, bytes);
      for (const id of before) if (!queue.sending.has(id)) listOf(queue).push(id);
    },
  };
};

/** Rx ids that are incremented through 16 bits. */
export const countingRxIds = (): Partial<FrontendSteps> => {
  const next = new WeakMap<FrontendQueueState, number>();
  return {
    rxId(queue) {
      const id = next.get(queue) ?? 0;
      next.set(queue, (id + 1) & 0xffff);
      return id;
    },
  };
};

/** Keeps `count` rx buffers posted. */
export const rxBuffers = (count: number): Partial<FrontendSteps> => ({ rxTarget: () => count });

/** Keeps one rx buffer fewer posted with each 4 slots that it receives, and at least 8. */
export const fewerRxBuffers = (): Partial<FrontendSteps> => {
  const slots = new WeakMap<FrontendQueueState, number>();
  return {
    rxTarget: (queue) => Math.max(8, correct.rxTarget(queue) - Math.floor((slots.get(queue) ?? 0) / 4)),
    takeRxSlot(queue, index, bytes) {
      slots.set(queue, (slots.get(queue) ?? 0) + 1);
      return correct.takeRxSlot(queue, index, bytes);
    },
  };
};

/** Posts its first buffers when the backend is Connected. */
export const postsLate: Partial<FrontendSteps> = {
  firstPost: () => undefined,
  start(vif) {
    correct.start(vif);
    for (const queue of vif.queues) {
      vif.steps.post(vif, queue);
      vif.steps.push(vif, queue.rx, queue.rxPort);
    }
  },
};

/** Posts buffers when the share of remaining ones is below `share`, and then all. */
export const refillsBelow = (share: number): Partial<FrontendSteps> => ({
  post(vif, queue) {
    if (queue.rx.reqProdPvt === 0 || queue.posted.size <= share * vif.steps.rxTarget(queue)) correct.post(vif, queue);
  },
});

/** Replaces used buffers `ms` later. */
export const refillsLater = (ms: number): Partial<FrontendSteps> => {
  const due = new WeakSet<FrontendQueueState>();
  return {
    post(vif, queue) {
      if (queue.rx.reqProdPvt === 0) return correct.post(vif, queue);
      if (due.has(queue)) return;
      due.add(queue);
      vif.domain.clock.after(ms, () => {
        due.delete(queue);
        if (!isOpen(vif, queue)) return;
        correct.post(vif, queue);
        vif.steps.push(vif, queue.rx, queue.rxPort);
      });
    },
  };
};

/** Leaves arbitrary bits in the pad of an rx request. */
export const dirtyPad: Partial<FrontendSteps> = {
  post(vif, queue) {
    while (queue.posted.size < vif.steps.rxTarget(queue) && queue.rx.free() > 0) {
      const offer = queue.rxPool.take();
      const id = queue.rx.reqProdPvt & (RX_RING.size - 1);
      queue.posted.set(queue.rx.put(encodeRxRequest({ id, pad: 0xbeef, gref: offer.ref })), { id, offer });
    }
  },
};

/** The ids of the packets in flight on a queue. */
interface PacketIds {
  /** The id of the packet that is being sent; undefined between packets. */
  current: number | undefined;
  /** The keys of `sending` for the slots of each id that have no response yet, in slot order. */
  readonly slots: Map<number, number[]>;
  /** The last key; all keys are beyond the ids. */
  last: number;
}

/** Gives all slots of a packet the same tx id, and frees a page of the packet with each response to that id. */
export const oneIdPerPacket = (): Partial<FrontendSteps> => {
  const known = new WeakMap<FrontendQueueState, PacketIds>();
  const idsOf = (queue: FrontendQueueState): PacketIds => {
    const ids = known.get(queue) ?? { current: undefined, slots: new Map(), last: 0xffff };
    known.set(queue, ids);
    return ids;
  };
  return {
    txId(queue) {
      const { current, slots } = idsOf(queue);
      let id = current ?? 0;
      while (id !== current && slots.has(id)) id++;
      return id;
    },
    putTx(queue, request, offer) {
      const ids = idsOf(queue);
      ids.current = (request.flags & TXF.moreData) !== 0 ? request.id : undefined;
      ids.slots.set(request.id, [...(ids.slots.get(request.id) ?? []), ++ids.last]);
      queue.tx.put(encodeTxRequest(request));
      queue.sending.set(ids.last, offer);
    },
    takeTxResponse(queue, bytes) {
      const response = decodeTxResponse(bytes);
      if (!response.ok || response.value.status === RSP.null) return;
      const { slots } = idsOf(queue);
      const { id } = response.value;
      const [key, ...rest] = slots.get(id) ?? [];
      if (rest.length > 0) slots.set(id, rest);
      else slots.delete(id);
      const offer = key === undefined ? undefined : queue.sending.get(key);
      if (key !== undefined) queue.sending.delete(key);
      if (offer) queue.txPool.give(offer);
    },
  };
};
