/** Wrong decisions about events, of drivers of either role. */
import type { RingPage } from '../../../protocol/ring-page.js';
import { needsNotify } from '../../../protocol/ring.js';

/**
 * Publishes messages, and returns whether an event is due by the event index that was read before.
 *
 * @param producer the offset of the producer index
 * @param event the offset of the event index of the other side
 */
export function pushByOldIndex(
  ring: { readonly page: RingPage; push(): boolean },
  producer: number,
  event: number,
): boolean {
  const { page } = ring;
  const [before, index] = [page.load32(producer), page.load32(event)];
  ring.push();
  return needsNotify(before, page.load32(producer), index);
}
