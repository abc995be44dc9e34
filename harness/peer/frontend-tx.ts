import type { Extra } from '../protocol/extra.js';
import { encodeExtra } from '../protocol/extra.js';
import { RSP, TXF } from '../protocol/netif.js';
import { RING_OFFSET, slotOffset, TX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { decodeTxRequest, decodeTxResponse, encodeTxRequest, type TxRequest, type TxResponse } from '../protocol/tx.js';
import { type GrantRef, type Offer, type Page, PAGE_SIZE } from '../xen/domain.js';
import { Signal } from '../xen/wait.js';
import { flickerSlot } from './flicker.js';
import type { SentPacket } from './monitor/sent-lately.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import { type Offset, offsetOf } from './offset.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** Bytes of a tx response; the rest of its slot is unused. */
const TX_RESPONSE_BYTES = 4;

/** How a frame is written to tx slots; defaults are those of a correct frontend. */
export interface TxShape {
  /** Bytes of each fragment; their sum is the length of the frame. Default: as few fragments as fit. */
  readonly fragments?: readonly number[];
  /** Where each fragment starts in its page. */
  readonly offset?: Offset;
  readonly extras?: readonly Extra[];
  /** The raw bytes of each extra's slot; replaces {@link extras}. */
  readonly chain?: readonly Uint8Array[];
  /** Added to the first slot's flags. */
  readonly flags?: number;
  /** The id of each fragment's request. Default: free ids. */
  readonly ids?: readonly number[];
  /** Changes a request before it is written, for deliberate errors. `index` counts fragments. */
  readonly alter?: (request: TxRequest, index: number) => TxRequest;
}

/** One tx slot that was sent: a request or an extra info, and its response once it arrives. */
export interface SentSlot {
  readonly kind: 'request' | 'extra';
  /** The slot's ring index. */
  readonly index: number;
  /** The id of a request; undefined for an extra info. */
  readonly id: number | undefined;
  readonly ref: number | undefined;
  response: TxResponse | undefined;
}

/** No domain has so many grants: a page of this reference can't be read. */
const BEYOND_GRANTS = 0x80000000;

/** The transmit half of one queue of a frontend peer. */
export class FrontendTx {
  readonly ring: FrontRing<Page>;
  readonly #ringOffer: Offer;
  readonly #idle: Offer[] = [];
  /** The slots without a response, in order, each with its buffer if it has one of this queue's. */
  readonly #inFlight = new Map<SentSlot, Offer | undefined>();
  /** Whether req_prod was published that does not fit the requests. */
  #forged = false;
  /** The slots of the packet that a slot belongs to. */
  readonly #packets = new WeakMap<SentSlot, readonly SentSlot[]>();
  /** Grants that the backend may keep mapped. */
  readonly #kept = new Set<GrantRef>();
  /** The other ids of requests that change. */
  readonly #otherIds = new WeakMap<SentSlot, number>();
  #nextId = 0;
  /** Fires when responses were read from the ring. */
  readonly answered = new Signal();

  constructor(
    private readonly backend: OtherDomain,
    start: number,
    /** Called with each frame that is written to the ring. */
    private readonly onSend: (packet: SentPacket) => void,
    private readonly monitor: VifMonitor,
  ) {
    this.#ringOffer = backend.offer('read-write');
    this.ring = new FrontRing(this.#ringOffer.page, TX_RING);
    this.ring.init(start);
    this.ring.watch();
  }

  get ringRef(): number {
    return this.#ringOffer.ref;
  }

  /** The grants of the ring and of all buffers. */
  get refs(): GrantRef[] {
    return this.#offers().map(({ ref }) => ref);
  }

  /** The number of slots that a frame of the default shape needs. */
  static slotsFor(frame: Uint8Array): number {
    return pageSized(frame.length).length;
  }

  /** Creates buffers for later frames. Returns their grants. */
  prepare(count: number): GrantRef[] {
    const offers = Array.from({ length: count }, () => this.backend.offer('read-only'));
    this.#idle.push(...offers);
    for (const { ref } of offers) this.#kept.add(ref);
    return offers.map((offer) => offer.ref);
  }

  /** Writes a frame to buffers and slots, without publishing them. */
  enqueue(frame: Uint8Array, shape: TxShape = {}): SentSlot[] {
    const saysBlank = ((shape.flags ?? 0) & TXF.csumBlank) !== 0;
    this.onSend({ frame, saysBlank, isAltered: shape.alter !== undefined || shape.chain !== undefined });
    if (shape.alter || shape.chain) this.monitor.lookAwayFromRings();
    for (const extra of shape.extras ?? []) if (extra.type === 'mcast-add') this.monitor.asksFor(extra.address);
    const lengths = shape.fragments ?? pageSized(frame.length);
    const extras = shape.chain ?? chainOf(shape.extras ?? []);
    const slots: SentSlot[] = [];
    let position = 0;
    lengths.forEach((length, n) => {
      const buffer = this.#idle.pop() ?? this.backend.offer('read-only');
      const offset = offsetOf(shape, n);
      buffer.page.copyIn(offset, frame.subarray(position, position + length));
      position += length;
      const more = n < lengths.length - 1 ? TXF.moreData : 0;
      const first = n === 0 ? (shape.flags ?? 0) | (extras.length > 0 ? TXF.extraInfo : 0) : 0;
      const request: TxRequest = {
        gref: buffer.ref,
        offset,
        flags: more | first,
        id: shape.ids?.[n] ?? this.#freeId(),
        size: n === 0 ? frame.length : length,
      };
      const sent = shape.alter?.(request, n) ?? request;
      // What the backend reads then is not `frame`. Of a page that it can't read it must not pass on anything.
      const isOther = (['offset', 'size'] as const).some((field) => sent[field] !== request[field]);
      if (isOther || (sent.gref !== request.gref && sent.gref < BEYOND_GRANTS)) this.monitor.lookAway('toBackendStack');
      slots.push(this.#put(sent, buffer));
      if (n === 0) slots.push(...extras.map((extra) => this.#putExtra(extra)));
    });
    for (const slot of slots) this.#packets.set(slot, slots);
    return slots;
  }

  /** Writes one request unchanged. */
  put(request: TxRequest): SentSlot {
    this.monitor.lookAwayFromRings();
    return this.#put(request);
  }

  /** Puts any bytes into the slot that the previous request marks as an extra info. */
  putExtraBytes(bytes: Uint8Array): SentSlot {
    this.monitor.lookAwayFromRings();
    return this.#putExtra(bytes);
  }

  /**
   * Switches a request in the ring between its value and `alter` of it, until the returned function is called. Its
   * response may have either id.
   */
  flicker(slot: SentSlot, alter: (request: TxRequest) => TxRequest): () => void {
    this.monitor.lookAway();
    const at = slotOffset(TX_RING, slot.index);
    const { page } = this.ring;
    const request = decodeTxRequest(page.copyOut(at, TX_RING.slotBytes));
    if (!request.ok) throw new Error(`netifspec bug: the peer's own tx request is invalid: ${request.reason}`);
    const other = alter(request.value);
    this.#otherIds.set(slot, other.id);
    return flickerSlot(page, at, encodeTxRequest(request.value), encodeTxRequest(other));
  }

  /** Overwrites the page of a request in flight from `at` on, as a frontend does that uses the page for something else. */
  overwrite(slot: SentSlot, at: number, byte: number): void {
    this.#inFlight.get(slot)?.page.copyIn(at, new Uint8Array(PAGE_SIZE - at).fill(byte));
  }

  /** Switches an extra in the ring between two values, until the returned function is called. */
  flickerExtra({ index }: SentSlot, one: Extra, other: Extra): () => void {
    this.monitor.lookAway();
    return flickerSlot(this.ring.page, slotOffset(TX_RING, index), encodeExtra(one), encodeExtra(other));
  }

  /**
   * Publishes a req_prod that does not fit the requests. From then on no response is read: what the backend consumed is
   * not known.
   */
  forgeReqProd(index: number): void {
    this.monitor.lookAway();
    this.#forged = true;
    this.ring.page.store32(RING_OFFSET.reqProd, index);
  }

  /**
   * Reads the published responses and assigns each to its slot.
   *
   * @throws Violation if an index or the id of a response is invalid
   */
  service(): void {
    while (!this.#forged) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-08'], ready.reason);
      for (let n = 0; n < ready.value; n++) this.#complete(this.ring.take());
      if (ready.value > 0) this.answered.fire();
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return;
    }
  }

  /** Ends all offers. The ring cannot be used afterwards. */
  release(): void {
    for (const offer of this.#offers()) offer.end();
    this.#idle.length = 0;
    this.#inFlight.clear();
  }

  #complete(bytes: Uint8Array): void {
    const decoded = decodeTxResponse(bytes);
    if (!decoded.ok) throw new Violation(['TXW-10'], `tx response: ${decoded.reason}`);
    const response = decoded.value;
    const slot = this.#slotOf(response);
    if (!slot) {
      const inFlight = [...this.#inFlight.keys()];
      const ids = inFlight.map((s) => s.id ?? 'extra').join(', ') || 'none';
      const siblings = inFlight.flatMap((each) => this.#packets.get(each) ?? []);
      const again = siblings.some(({ id, response: earlier }) => earlier !== undefined && id === response.id);
      throw new Violation(
        ['TXW-10', 'RING-09', ...(again ? ['TXW-11'] : [])],
        `tx response with id ${response.id} and status ${response.status}; in flight: ${ids}`,
      );
    }
    const buffer = this.#inFlight.get(slot);
    this.#inFlight.delete(slot);
    slot.response = response;
    this.monitor.see('txResponse', () => ({
      response,
      isExtra: slot.kind === 'extra',
      rest: { found: bytes.subarray(TX_RESPONSE_BYTES), put: this.ring.under().subarray(TX_RESPONSE_BYTES) },
      uses: buffer && !this.#kept.has(buffer.ref) ? this.monitor.uses([buffer.ref]) : [],
    }));
    if (buffer) this.#idle.push(buffer);
  }

  /**
   * The slot in flight that a response is for. The id of the response to an extra has no meaning (TXW-12): a NULL status
   * shows whose it is, and so does an id that no request has.
   */
  #slotOf({ id, status }: TxResponse): SentSlot | undefined {
    let extra: SentSlot | undefined;
    for (const slot of this.#inFlight.keys()) {
      if (slot.kind === 'extra') extra ??= slot;
      else if ((slot.id === id || this.#otherIds.get(slot) === id) && status !== RSP.null) return slot;
    }
    return extra;
  }

  /** Every offer of this half: the ring and all buffers. */
  #offers(): Offer[] {
    const inUse = [...this.#inFlight.values()].filter((buffer) => buffer !== undefined);
    return [...this.#idle, ...inUse, this.#ringOffer];
  }

  #put(request: TxRequest, buffer?: Offer): SentSlot {
    const index = this.ring.put(encodeTxRequest(request));
    return this.#track({ kind: 'request', index, id: request.id, ref: request.gref, response: undefined }, buffer);
  }

  #putExtra(extra: Uint8Array): SentSlot {
    const bytes = Buffer.alloc(TX_RING.slotBytes);
    bytes.set(extra);
    const index = this.ring.put(bytes);
    return this.#track({ kind: 'extra', index, id: undefined, ref: undefined, response: undefined });
  }

  #track(slot: SentSlot, buffer?: Offer): SentSlot {
    this.#inFlight.set(slot, buffer);
    return slot;
  }

  #uses(id: number): boolean {
    for (const slot of this.#inFlight.keys()) if (slot.id === id) return true;
    return false;
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) & 0xffff;
    while (this.#uses(this.#nextId));
    return this.#nextId;
  }
}

/** The encoded bytes of extras. */
const chainOf = (extras: readonly Extra[]): Uint8Array[] => extras.map(encodeExtra);

/** The lengths of as few fragments as fit. */
function pageSized(length: number): number[] {
  const full = Math.floor(length / PAGE_SIZE);
  const rest = length % PAGE_SIZE;
  return [...Array<number>(full).fill(PAGE_SIZE), ...(rest > 0 || full === 0 ? [rest] : [])];
}
