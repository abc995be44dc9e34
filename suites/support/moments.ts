/** What a peer does between two accesses of the driver to a ring: the orders in which wake-ups are lost. */
import type { RingPage } from '../../harness/protocol/ring-page.js';

/** Distance of an event index that is not reached. */
export const FAR_AHEAD = 2 ** 30;

/** Calls a function after each store of the driver to a word of a page. See {@link RingPage.onStore}. */
type Stores = NonNullable<RingPage['onStore']>;

/** The stores of the driver to a page; skips the test where the host can't observe them. */
export function storesTo(t: { skip(reason: string): never }, page: RingPage): Stores {
  return page.onStore?.bind(page) ?? t.skip('this host cannot observe the stores of another domain');
}

/**
 * Acts at a moment when the driver has stored the index at `offset` of a ring page, before it does anything else. `act`
 * returns whether it was the moment to wait for; if so, it is not called again. Returns whether that moment has come.
 */
export function atStore(stores: Stores, offset: number, act: () => boolean): () => boolean {
  let came = false;
  const stop = stores(offset, () => {
    came = act();
    if (came) stop();
  });
  return () => came;
}
