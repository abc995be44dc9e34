/** The shape of a shared ring and the arithmetic of its indexes, which run freely modulo 2^32 (ring.h). */

export interface RingLayout {
  readonly name: 'tx' | 'rx' | 'ctrl';
  /** Bytes from one slot to the next: the larger of request and response. */
  readonly slotBytes: number;
  /** Slots: as many as fit behind the header, rounded down to a power of two. */
  readonly size: number;
}

export const TX_RING = { name: 'tx', slotBytes: 12, size: 256 } as const satisfies RingLayout;
export const RX_RING = { name: 'rx', slotBytes: 8, size: 256 } as const satisfies RingLayout;
export const CTRL_RING = { name: 'ctrl', slotBytes: 16, size: 128 } as const satisfies RingLayout;

/** Byte offsets in the shared page: four u32 indexes, private bytes and padding, then the slots. */
export const RING_OFFSET = { reqProd: 0, reqEvent: 4, rspProd: 8, rspEvent: 12, pvt: 16, slots: 64 } as const;

/** Where the slot of a free-running index lies in the page, in bytes. */
export function slotOffset(layout: RingLayout, index: number): number {
  return RING_OFFSET.slots + (index & (layout.size - 1)) * layout.slotBytes;
}

/** How many steps lead from one index forward to another, modulo 2^32. */
export function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** The index `n` steps on (back, if `n` is negative), modulo 2^32. */
export function advance(index: number, n: number): number {
  return (index + n) >>> 0;
}

/**
 * Whether moving a producer index from `oldProd` to `newProd` steps on or over `event`, so that the other end must be
 * notified (ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY).
 */
export function needsNotify(oldProd: number, newProd: number, event: number): boolean {
  return distance(event, newProd) < distance(oldProd, newProd);
}

/**
 * Tells slots in what goes by on a page. Any page may hold what is as long as a slot: it's a ring's once its header was
 * in use, and then the length tells which ring's, since each has slots of its own size.
 */
export class RingSight {
  #isRing = false;

  /** A word was loaded or stored. */
  touched(offset: number): void {
    this.#isRing ||= offset < RING_OFFSET.pvt;
  }

  /** The ring whose slot lies at `offset` and is so many bytes long; undefined if none does. */
  slotAt(offset: number, bytes: number): RingLayout | undefined {
    const layout = [TX_RING, RX_RING, CTRL_RING].find(({ slotBytes }) => slotBytes === bytes);
    const behind = offset - RING_OFFSET.slots;
    return this.#isRing && layout && behind >= 0 && behind % bytes === 0 ? layout : undefined;
  }
}
