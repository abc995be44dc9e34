import type { Clock } from '../../xen/domain.js';

const EVERY_MS = 5;

interface Polled<Q> {
  readonly queues: readonly Q[];
  readonly domain: { readonly clock: Clock };
}

/** Serves a queue by a clock, whatever events say, for as long as its vif has it; answers the queue. */
export function lookByClock<Q, V extends Polled<Q>>(vif: V, queue: Q, serve: (vif: V, queue: Q) => void): Q {
  const look = (): void => {
    if (!vif.queues.includes(queue)) return;
    serve(vif, queue);
    vif.domain.clock.after(EVERY_MS, look);
  };
  vif.domain.clock.after(EVERY_MS, look);
  return queue;
}
