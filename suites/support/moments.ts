/** What a peer does between two accesses of the driver to a ring: the orders in which wake-ups are lost. */
import type { RingPage } from '../../harness/protocol/ring-page.js';

/**
 * Acts at a moment when the driver has stored the index at `offset` of a ring page, before it does anything else. `act`
 * returns whether it was the moment to wait for; if so, it is not called again. Skips the test where the host can't
 * observe stores. Returns whether that moment has come.
 */
export function atStore(
  t: { skip(reason: string): never },
  page: RingPage,
  offset: number,
  act: () => boolean,
): () => boolean {
  let came = false;
  if (!page.onStore) return t.skip('this host cannot observe the stores of another domain');
  const stop = page.onStore(offset, () => {
    came = act();
    if (came) stop();
  });
  return () => came;
}
