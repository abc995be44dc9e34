import type { Page } from '../xen/domain.js';

/**
 * Changes a slot at `at` in a ring's page between `one` and `other`, behind the back of the other end, until the answer
 * is called. They differ in one word alone, or else the other end could see a mixture that it isn't to blame for.
 *
 * @throws RangeError if they don't
 */
export function flickerSlot(page: Page, at: number, one: Uint8Array, other: Uint8Array): () => void {
  const word = (bytes: Uint8Array, offset: number): number =>
    new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
  const offsets = Array.from({ length: one.length / 4 }, (_, n) => 4 * n);
  const [offset, ...more] = offsets.filter((each) => word(one, each) !== word(other, each));
  if (offset === undefined || more.length > 0) throw new RangeError('the two slots must differ in one word');
  return page.flicker(at + offset, [word(one, offset), word(other, offset)]);
}
