import type { Page } from '../xen/domain.js';

/**
 * Switches a slot at `at` in a shared ring page between `one` and `other`, without notifying the driver under test,
 * until the returned function is called. The two values differ in a single 32-bit word, so a reader never sees a
 * mixture of both. That word is not the first one: a tx response has its id and status there, and nobody knows when the
 * driver writes it.
 *
 * @throws RangeError if they differ in no word, in more than one, or in the first
 */
export function flickerSlot(page: Page, at: number, one: Uint8Array, other: Uint8Array): () => void {
  const word = (bytes: Uint8Array, offset: number): number =>
    new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
  const offsets = Array.from({ length: one.length / 4 }, (_, n) => 4 * n);
  const [offset, ...more] = offsets.filter((each) => word(one, each) !== word(other, each));
  if (!offset || more.length > 0)
    throw new RangeError('netifspec bug: the two slots must differ in exactly one 32-bit word that is not the first');
  return page.flicker(at + offset, [word(one, offset), word(other, offset)]);
}
