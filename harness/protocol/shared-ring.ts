/**
 * The two ends of a shared ring (ring.h). Indices that the other side writes are checked against what this end knows.
 * This end's own indices are never read back, since the other side can overwrite them.
 */

import { type Decoded, decoded, malformed } from '../bytes/codec.js';
import { PublishedSlots } from './published-slots.js';
import type { RingPage } from './ring-page.js';
import { RING_OFFSET, type RingLayout, advance, distance, needsNotify, slotOffset } from './ring.js';

/** The four indices in the page. */
export interface RingIndices {
  readonly reqProd: number;
  readonly reqEvent: number;
  readonly rspProd: number;
  readonly rspEvent: number;
}

/** The header fields that an end owns: as it last wrote them, and as they are in the page. */
export interface OwnFields {
  readonly wrote: readonly number[];
  readonly found: readonly number[];
}

/** Whether a producer index has reached an event index. */
function reaches(producer: number, event: number, size: number): boolean {
  return distance(event, producer) <= size;
}

function padded(slot: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(slot);
  return bytes;
}

abstract class RingEnd<P extends RingPage> {
  /** Messages consumed since the ring was created. */
  taken = 0;
  /** What the other side published and when; undefined if that is not watched. See {@link watch}. */
  published: PublishedSlots | undefined;

  constructor(
    readonly page: P,
    readonly layout: RingLayout,
  ) {}

  /** Loads the four indices, one after the other. */
  indices(): RingIndices {
    return {
      reqProd: this.page.load32(RING_OFFSET.reqProd),
      reqEvent: this.page.load32(RING_OFFSET.reqEvent),
      rspProd: this.page.load32(RING_OFFSET.rspProd),
      rspEvent: this.page.load32(RING_OFFSET.rspEvent),
    };
  }

  /** The fields that SHARED_RING_INIT sets and the back end has not written yet. */
  initialised(): {
    readonly name: string;
    readonly rspProd: number;
    readonly reqEvent: number;
    readonly rspEvent: number;
    readonly pad: Uint8Array;
  } {
    const { rspProd, reqEvent, rspEvent } = this.indices();
    const pad = this.page.copyOut(RING_OFFSET.pvt, RING_OFFSET.slots - RING_OFFSET.pvt);
    return { name: this.layout.name, rspProd, reqEvent, rspEvent, pad };
  }

  /** This end's own fields: as it wrote them, and as they are in the page. */
  abstract ownFields(): OwnFields;

  /** The state of an idle ring, and how many slots the other side had published before they were final, if observed. */
  atRest(): OwnFields & { readonly name: string; readonly changed: number | undefined } {
    return { name: this.layout.name, ...this.ownFields(), changed: this.published?.changed };
  }

  /** Watches each update of the other side's producer index from now on, if the page allows that. */
  protected watchIndex(producer: number): void {
    if (this.page.onStore) this.published = new PublishedSlots(this.page, this.layout, producer);
  }

  protected readSlot(index: number): Uint8Array {
    const slot = this.page.copyOut(slotOffset(this.layout, index), this.layout.slotBytes);
    this.published?.use(index, slot);
    return slot;
  }

  protected writeSlot(index: number, slot: Uint8Array): void {
    const { name, slotBytes } = this.layout;
    if (slot.length > slotBytes)
      throw new RangeError(`${name} ring: ${slot.length} bytes exceed a slot of ${slotBytes}`);
    this.page.copyIn(slotOffset(this.layout, index), slot);
  }
}

/**
 * The frontend's end: puts requests, consumes responses. `reqProdPvt` and `rspCons` may be set by a test that violates
 * the protocol; {@link FrontRing.push} publishes any `reqProdPvt`.
 */
export class FrontRing<P extends RingPage = RingPage> extends RingEnd<P> {
  /** Index of the next request to put. */
  reqProdPvt = 0;
  /** Index of the next response to consume. */
  rspCons = 0;
  /** The requests as they were put, by slot offset. */
  readonly #requests = new Map<number, Uint8Array>();
  #published = 0;
  #event = 0;

  /** Initialises the header as SHARED_RING_INIT does, but with the indices at `start`. The slots are left unchanged. */
  init(start = 0): void {
    this.page.copyIn(0, new Uint8Array(RING_OFFSET.slots));
    this.page.store32(RING_OFFSET.reqProd, advance(start, 0));
    this.page.store32(RING_OFFSET.rspProd, advance(start, 0));
    this.page.store32(RING_OFFSET.reqEvent, advance(start, 1));
    this.page.store32(RING_OFFSET.rspEvent, advance(start, 1));
    this.reqProdPvt = this.rspCons = this.#published = advance(start, 0);
    this.#event = advance(start, 1);
  }

  /** Watches when the other side publishes responses. */
  watch(): void {
    this.watchIndex(RING_OFFSET.rspProd);
  }

  /** How many requests can still be put (ring.h, RING_FREE_REQUESTS). */
  free(): number {
    return Math.max(0, this.layout.size - distance(this.rspCons, this.reqProdPvt));
  }

  /**
   * Writes a request, zero-padded to the size of a slot, and returns its free-running index. The other side sees it
   * after {@link push}. Throws a RangeError if the request is longer than a slot or the ring is full.
   */
  put(slot: Uint8Array): number {
    if (this.free() === 0) throw new RangeError(`${this.layout.name} ring: full, ${this.layout.size} outstanding`);
    const index = this.reqProdPvt;
    const { slotBytes } = this.layout;
    const request = slot.length < slotBytes ? padded(slot, slotBytes) : slot;
    this.writeSlot(index, request);
    this.#requests.set(slotOffset(this.layout, index), request);
    this.reqProdPvt = advance(index, 1);
    return index;
  }

