import { concat } from '../packet/bytes.js';
import { decodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, RXF } from '../protocol/netif.js';
import { RX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { decodeRxResponse, encodeRxRequest, type RxRequest, type RxResponse } from '../protocol/rx.js';
import { type DomId, type GrantRef, type Grants, type Offer, PAGE_SIZE } from '../xen/domain.js';
import { Violation } from './violation.js';

/** One data slot of a received packet: what was posted there and what came back. */
export interface ReceivedSlot {
  /** Ring index of request and response alike. */
  readonly index: number;
  readonly request: RxRequest;
  readonly response: RxResponse;
  /** The whole buffer as it was when the response was taken. */
  readonly page: Uint8Array;
}

/** A packet that the backend put into this queue's buffers. */
export interface RxPacket {
  readonly frame: Uint8Array;
  readonly slots: readonly ReceivedSlot[];
  readonly extras: readonly Extra[];
  /** The slots of the extras: whether the buffer there is as it was posted. */
  readonly extraSlots: readonly { readonly index: number; readonly untouched: boolean }[];
}

/** A rx slot that reports an error in place of data. */
export interface RxError {
  readonly index: number;
  readonly response: RxResponse;
}

interface Posted {
  readonly request: RxRequest;
  readonly offer: Offer;
}

/** Bytes that a fresh buffer is filled with, so that a test sees what the backend wrote and what it left alone. */
export const CANARY = 0xc5;
const UNTOUCHED = new Uint8Array(PAGE_SIZE).fill(CANARY);

/** The receive half of one queue of a frontend peer. */
export class FrontendRx {
  readonly ring: FrontRing;
  /** Buffers are posted again as soon as they come back; a test that counts them turns this off. */
  repost = true;
  /** The id of the n-th request posted. */
  nextId: (n: number) => number = (n) => n & 0xff;
  /** What the pad of a request holds: nothing that a backend may look at. */
  pad = 0;
  /** Names another grant than the buffer's, for a request that is wrong on purpose. */
  nextRef: (() => number) | undefined;
  readonly errors: RxError[] = [];
  /** How often the published slots ended in the middle of a packet. */
  splits = 0;
  readonly #ringOffer: Offer;
  readonly #posted = new Map<number, Posted>();
  readonly #idle: Offer[] = [];
  readonly #assembly: {
    slots: ReceivedSlot[];
    extras: Extra[];
    extraSlots: { index: number; untouched: boolean }[];
  } = { slots: [], extras: [], extraSlots: [] };
  #expectExtra = false;
  #moreData = false;
  #posts = 0;

  constructor(
    private readonly grants: Grants,
    private readonly backend: DomId,
    start: number,
  ) {
    this.#ringOffer = grants.offer(backend, 'read-write');
    this.ring = new FrontRing(this.#ringOffer.page, RX_RING);
    this.ring.init(start);
  }

  get ringRef(): number {
    return this.#ringOffer.ref;
  }

  /** Buffers that the backend holds. */
  get posted(): number {
    return this.#posted.size;
  }

  /** Makes buffers ahead of their posting, and answers the grants. */
  prepare(count: number): GrantRef[] {
    const offers = Array.from({ length: count }, () => this.grants.offer(this.backend, 'read-write'));
    this.#idle.push(...offers);
    return offers.map((offer) => offer.ref);
  }

  /** Puts `count` fresh buffers on the ring, as many as fit, without publishing them. */
  enqueue(count: number): void {
    for (let n = 0; n < count && this.ring.free() > 0; n++) {
      const offer = this.#idle.pop() ?? this.grants.offer(this.backend, 'read-write');
      offer.page.copyIn(0, UNTOUCHED);
      const request = { id: this.nextId(this.#posts++), pad: this.pad, gref: this.nextRef?.() ?? offer.ref };
      this.#posted.set(this.ring.put(encodeRxRequest(request)), { request, offer });
    }
  }

  /**
   * Takes the responses that are there and answers the packets that they complete.
   *
   * @throws Violation if indices, ids or lengths make no sense
   */
  service(): RxPacket[] {
    const packets: RxPacket[] = [];
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-08'], `rx ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) {
        const packet = this.#take();
        if (packet) packets.push(packet);
      }
      if (this.#assembly.slots.length > 0) this.splits++;
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return packets;
    }
  }

  release(): void {
    const offers = [...this.#idle, ...[...this.#posted.values()].map((posted) => posted.offer), this.#ringOffer];
    for (const offer of offers) offer.end();
    this.#idle.length = 0;
    this.#posted.clear();
  }

  #take(): RxPacket | undefined {
    const index = this.ring.rspCons;
    const bytes = this.ring.take();
    const posted = this.#posted.get(index);
    if (!posted) throw new Error(`no buffer is known at index ${index} of the rx ring`);
    this.#posted.delete(index);
    this.#idle.push(posted.offer);
    return this.#expectExtra ? this.#takeExtra(index, bytes, posted) : this.#takeData(index, bytes, posted);
  }

  #takeExtra(index: number, bytes: Uint8Array, { offer }: Posted): RxPacket | undefined {
    if (this.#assembly.slots.length + this.#assembly.extras.length >= RX_RING.size) {
      throw new Violation(['EXTRA-08'], `rx packet without end: ${RX_RING.size} slots of data and extras`);
    }
    const untouched = Buffer.compare(offer.page.copyOut(0, PAGE_SIZE), UNTOUCHED) === 0;
    this.#assembly.extraSlots.push({ index, untouched });
    const extra = decodeExtra(bytes);
    if (!extra.ok) throw new Violation(['EXTRA-04'], `rx extra info: ${extra.reason}`);
    this.#assembly.extras.push(extra.value);
    this.#expectExtra = (extra.value.flags & EXTRA_FLAG_MORE) !== 0;
    return this.#finish();
  }

  #takeData(index: number, bytes: Uint8Array, posted: Posted): RxPacket | undefined {
    const decoded = decodeRxResponse(bytes);
    if (!decoded.ok) throw new Violation(['RXW-02'], `rx response: ${decoded.reason}`);
    const response = decoded.value;
    if (response.status < 0) {
      this.errors.push({ index, response });
      this.#reset();
      return undefined;
    }
    if (response.offset + response.status > PAGE_SIZE) {
      throw new Violation(
        ['RXW-07'],
        `rx response at index ${index}: offset ${response.offset} + status ${response.status} is beyond the page`,
      );
    }
    if (this.#assembly.slots.length === RX_RING.size) {
      throw new Violation(['RXW-09'], `rx packet without end: ${RX_RING.size} slots, each with more_data`);
    }
    const page = posted.offer.page.copyOut(0, PAGE_SIZE);
    this.#assembly.slots.push({ index, request: posted.request, response, page });
    if (this.#assembly.slots.length === 1) this.#expectExtra = (response.flags & RXF.extraInfo) !== 0;
    this.#moreData = (response.flags & RXF.moreData) !== 0;
    return this.#finish();
  }

  #finish(): RxPacket | undefined {
    if (this.#expectExtra || this.#moreData) return undefined;
    const { slots, extras, extraSlots } = this.#assembly;
    // Linux's netback counts the headroom into the status and leaves the offset 0; in front of it is nothing in any case.
    const headroom = extras.find((extra) => extra.type === 'xdp')?.headroom ?? 0;
    const bytes = slots.map(({ page, response: { offset, status } }) =>
      page.subarray(Math.max(offset, headroom), offset + status),
    );
    const packet: RxPacket = {
      frame: concat(...bytes),
      slots: [...slots],
      extras: [...extras],
      extraSlots: [...extraSlots],
    };
    this.#reset();
    return packet;
  }

  #reset(): void {
    this.#assembly.slots.length = 0;
    this.#assembly.extras.length = 0;
    this.#assembly.extraSlots.length = 0;
    this.#expectExtra = this.#moreData = false;
  }
}
