import { sameBytes } from '../bytes/bytes.js';
import { distance, type RingLayout, slotOffset } from './ring.js';
import type { RingPage } from './ring-page.js';

/**
 * The slots of a ring as they are whenever the other side moves its producer index. They must be final by then (ring.h,
 * RING_PUSH_REQUESTS and RING_PUSH_RESPONSES), since a peer on another processor may read them at once.
 */
export class PublishedSlots {
  /** Slots that were not final when they were published. */
  changed = 0;
  /** Whether the last used slot was published by another update of the index than the slot before it. */
  begins = false;
  /** Published slots that are not used yet, by their offsets. */
  readonly #slots = new Map<number, Uint8Array>();
  /** The indices at which updates ended. */
  readonly #ends = new Set<number>();
  #end: number;

  /** @param producer the offset of the other side's producer index */
  constructor(
    page: RingPage,
    private readonly layout: RingLayout,
    private readonly producer: number,
  ) {
    this.#end = page.load32(producer);
    page.onStore?.(producer, (now) => this.#look(now));
  }

  /** Compares a slot with what was published. Call once for each slot, in the order of the ring. */
  use(index: number, slot: Uint8Array): void {
    const offset = slotOffset(this.layout, index);
    const published = this.#slots.get(offset);
    this.#slots.delete(offset);
    this.begins = this.#ends.delete(index);
    if (published && !sameBytes(published, slot)) this.changed++;
  }

  #look(page: RingPage): void {
    const { layout } = this;
    const end = page.load32(this.producer);
    const count = distance(this.#end, end);
    // An index that jumps is refused when it is read.
    if (count > 0 && count <= layout.size) {
      for (let n = 0; n < count; n++) {
        const offset = slotOffset(layout, this.#end + n);
        this.#slots.set(offset, page.copyOut(offset, layout.slotBytes));
      }
      this.#ends.add(end);
    }
    this.#end = end;
  }
}
