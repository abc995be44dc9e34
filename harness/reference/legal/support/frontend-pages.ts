/** What correct frontends choose for their ring pages, and for the time at which they serve rings and end grants. */
import { advance, RING_OFFSET } from '../../../protocol/ring.js';
import { decodeRxResponse } from '../../../protocol/rx.js';
import { decodeTxResponse } from '../../../protocol/tx.js';
import { RSP } from '../../../protocol/netif.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { Random } from '../../../xen/simulated/random.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';

/** Notifies `ms` after it has published requests. */
export const notifiesLate = (ms: number): Partial<FrontendSteps> => ({
  push(vif, ring, port) {
    if (!ring.push()) return;
    vif.domain.clock.after(ms, () => {
      if (vif.queues.some(({ tx, rx }) => tx === ring || rx === ring)) vif.domain.events.notify(port);
    });
  },
});

/** Moves its event indices out of reach before it publishes its rings. */
export const eventsOffEarly: Partial<FrontendSteps> = {
  initRing(ring) {
    ring.init();
    ring.setRspEvent(0x80000000);
  },
};

/** Sets smartpoll_active of its rx ring while it serves the ring. */
export const smartpoll: Partial<FrontendSteps> = {
  serveRx(vif, queue) {
    const { page } = queue.rx;
    page.copyIn(RING_OFFSET.pvt, Uint8Array.of(1));
    correct.serveRx(vif, queue);
    page.copyIn(RING_OFFSET.pvt, Uint8Array.of(0));
  },
};

/** Handles tx responses when its tx ring is nearly full. */
export const reapsWhenNearlyFull: Partial<FrontendSteps> = {
  serve: (vif, queue) => vif.steps.serveRx(vif, queue),
  checkTx({ tx }) {
    tx.setRspEvent(advance(tx.rspCons, 200));
    const ready = tx.unconsumed();
    return ready.ok ? { ok: true, value: ready.value > 0 } : ready;
  },
  transmit(vif, queue, packet) {
    if (queue.tx.free() < 80) vif.steps.serveTx(vif, queue);
    correct.transmit(vif, queue, packet);
  },
};

/** Keeps another number of rx buffers posted each time. */
export const rxTargetMoves = (): Partial<FrontendSteps> => {
  const random = new Random(3);
  return { rxTarget: () => 18 + random.below(120) };
};

/** Serves no ring for `ms` of every `periodMs`. */
export const freezes = (ms: number, periodMs: number): Partial<FrontendSteps> => ({
  serve(vif, queue) {
    const { clock } = vif.domain;
    const phase = clock.now() % periodMs;
    if (phase >= ms) return correct.serve(vif, queue);
    clock.after(ms - phase, () => {
      if (vif.queues.includes(queue)) correct.serve(vif, queue);
    });
  },
});

/** Stops serving a queue after a response with an unknown id, or one that reaches beyond its page. */
export const breaksForGood = (): Partial<FrontendSteps> => {
  const broken = new WeakSet<FrontendQueueState>();
  return {
    serve(vif, queue) {
      if (!broken.has(queue)) correct.serve(vif, queue);
    },
    takeTxResponse(queue, bytes) {
      const it = decodeTxResponse(bytes);
      if (it.ok && it.value.status !== RSP.null && !queue.sending.has(it.value.id)) broken.add(queue);
      if (!broken.has(queue)) correct.takeTxResponse(queue, bytes);
    },
    takeRxSlot(queue, index, bytes) {
      const it = decodeRxResponse(bytes);
      if (queue.expect !== 'extra' && it.ok && it.value.offset + it.value.status > PAGE_SIZE) broken.add(queue);
      return broken.has(queue) ? undefined : correct.takeRxSlot(queue, index, bytes);
    },
  };
};

/** Ends the grant of a buffer `ms` after its response, and keeps no pools. */
export const endsGrantsLate = (ms: number): Partial<FrontendSteps> => ({
  fillPools: () => undefined,
  firstPost(vif, queue) {
    for (const pool of [queue.txPool, queue.rxPool]) {
      const take = pool.take.bind(pool);
      pool.take = () => {
        const offer = take();
        const end = (): void => void vif.domain.clock.after(ms, () => offer.end());
        return { ref: offer.ref, page: offer.page, end };
      };
    }
    correct.firstPost(vif, queue);
  },
});

/** Fills the pages of its rings when it disconnects, before it ends their grants. */
export const fillsRings = (byte: number): Pick<FrontendSteps, 'disconnect'> => ({
  disconnect(vif) {
    const rings = vif.queues.flatMap((queue) => queue.rings);
    for (const { page } of rings) page.copyIn(0, new Uint8Array(PAGE_SIZE).fill(byte));
    correct.disconnect(vif);
  },
});
