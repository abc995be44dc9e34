/**
 * The two ends of a shared ring (ring.h). Indexes read from the page are the other end's word and are checked against
 * what this end knows; this end's own are never read back, since the other end can overwrite them.
 */

import type { Page } from '../xen/domain.js';
import { type Decoded, decoded, malformed } from './codec.js';
import { RING_OFFSET, type RingLayout, advance, distance, needsNotify, slotOffset } from './ring.js';

/** What a ring needs of a page. */
export type RingPage = Pick<Page, 'load32' | 'store32' | 'copyOut' | 'copyIn'>;

/** The four indexes as the page has them. */
export interface RingIndices {
  readonly reqProd: number;
  readonly reqEvent: number;
  readonly rspProd: number;
  readonly rspEvent: number;
}

abstract class RingEnd {
  constructor(
    readonly page: RingPage,
    readonly layout: RingLayout,
  ) {}

  /** Loads the four indexes, one after the other. */
  indices(): RingIndices {
    return {
      reqProd: this.page.load32(RING_OFFSET.reqProd),
      reqEvent: this.page.load32(RING_OFFSET.reqEvent),
      rspProd: this.page.load32(RING_OFFSET.rspProd),
      rspEvent: this.page.load32(RING_OFFSET.rspEvent),
    };
  }

  protected readSlot(index: number): Uint8Array {
    return this.page.copyOut(slotOffset(this.layout, index), this.layout.slotBytes);
  }

  protected writeSlot(index: number, slot: Uint8Array): void {
    const { name, slotBytes } = this.layout;
    if (slot.length > slotBytes) throw new RangeError(`${name} ring: ${slot.length} bytes, a slot has ${slotBytes}`);
    const padded = new Uint8Array(slotBytes);
    padded.set(slot);
    this.page.copyIn(slotOffset(this.layout, index), padded);
  }
}

/**
 * The frontend's end: puts requests, takes responses. `reqProdPvt` and `rspCons` may be set by a test that wants to
 * break the rules; {@link FrontRing.push} publishes whatever `reqProdPvt` is.
 */
export class FrontRing extends RingEnd {
  /** Index of the next request to put. */
  reqProdPvt = 0;
  /** Index of the next response to take. */
  rspCons = 0;
  #published = 0;

  /** Initialises the header as SHARED_RING_INIT does, but with the indexes at `start`. The slots stay as they are. */
  init(start = 0): void {
    this.page.copyIn(0, new Uint8Array(RING_OFFSET.slots));
    this.page.store32(RING_OFFSET.reqProd, advance(start, 0));
    this.page.store32(RING_OFFSET.rspProd, advance(start, 0));
    this.page.store32(RING_OFFSET.reqEvent, advance(start, 1));
    this.page.store32(RING_OFFSET.rspEvent, advance(start, 1));
    this.reqProdPvt = this.rspCons = this.#published = advance(start, 0);
  }

  /** How many requests may still be put (ring.h, RING_FREE_REQUESTS). */
  free(): number {
    return Math.max(0, this.layout.size - distance(this.rspCons, this.reqProdPvt));
  }

  /**
   * Writes a request, zero padded to the slot's size, and answers its free-running index. The other end sees it after
   * {@link push}. Throws a RangeError when it is longer than a slot and when the ring is full.
   */
  put(slot: Uint8Array): number {
    if (this.free() === 0) throw new RangeError(`${this.layout.name} ring: full, ${this.layout.size} outstanding`);
    const index = this.reqProdPvt;
    this.writeSlot(index, slot);
    this.reqProdPvt = advance(index, 1);
    return index;
  }

