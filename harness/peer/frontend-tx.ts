import type { Extra } from '../protocol/extra.js';
import { encodeExtra } from '../protocol/extra.js';
import { RSP, TXF } from '../protocol/netif.js';
import { slotOffset, TX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { decodeTxRequest, decodeTxResponse, encodeTxRequest, type TxRequest, type TxResponse } from '../protocol/tx.js';
import { type DomId, type GrantRef, type Grants, type Offer, PAGE_SIZE } from '../xen/domain.js';
import { Signal } from '../xen/wait.js';
import { flickerSlot } from './flicker.js';
import { Violation } from './violation.js';

/** How a frame is laid into tx slots; what isn't told is done as a correct frontend does it. */
export interface TxShape {
  /** Bytes of each fragment; they add up to the frame. By default as few fragments as pages hold. */
  readonly fragments?: readonly number[];
  /** Where each fragment starts in its page. */
  readonly offset?: number;
  readonly extras?: readonly Extra[];
  /** In place of {@link extras}: the bytes of each extra's slot, whatever they are. */
  readonly chain?: readonly Uint8Array[];
  /** Added to the first slot's flags. */
  readonly flags?: number;
  /** The id of each fragment's request; free ones by default. */
  readonly ids?: readonly number[];
  /** Changes a request just before it's written: how a test is wrong on purpose. `index` counts fragments. */
  readonly alter?: (request: TxRequest, index: number) => TxRequest;
}

/** One tx slot on its way: a request or an extra info, and in time its response. */
export interface SentSlot {
  readonly kind: 'request' | 'extra';
  /** The slot's ring index. */
  readonly index: number;
  /** Of a request; extras have none. */
  readonly id: number | undefined;
  readonly ref: number | undefined;
  response: TxResponse | undefined;
}

/** The transmit half of one queue of a frontend peer. */
export class FrontendTx {
  readonly ring: FrontRing;
  readonly #ringOffer: Offer;
  readonly #idle: Offer[] = [];
  readonly #buffers = new Map<SentSlot, Offer>();
  readonly #inFlight: SentSlot[] = [];
  #nextId = 0;
  /** Fires whenever responses were taken off the ring. */
  readonly answered = new Signal();

  constructor(
    private readonly grants: Grants,
    private readonly backend: DomId,
    start: number,
    /** Told of each frame that is laid into the ring. */
    private readonly onSend: (frame: Uint8Array) => void,
  ) {
    this.#ringOffer = grants.offer(backend, 'read-write');
    this.ring = new FrontRing(this.#ringOffer.page, TX_RING);
    this.ring.init(start);
  }

  get ringRef(): number {
    return this.#ringOffer.ref;
  }

  /** How many slots a frame takes if it isn't told how to lay it. */
  static slotsFor(frame: Uint8Array): number {
    return pageSized(frame.length).length;
  }

  /** Makes buffers ahead of the frames that will lie in them, and answers the grants. */
  prepare(count: number): GrantRef[] {
    const offers = Array.from({ length: count }, () => this.grants.offer(this.backend, 'read-only'));
    this.#idle.push(...offers);
    return offers.map((offer) => offer.ref);
  }

  /** Writes a frame into buffers and slots, without publishing them. */
  enqueue(frame: Uint8Array, shape: TxShape = {}): SentSlot[] {
    this.onSend(frame);
    const lengths = shape.fragments ?? pageSized(frame.length);
    const extras = shape.chain ?? chainOf(shape.extras ?? []);
    const slots: SentSlot[] = [];
    let position = 0;
    lengths.forEach((length, n) => {
      const buffer = this.#idle.pop() ?? this.grants.offer(this.backend, 'read-only');
      buffer.page.copyIn(shape.offset ?? 0, frame.subarray(position, position + length));
      position += length;
      const more = n < lengths.length - 1 ? TXF.moreData : 0;
      const first = n === 0 ? (shape.flags ?? 0) | (extras.length > 0 ? TXF.extraInfo : 0) : 0;
      const request: TxRequest = {
        gref: buffer.ref,
        offset: shape.offset ?? 0,
        flags: more | first,
        id: shape.ids?.[n] ?? this.#freeId(),
        size: n === 0 ? frame.length : length,
      };
      const slot = this.put(shape.alter?.(request, n) ?? request);
      this.#buffers.set(slot, buffer);
      slots.push(slot);
      if (n === 0) slots.push(...extras.map((extra) => this.putExtraBytes(extra)));
    });
    return slots;
  }

  /** Writes one request as it stands. */
  put(request: TxRequest): SentSlot {
    const index = this.ring.put(encodeTxRequest(request));
    return this.#track({ kind: 'request', index, id: request.id, ref: request.gref, response: undefined });
  }

  /** Writes the bytes of what the request before called an extra info, whatever they are. */
  putExtraBytes(bytes: Uint8Array): SentSlot {
    const index = this.ring.put(bytes);
    return this.#track({ kind: 'extra', index, id: undefined, ref: undefined, response: undefined });
  }

  /** Changes a request in the ring between what it is and what `alter` makes of it, until the answer is called. */
  flicker({ index }: SentSlot, alter: (request: TxRequest) => TxRequest): () => void {
    const at = slotOffset(TX_RING, index);
    const { page } = this.#ringOffer;
    const request = decodeTxRequest(page.copyOut(at, TX_RING.slotBytes));
    if (!request.ok) throw new Error(`a request of our own: ${request.reason}`);
    return flickerSlot(page, at, encodeTxRequest(request.value), encodeTxRequest(alter(request.value)));
  }

  /**
   * Takes the responses that are there and hands each to its slot.
   *
   * @throws Violation if the ring's indices or a response's id make no sense
   */
  service(): void {
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-08'], `tx ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) this.#complete(this.ring.take());
      if (ready.value > 0) this.answered.fire();
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return;
    }
  }

  /** Ends every offer. The ring can't be used any more. */
  release(): void {
    for (const offer of [...this.#idle, ...this.#buffers.values(), this.#ringOffer]) offer.end();
    this.#idle.length = 0;
    this.#buffers.clear();
  }

  #complete(bytes: Uint8Array): void {
    const decoded = decodeTxResponse(bytes);
    if (!decoded.ok) throw new Violation(['TXW-10'], `tx response: ${decoded.reason}`);
    const response = decoded.value;
    // The id of a NULL response means nothing (TXW-12): it answers the oldest extra.
    const found = this.#inFlight.findIndex((slot) =>
      response.status === RSP.null ? slot.kind === 'extra' : slot.kind === 'request' && slot.id === response.id,
    );
    const slot = this.#inFlight[found];
    if (!slot) {
      const ids = this.#inFlight.map((s) => s.id ?? 'extra').join(', ') || 'none';
      throw new Violation(
        ['TXW-10', 'RING-09'],
        `tx response with id ${response.id} and status ${response.status}; in flight: ${ids}`,
      );
    }
    this.#inFlight.splice(found, 1);
    slot.response = response;
    const buffer = this.#buffers.get(slot);
    if (buffer) {
      this.#buffers.delete(slot);
      this.#idle.push(buffer);
    }
  }

  #track(slot: SentSlot): SentSlot {
    this.#inFlight.push(slot);
    return slot;
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) & 0xffff;
    while (this.#inFlight.some((slot) => slot.id === this.#nextId));
    return this.#nextId;
  }
}

/** The bytes of extras, as they stand. */
const chainOf = (extras: readonly Extra[]): Uint8Array[] => extras.map(encodeExtra);

/** As few fragments as pages hold. */
function pageSized(length: number): number[] {
  const full = Math.floor(length / PAGE_SIZE);
  const rest = length % PAGE_SIZE;
  return [...Array<number>(full).fill(PAGE_SIZE), ...(rest > 0 || full === 0 ? [rest] : [])];
}
