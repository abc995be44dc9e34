/** The operations of a page that a ring uses. */
export interface RingPage {
  /** Loads the little-endian u32 at `offset` (a multiple of 4) with acquire semantics, then a full barrier. */
  load32(offset: number): number;
  /** Stores a u32 with release semantics, followed by a full barrier (ring.h needs one between index and event). */
  store32(offset: number, value: number): void;
  /** Returns a private copy of `length` bytes. */
  copyOut(offset: number, length: number): Uint8Array;
  copyIn(offset: number, bytes: Uint8Array): void;
  /**
   * Calls `listener` with this page after each store of the other side to the u32 at `offset`, before that side does
   * anything else; until the returned function is called or the page is closed. Absent where no store can be observed.
   */
  readonly onStore?: ((offset: number, listener: (page: RingPage) => void) => () => void) | undefined;
}
