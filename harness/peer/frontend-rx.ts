import { concat } from '../bytes/bytes.js';
import { decodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, EXTRA_TYPE, RXF } from '../protocol/netif.js';
import { RX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { decodeRxResponse, encodeRxRequest, type RxRequest, type RxResponse } from '../protocol/rx.js';
import { type GrantRef, type Offer, type Page, PAGE_SIZE } from '../xen/domain.js';
import { UNTOUCHED } from './canary.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** Flags of a first fragment only. */
const FIRST_ONLY = RXF.csumBlank | RXF.dataValidated | RXF.extraInfo;

/** One data slot of a received packet: its request and its response. */
export interface ReceivedSlot {
  /** Ring index of both the request and the response. */
  readonly index: number;
  readonly request: RxRequest;
  readonly response: RxResponse;
  /** The whole buffer at the time the response was read. */
  readonly page: Uint8Array;
}

/** A packet that the backend wrote to this queue's buffers. */
export interface RxPacket {
  readonly frame: Uint8Array;
  readonly slots: readonly ReceivedSlot[];
  readonly extras: readonly Extra[];
  /** The slots of the extras: whether the buffer there is as it was posted, and what the request had put there. */
  readonly extraSlots: readonly { readonly index: number; readonly untouched: boolean; readonly put: Uint8Array }[];
}

/** An rx slot that reports an error instead of data. */
export interface RxError {
  readonly index: number;
  readonly response: RxResponse;
}

interface Posted {
  readonly request: RxRequest;
  readonly offer: Offer;
}

/** The receive half of one queue of a frontend peer. */
export class FrontendRx {
  readonly ring: FrontRing<Page>;
  /** Whether buffers are posted again as soon as they return; a test that counts them sets it to false. */
  repost = true;
  /** The id of the n-th request posted. */
  nextId: (n: number) => number = (n) => n & 0xff;
  /** The value of a request's pad field, which a backend must ignore. */
  pad = 0;
  /** Chooses a grant other than the buffer's, for deliberate errors. */
  nextRef: (() => number) | undefined;
  readonly errors: RxError[] = [];
  /** How often a publication of responses ended inside a packet. */
  splits = 0;
  /** Updates of rsp_prod inside a packet that were observed since the last {@link service}. */
  #cuts = 0;
  readonly #ringOffer: Offer;
  readonly #posted = new Map<number, Posted>();
  readonly #idle: Offer[] = [];
  /** Buffers whose responses came last, oldest first: what is written to them later is seen when they are used again. */
  readonly #resting: Offer[] = [];
  /** The number of {@link #resting} buffers; none if the grants were prepared, and no others are to be used. */
  #rest = 8;
  /** The content of each idle buffer at the time its response was read. */
  readonly #left = new Map<Offer, Uint8Array>();
  readonly #assembly: {
    slots: ReceivedSlot[];
    extras: Extra[];
    extraSlots: { index: number; untouched: boolean; put: Uint8Array }[];
  } = { slots: [], extras: [], extraSlots: [] };
  #expectExtra = false;
  /** The types of the extras that came last, until the slot after them. */
  readonly #chain: Extra['type'][] = [];
  #moreData = false;
  /** Whether a slot of the packet that is being assembled reported an error, so that nothing comes of it. */
  #failed = false;
  #posts = 0;

  constructor(
    private readonly backend: OtherDomain,
    start: number,
    private readonly monitor: VifMonitor,
  ) {
    this.#ringOffer = backend.offer('read-write');
    this.ring = new FrontRing(this.#ringOffer.page, RX_RING);
    this.ring.init(start);
    this.ring.watch();
  }

  get ringRef(): number {
    return this.#ringOffer.ref;
  }

  /** The grants of the ring and of all buffers. */
  get refs(): GrantRef[] {
    const posted = [...this.#posted.values()].map(({ offer }) => offer);
    return [...this.#idle, ...this.#resting, ...posted, this.#ringOffer].map(({ ref }) => ref);
  }

  /** Number of buffers that the backend holds. */
  get posted(): number {
    return this.#posted.size;
  }

  /** Number of posted buffers that the backend has written to. */
  get written(): number {
    const isWritten = ({ offer }: Posted): boolean => Buffer.compare(offer.page.copyOut(0, PAGE_SIZE), UNTOUCHED) !== 0;
    return [...this.#posted.values()].filter(isWritten).length;
  }

  /** Creates buffers before they are posted. Returns their grants. */
  prepare(count: number): GrantRef[] {
    const offers = Array.from({ length: count }, () => this.backend.offer('read-write'));
    this.#idle.push(...offers);
    this.#rest = 0;
    return offers.map((offer) => offer.ref);
  }

  /** Writes requests for up to `count` fresh buffers to the ring, without publishing them. */
  enqueue(count: number): void {
    for (let n = 0; n < count && this.ring.free() > 0; n++) {
      const offer = this.#idle.pop() ?? this.backend.offer('read-write');
      this.#seeReuse(offer);
      offer.page.copyIn(0, UNTOUCHED);
      if (this.nextRef) this.monitor.lookAway('atRest', 'channel', 'packet', 'reused');
      const request = { id: this.nextId(this.#posts++), pad: this.pad, gref: this.nextRef?.() ?? offer.ref };
      this.#posted.set(this.ring.put(encodeRxRequest(request)), { request, offer });
    }
  }

  /**
   * Reads the published responses. Returns the packets that they complete.
   *
   * @throws Violation if an index, an id or a length is invalid
   */
  service(): RxPacket[] {
    const packets: RxPacket[] = [];
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-08'], ready.reason);
      for (let n = 0; n < ready.value; n++) {
        const packet = this.#take();
        if (packet) packets.push(packet);
      }
      const split = this.#cuts > 0 || this.#assembly.slots.length > 0;
      this.#cuts = 0;
      if (split) this.splits++;
      if (ready.value > 0) this.monitor.see('rxPublished', () => ({ split }));
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return packets;
    }
  }

  release(): void {
    const offers = [
      ...this.#idle,
      ...this.#resting,
      ...[...this.#posted.values()].map((posted) => posted.offer),
      this.#ringOffer,
    ];
    for (const offer of offers) offer.end();
    this.#idle.length = this.#resting.length = 0;
    this.#posted.clear();
  }

  /** Before a buffer is used again, the monitor checks that nothing was written to it after its response. */
  #seeReuse(offer: Offer): void {
    const left = this.#left.get(offer);
    if (!left) return;
    this.#left.delete(offer);
    this.monitor.see('reused', () => ({
      what: `the rx buffer of grant ${offer.ref}`,
      left,
      found: offer.page.copyOut(0, PAGE_SIZE),
    }));
  }

  #take(): RxPacket | undefined {
    const index = this.ring.rspCons;
    const isInside = this.#expectExtra || this.#moreData;
    const bytes = this.ring.take();
    if (isInside && this.ring.published?.begins) this.#cuts++;
    const posted = this.#posted.get(index);
    if (!posted) throw new Error(`netifspec bug: no buffer was posted at index ${index} of the rx ring`);
    this.#posted.delete(index);
    this.#resting.push(posted.offer);
    if (this.#resting.length > this.#rest) this.#idle.push(...this.#resting.splice(0, 1));
    return this.#expectExtra ? this.#takeExtra(index, bytes, posted) : this.#takeData(index, bytes, posted);
  }

  #takeExtra(index: number, bytes: Uint8Array, { offer }: Posted): RxPacket | undefined {
    if (this.#assembly.slots.length + this.#assembly.extras.length >= RX_RING.size) {
      throw new Violation(['EXTRA-08'], `rx packet does not end within ${RX_RING.size} slots of data and extras`);
    }
    const untouched = Buffer.compare(offer.page.copyOut(0, PAGE_SIZE), UNTOUCHED) === 0;
    this.#assembly.extraSlots.push({ index, untouched, put: this.ring.under() });
    const extra = decodeExtra(bytes);
    if (!extra.ok) {
      const isNone = bytes[0] === EXTRA_TYPE.none;
      // Something else than an extra may stand after an extra that wrongly has the more flag.
      const promised = this.#assembly.extras.length > 0;
      const broken = [isNone ? 'EXTRA-03' : 'EXTRA-04', ...(promised ? ['EXTRA-08'] : [])];
      throw new Violation(broken, `rx ${extra.reason}`);
    }
    this.#assembly.extras.push(extra.value);
    this.#chain.push(extra.value.type);
    this.#expectExtra = (extra.value.flags & EXTRA_FLAG_MORE) !== 0;
    return this.#finish();
  }

  #takeData(index: number, bytes: Uint8Array, posted: Posted): RxPacket | undefined {
    const decoded = decodeRxResponse(bytes);
    if (!decoded.ok) throw new Violation(['RXW-02'], `rx response: ${decoded.reason}`);
    const response = decoded.value;
    const chain = this.#chain.splice(0);
    const extra = chain.length > 0 && response.id !== posted.request.id ? decodeExtra(bytes) : undefined;
    if (extra?.ok && !chain.includes(extra.value.type)) {
      const what = `an extra of type ${extra.value.type} after an extra without the more flag`;
      throw new Violation(['EXTRA-08', 'RXW-02'], `rx response at index ${index}: ${what}, or a wrong id`);
    }
    if (this.#failed && this.#moreData && (response.flags & FIRST_ONLY) !== 0) {
      throw new Violation(
        ['RXW-09'],
        `rx response at index ${index}: the flags ${response.flags} of a first fragment, where the fragment after one with more_data must be`,
      );
    }
    if (response.status < 0) {
      this.errors.push({ index, response });
      this.monitor.see('rxError', () => ({ response, request: posted.request }));
      if (this.#assembly.slots.length === 0) this.#expectExtra = (response.flags & RXF.extraInfo) !== 0;
      this.#failed = true;
      this.#moreData = (response.flags & RXF.moreData) !== 0;
      return this.#finish();
    }
    if (response.offset + response.status > PAGE_SIZE) {
      throw new Violation(
        ['RXW-07'],
        `rx response at index ${index}: offset ${response.offset} + status ${response.status} is beyond the page`,
      );
    }
    if (this.#assembly.slots.length === RX_RING.size) {
      throw new Violation(['RXW-09'], `rx packet does not end within ${RX_RING.size} slots, each with more_data`);
    }
    const page = posted.offer.page.copyOut(0, PAGE_SIZE);
    this.#left.set(posted.offer, page);
    this.#assembly.slots.push({ index, request: posted.request, response, page });
    if (this.#assembly.slots.length === 1) this.#expectExtra = (response.flags & RXF.extraInfo) !== 0;
    this.#moreData = (response.flags & RXF.moreData) !== 0;
    return this.#finish();
  }

  #finish(): RxPacket | undefined {
    if (this.#expectExtra || this.#moreData) return undefined;
    if (this.#failed) return this.#reset();
    const { slots, extras, extraSlots } = this.#assembly;
    // Linux's netback includes the headroom in each status and leaves the offsets 0. Other backends put it into the
    // offset, perhaps of the first page only.
    const requested = extras.find((extra) => extra.type === 'xdp')?.headroom ?? 0;
    const headroom = (slots[0]?.response.offset ?? 0) < requested ? requested : 0;
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

  #reset(): undefined {
    this.#assembly.slots.length = 0;
    this.#assembly.extras.length = 0;
    this.#assembly.extraSlots.length = 0;
    this.#expectExtra = this.#moreData = this.#failed = false;
  }
}
