import type { Clock } from '../../../xen/domain.js';

const EVERY_MS = 5;

interface Polled<Q> {
  readonly queues: readonly Q[];
  readonly domain: { readonly clock: Clock };
}

/** Serves a queue every 5 ms, whatever the events, until its vif is disconnected. Returns the queue. */
export function poll<Q, V extends Polled<Q>>(vif: V, queue: Q, serve: (vif: V, queue: Q) => void): Q {
  const tick = (): void => {
    if (!vif.queues.includes(queue)) return;
    serve(vif, queue);
    vif.domain.clock.after(EVERY_MS, tick);
  };
  vif.domain.clock.after(EVERY_MS, tick);
  return queue;
}
