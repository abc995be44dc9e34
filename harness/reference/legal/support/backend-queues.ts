/** Timers of legal backends that run only while the vif of a queue is connected. */
import type { Domain } from '../../../xen/domain.js';

interface Connected<Q> {
  readonly queues: readonly Q[];
  readonly domain: Pick<Domain, 'clock'>;
}

/** Does `work` after `ms` milliseconds, if the queue is still connected then. */
export function later<Q>(vif: Connected<Q>, queue: Q, ms: number, work: () => void): void {
  vif.domain.clock.after(ms, () => {
    if (vif.queues.includes(queue)) work();
  });
}

/** Does `work` every `ms` milliseconds for as long as the queue is connected. The queue may be connected only after the call. */
export function every<Q>(vif: Connected<Q>, queue: Q, ms: number, work: () => void): void {
  later(vif, queue, ms, () => {
    work();
    every(vif, queue, ms, work);
  });
}