  /** Publishes all requests put so far; returns true if the other side must be notified. */
  push(): boolean {
    const old = this.#published;
    this.#published = advance(this.reqProdPvt, 0);
    this.page.store32(RING_OFFSET.reqProd, this.#published);
    return needsNotify(old, this.#published, this.page.load32(RING_OFFSET.reqEvent));
  }

  /**
   * How many responses are unconsumed. Malformed if `rsp_prod` claims more than the ring can hold
   * (RING_RESPONSE_PROD_OVERFLOW) or more than there are published requests without a response.
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

  /** Copies the next response out, once. Call only if {@link unconsumed} has reported one. */
  take(): Uint8Array {
    this.taken++;
    const slot = this.readSlot(this.rspCons);
    this.rspCons = advance(this.rspCons, 1);
    return slot;
  }

  /**
   * The request that was put into the slot of the last consumed response; its bytes after a shorter response are still
   * there.
   */
  under(): Uint8Array {
    return this.#requests.get(slotOffset(this.layout, this.rspCons - 1)) ?? new Uint8Array(this.layout.slotBytes);
  }

  /** Its own fields are req_prod and rsp_event. */
  ownFields(): OwnFields {
    const { reqProd, rspEvent } = this.indices();
    return { wrote: [this.#published, this.#event], found: [reqProd, rspEvent] };
  }

  /** How many unconsumed responses have reached the event index, so that an event is due. */
  overdue(): number {
    const count = this.unconsumed();
    return count.ok && reaches(this.page.load32(RING_OFFSET.rspProd), this.#event, this.layout.size) ? count.value : 0;
  }

  /**
   * Asks for an event at the next response, then checks again: true if there is work, for which no event may be sent.
   */
  finalCheck(): Decoded<boolean> {
    this.setRspEvent(advance(this.rspCons, 1));
    const count = this.unconsumed();
    return count.ok ? decoded(count.value > 0) : count;
  }

  /** Asks for an event when `rsp_prod` reaches `index`. */
  setRspEvent(index: number): void {
    this.#event = advance(index, 0);
    this.page.store32(RING_OFFSET.rspEvent, this.#event);
  }
}

/**
 * The backend's end: consumes requests, puts responses. `reqCons` and `rspProdPvt` may be set by a test that violates
 * the protocol; {@link BackRing.push} publishes any `rspProdPvt`.
 */
export class BackRing<P extends RingPage = RingPage> extends RingEnd<P> {
  /** Index of the next request to consume. */
  reqCons = 0;
  /** Index of the next response to put. */
  rspProdPvt = 0;
  #published = 0;
  /** The index at which this end asked for an event, if it did. */
  #event: number | undefined;

  /** Starts at `index`. Default: the page's `rsp_prod`. Writes nothing: only the frontend initialises the page. */
  attach(index = this.page.load32(RING_OFFSET.rspProd)): void {
    this.reqCons = this.rspProdPvt = this.#published = advance(index, 0);
  }

  /** Watches when the other side publishes requests. */
  watch(): void {
    this.watchIndex(RING_OFFSET.reqProd);
  }

  /**
   * How many requests are unconsumed; there is room for the response to each. Malformed if `req_prod` claims more
   * requests than the ring can hold (RING_REQUEST_PROD_OVERFLOW) or has moved backward.
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

  /** Copies the next request out, once. Call only if {@link unconsumed} has reported one. */
  take(): Uint8Array {
    this.taken++;
    const slot = this.readSlot(this.reqCons);
    this.reqCons = advance(this.reqCons, 1);
    return slot;
  }

  /**
   * Writes a response and returns its free-running index; the rest of a longer slot is left unchanged, as in every
   * driver. The other side sees it after {@link push}. Throws a RangeError if the response is longer than a slot or
   * every consumed request has its response.
   */
  put(slot: Uint8Array): number {
    const index = this.rspProdPvt;
    if (distance(index, this.reqCons) === 0) {
      throw new RangeError(`${this.layout.name} ring: every consumed request has its response`);
    }
    this.writeSlot(index, slot);
    this.rspProdPvt = advance(index, 1);
    return index;
  }

  /** Publishes all responses put so far; returns true if the other side must be notified. */
  push(): boolean {
    const old = this.#published;
    this.#published = advance(this.rspProdPvt, 0);
    this.page.store32(RING_OFFSET.rspProd, this.#published);
    return needsNotify(old, this.#published, this.page.load32(RING_OFFSET.rspEvent));
  }

  /** Its own fields are rsp_prod and req_event. */
  ownFields(): OwnFields {
    const { rspProd, reqEvent } = this.indices();
    const events = this.#event === undefined ? [] : [this.#event, reqEvent];
    return { wrote: [this.#published, ...events.slice(0, 1)], found: [rspProd, ...events.slice(1)] };
  }

  /** How many unconsumed requests have reached the event index, so that an event is due. */
  overdue(): number {
    const count = this.unconsumed();
    if (this.#event === undefined || !count.ok) return 0;
    return reaches(this.page.load32(RING_OFFSET.reqProd), this.#event, this.layout.size) ? count.value : 0;
  }

  /**
   * Asks for an event at the next request, then checks again: true if there is work, for which no event may be sent.
   */
  finalCheck(): Decoded<boolean> {
    this.setReqEvent(advance(this.reqCons, 1));
    const count = this.unconsumed();
    return count.ok ? decoded(count.value > 0) : count;
  }

  /** Asks for an event when `req_prod` reaches `index`. */
  setReqEvent(index: number): void {
    this.#event = advance(index, 0);
    this.page.store32(RING_OFFSET.reqEvent, this.#event);
  }
}