  /** Publishes all requests put so far; true when the other end must be notified. */
  push(): boolean {
    const old = this.#published;
    this.#published = advance(this.reqProdPvt, 0);
    this.page.store32(RING_OFFSET.reqProd, this.#published);
    return needsNotify(old, this.#published, this.page.load32(RING_OFFSET.reqEvent));
  }

  /**
   * How many responses wait to be taken. Malformed when `rsp_prod` claims more than the ring can hold
   * (RING_RESPONSE_PROD_OVERFLOW) or more than there are published requests without an answer.
   */
  unconsumed(): Decoded<number> {
    const { name, size } = this.layout;
    const rspProd = this.page.load32(RING_OFFSET.rspProd);
    const responses = distance(this.rspCons, rspProd);
    if (responses > size) {
      return malformed(`${name} ring: rsp_prod ${rspProd} is not within ${size} slots of rsp_cons ${this.rspCons}`);
    }
    if (responses > distance(this.rspCons, this.#published)) {
      return malformed(`${name} ring: rsp_prod ${rspProd} is beyond req_prod ${this.#published}`);
    }
    return decoded(responses);
  }

  /** Copies the next response out, once. For use after {@link unconsumed} said that there is one. */
  take(): Uint8Array {
    const slot = this.readSlot(this.rspCons);
    this.rspCons = advance(this.rspCons, 1);
    return slot;
  }

  /** Asks for an event at the next response, then looks again: true if there is work, for which no event may come. */
  finalCheck(): Decoded<boolean> {
    this.setRspEvent(advance(this.rspCons, 1));
    const count = this.unconsumed();
    return count.ok ? decoded(count.value > 0) : count;
  }

  /** Asks for an event when `rsp_prod` reaches `index`. */
  setRspEvent(index: number): void {
    this.page.store32(RING_OFFSET.rspEvent, advance(index, 0));
  }
}

/**
 * The backend's end: takes requests, puts responses. `reqCons` and `rspProdPvt` may be set by a test that wants to
 * break the rules; {@link BackRing.push} publishes whatever `rspProdPvt` is.
 */
export class BackRing extends RingEnd {
  /** Index of the next request to take. */
  reqCons = 0;
  /** Index of the next response to put. */
  rspProdPvt = 0;
  #published = 0;

  /** Starts at `index`, or where the page's `rsp_prod` is. Writes nothing: the frontend alone initialises the page. */
  attach(index = this.page.load32(RING_OFFSET.rspProd)): void {
    this.reqCons = this.rspProdPvt = this.#published = advance(index, 0);
  }

  /**
   * How many requests wait to be taken; there is room for the response to each. Malformed when `req_prod` claims more
   * requests than the ring can hold (RING_REQUEST_PROD_OVERFLOW) and when it moved back.
   */
  unconsumed(): Decoded<number> {
    const { name, size } = this.layout;
    const reqProd = this.page.load32(RING_OFFSET.reqProd);
    const outstanding = distance(this.rspProdPvt, reqProd);
    const taken = distance(this.rspProdPvt, this.reqCons);
    if (outstanding > size) {
      return malformed(
        `${name} ring: req_prod ${reqProd} is not within ${size} slots of rsp_prod ${this.rspProdPvt} (RING_REQUEST_PROD_OVERFLOW)`,
      );
    }
    if (outstanding < taken) {
      return malformed(`${name} ring: req_prod ${reqProd} is behind req_cons ${this.reqCons}`);
    }
    return decoded(outstanding - taken);
  }

  /** Copies the next request out, once. For use after {@link unconsumed} said that there is one. */
  take(): Uint8Array {
    const slot = this.readSlot(this.reqCons);
    this.reqCons = advance(this.reqCons, 1);
    return slot;
  }

  /**
   * Writes a response, zero padded to the slot's size, and answers its free-running index. The other end sees it after
   * {@link push}. Throws a RangeError when it is longer than a slot and when every request taken has its response.
   */
  put(slot: Uint8Array): number {
    const index = this.rspProdPvt;
    if (distance(index, this.reqCons) === 0) {
      throw new RangeError(`${this.layout.name} ring: every request taken has its response`);
    }
    this.writeSlot(index, slot);
    this.rspProdPvt = advance(index, 1);
    return index;
  }

  /** Publishes all responses put so far; true when the other end must be notified. */
  push(): boolean {
    const old = this.#published;
    this.#published = advance(this.rspProdPvt, 0);
    this.page.store32(RING_OFFSET.rspProd, this.#published);
    return needsNotify(old, this.#published, this.page.load32(RING_OFFSET.rspEvent));
  }

  /** Asks for an event at the next request, then looks again: true if there is work, for which no event may come. */
  finalCheck(): Decoded<boolean> {
    this.setReqEvent(advance(this.reqCons, 1));
    const count = this.unconsumed();
    return count.ok ? decoded(count.value > 0) : count;
  }

  /** Asks for an event when `req_prod` reaches `index`. */
  setReqEvent(index: number): void {
    this.page.store32(RING_OFFSET.reqEvent, advance(index, 0));
  }
}
