/** How fast legal backends serve their rings and notify. */
import type { BackendQueueState, BackendVif } from '../../backend.js';
import type { Port } from '../../../xen/domain.js';
import type { TxChain } from '../../transmit-steps.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { later } from './backend-queues.js';

/** Serves a queue until it has read `bytes`, then again `ms` milliseconds later. */
export function credit(bytes: number, ms: number): Pick<BackendSteps, 'serveTx'> {
  const credits = new WeakMap<BackendQueueState, number>();
  return {
    serveTx(vif, queue) {
      let left = credits.get(queue) ?? bytes;
      if (left <= 0) return;
      for (let chain = next(vif, queue); chain; chain = left > 0 ? next(vif, queue) : undefined) {
        left -= chain.requests[0]?.size ?? 0;
        vif.steps.serveChain(vif, queue, chain);
      }
      credits.set(queue, left);
      if (left > 0) return;
      later(vif, queue, ms, () => {
        credits.set(queue, bytes);
        vif.steps.serveTx(vif, queue);
      });
    },
  };
}

/** The next whole packet; without one, asks for an event and looks once more. */
function next(vif: BackendVif, queue: BackendQueueState): TxChain | undefined {
  if (!queue.tx.unconsumed().ok) return undefined;
  const chain = vif.steps.takeChain(queue);
  if (chain) return chain;
  const more = queue.tx.finalCheck();
  return more.ok && more.value ? vif.steps.takeChain(queue) : undefined;
}

/** Replaces how a packet is served that has more bytes than the key `rate` allows at a time. */
export function beyondRate(instead: BackendSteps['serveChain']): Pick<BackendSteps, 'connect' | 'serveChain'> {
  const limits = new WeakMap<BackendVif, number>();
  return {
    async connect(vif) {
      await correct.connect(vif);
      const rate = /^(\d+),\d+$/.exec((await vif.domain.store.read(`${vif.path}/rate`)) ?? '');
      if (rate) limits.set(vif, Number(rate[1]));
    },
    serveChain(vif, queue, chain) {
      const isBeyond = (chain.requests[0]?.size ?? 0) > (limits.get(vif) ?? Infinity);
      if (isBeyond) instead(vif, queue, chain);
      else correct.serveChain(vif, queue, chain);
    },
  };
}

/** Notifies `ms` milliseconds after a push that crosses the event index, once for all pushes until then. */
export function notifiesTogether(ms: number): Pick<BackendSteps, 'push'> {
  const due = new WeakMap<BackendVif, Set<Port>>();
  return {
    push(vif, ring, port) {
      const ports = due.get(vif) ?? new Set();
      due.set(vif, ports);
      if (!ring.push() || ports.has(port)) return;
      ports.add(port);
      vif.domain.clock.after(ms, () => {
        ports.delete(port);
        if (vif.queues.some(({ txPort, rxPort }) => txPort === port || rxPort === port)) vif.domain.events.notify(port);
      });
    },
  };
}
