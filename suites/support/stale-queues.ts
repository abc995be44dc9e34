/** What an earlier connection with another number of queues leaves in xenstore. */
import { QUEUE_KEYS, queueDirectory } from '../../harness/protocol/netif.js';

/** The largest number of queues of a connection after which a test connects with another number. */
export const MANY_QUEUES = 4;

/**
 * Removes the keys of all queues but those of a connection with `queues`. A backend may refuse a frontend that leaves
 * them, since the header lets it connect no queue if the keys are inconsistent.
 */
export function noOthersThan(queues: number): Record<string, undefined> {
  const directories = Array.from({ length: MANY_QUEUES }, (_, n) => queueDirectory(n));
  const others = queues > 1 ? [...QUEUE_KEYS, ...directories.slice(queues)] : directories;
  return Object.fromEntries(others.map((key) => [key, undefined]));
}
