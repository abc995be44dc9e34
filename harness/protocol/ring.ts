/** The layout of a shared ring and the arithmetic of its indices, which run freely modulo 2^32 (ring.h). */

export interface RingLayout {
  readonly name: 'tx' | 'rx' | 'ctrl';
  /** Bytes per slot: the larger of request and response. */
  readonly slotBytes: number;
  /** Number of slots: as many as fit after the header, rounded down to a power of two. */
  readonly size: number;
}

export const TX_RING = { name: 'tx', slotBytes: 12, size: 256 } as const satisfies RingLayout;
export const RX_RING = { name: 'rx', slotBytes: 8, size: 256 } as const satisfies RingLayout;
export const CTRL_RING = { name: 'ctrl', slotBytes: 16, size: 128 } as const satisfies RingLayout;
const RINGS: readonly RingLayout[] = [TX_RING, RX_RING, CTRL_RING];

/** Byte offsets in the shared page: four u32 indices, private bytes and padding, then the slots. */
export const RING_OFFSET = { reqProd: 0, reqEvent: 4, rspProd: 8, rspEvent: 12, pvt: 16, slots: 64 } as const;

/** Byte offset in the page of the slot for a free-running index. */
export function slotOffset(layout: RingLayout, index: number): number {
  return RING_OFFSET.slots + (index & (layout.size - 1)) * layout.slotBytes;
}

/** The distance from one index forward to another, modulo 2^32. */
export function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}

/** The index `n` steps forward (backward if `n` is negative), modulo 2^32. */
export function advance(index: number, n: number): number {
  return (index + n) >>> 0;
}

/**
 * Whether moving a producer index from `oldProd` to `newProd` reaches or passes `event`, so that the other side must be
 * notified (ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY).
 */
export function needsNotify(oldProd: number, newProd: number, event: number): boolean {
  return distance(event, newProd) < distance(oldProd, newProd);
}

/**
 * Recognizes slots among the accesses to a page. Any page may hold data of a slot's length, so accesses count only
 * after the header was used. The length then determines the ring, since slot sizes differ between rings.
 */
export class RingSight {
  #isRing = false;

  /** An index was loaded or stored. */
  touched(offset: number): void {
    this.#isRing ||= offset < RING_OFFSET.pvt;
  }

  /** The ring that has a slot at `offset` with this length; undefined if there is none. */
  slotAt(offset: number, bytes: number): RingLayout | undefined {
    const behind = offset - RING_OFFSET.slots;
    if (!this.#isRing || behind < 0 || behind % bytes !== 0) return undefined;
    return RINGS.find(({ slotBytes }) => slotBytes === bytes);
  }
}
