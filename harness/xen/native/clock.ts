import type { Clock } from '../domain.js';

/** Real time. */
export const hostClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  // Real time can't be held.
  hold: () => () => undefined,
};
