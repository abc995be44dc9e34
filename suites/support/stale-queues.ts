/** What an earlier connection with more queues leaves in xenstore. */
import { KEY } from '../../harness/protocol/netif.js';

/** The largest number of queues of a connection after which a test connects with fewer. */
export const MANY_QUEUES = 4;

/**
 * Removes the directories of the queues from `first` on. A backend may refuse a frontend that leaves them, since the
 * header lets it connect no queue if the keys are inconsistent.
 */
export function noQueuesFrom(first: number): Record<string, undefined> {
  const left = Array.from(
    { length: Math.max(0, MANY_QUEUES - first) },
    (_, n) => [`queue-${first + n}`, undefined] as const,
  );
  return Object.fromEntries(left);
}

const TOP_LEVEL = [KEY.txRingRef, KEY.rxRingRef, KEY.eventChannel, KEY.eventChannelTx, KEY.eventChannelRx];

/** Removes what an earlier connection with another number of queues left, before one with `queues`. */
export function noOthersThan(queues: number): Record<string, undefined> {
  if (queues === 1) return noQueuesFrom(0);
  return { ...noQueuesFrom(queues), ...Object.fromEntries(TOP_LEVEL.map((key) => [key, undefined])) };
}
