/** Defects of the reference backend, chapter flows. */
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';

/** Hash values that the cache has room for. */
const CACHE = 64;

/** A cache of hash values that does not replace any. */
function cached(): Partial<BackendSteps> {
  const caches = new WeakMap<BackendVif, Set<number>>();
  return {
    hash(vif, frame) {
      const found = correct.hash(vif, frame);
      const cache = caches.get(vif) ?? new Set();
      caches.set(vif, cache);
      if (!found || cache.has(found.value)) return found;
      if (cache.size >= CACHE) return { ...found, value: 0 };
      cache.add(found.value);
      return found;
    },
    setHashKey(vif, data) {
      caches.delete(vif);
      return correct.setHashKey(vif, data);
    },
  };
}

/** Sends HASH extras on queue 0 alone. */
function firstQueueAlone(): Partial<BackendSteps> {
  let index = 0;
  return {
    drainBacklog(vif, queue) {
      index = queue.index;
      correct.drainBacklog(vif, queue);
      index = 0;
    },
    extras: (vif, packet) => (index === 0 ? correct.extras(vif, packet) : []),
  };
}

export const BACKEND_FLOWS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.flows.cache-full',
    breaks: 'HASH-33',
    fault: 'reports the hash 0 for new flows once its cache is full',
    backend: cached(),
  },
  {
    id: 'backend.flows.first-queue-alone',
    breaks: 'HASH-44',
    fault: 'reports hashes on queue 0 only',
    backend: firstQueueAlone(),
  },
];
