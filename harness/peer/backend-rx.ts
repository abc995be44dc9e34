import { encodeExtra, type Extra } from '../protocol/extra.js';
import { RXF } from '../protocol/netif.js';
import { RX_RING, slotOffset } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import {
  decodeRxRequest,
  decodeRxResponse,
  encodeRxResponse,
  type RxRequest,
  type RxResponse,
} from '../protocol/rx.js';
import { type DomId, type Grants, type Page, PAGE_SIZE } from '../xen/domain.js';
import { flickerSlot } from './flicker.js';
import { Violation } from './violation.js';

/** How a frame is laid into rx slots; what isn't told is done as a correct backend does it. */
export interface RxShape {
  /** Bytes of each fragment; they add up to the frame. By default as few fragments as pages hold. */
  readonly fragments?: readonly number[];
  /** Where each fragment starts in its page. */
  readonly offset?: number;
  readonly extras?: readonly Extra[];
  /** Added to the first response's flags. */
  readonly flags?: number;
  /** Changes a response before it's written: how a test is wrong on purpose. `index` counts data slots. */
  readonly alter?: (response: RxResponse, index: number) => RxResponse;
}

/** A piece of a frame and the buffer that it goes to. */
interface Fill {
  readonly request: RxRequest;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The receive half of one queue of a backend peer: it fills the buffers that the frontend posts. */
export class BackendRx {
  readonly ring: BackRing;
  /** Requests read off the ring whose buffers are still empty, oldest first. */
  readonly buffers: RxRequest[] = [];
  /** What was enqueued since {@link lay}. All is copied at once: each copy by itself would cost as much. */
  #fills: Fill[] = [];
  #slots: Uint8Array[] = [];

  constructor(
    private readonly grants: Grants,
    private readonly frontend: DomId,
    private readonly page: Page,
    /** Told of each frame that is laid into the ring. */
    private readonly onSend: (frame: Uint8Array) => void,
  ) {
    this.ring = new BackRing(page, RX_RING);
    this.ring.attach();
  }

  /**
   * Reads the buffers that the frontend posted.
   *
   * @throws Violation if indices or a slot make no sense
   */
  service(): void {
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], `rx ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) {
        const request = decodeRxRequest(this.ring.take());
        if (!request.ok) throw new Violation(['RXW-01'], `rx request: ${request.reason}`);
        this.buffers.push(request.value);
      }
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
  }

  /** How many buffers a frame of this shape takes. */
  static slotsFor(frame: Uint8Array, shape: RxShape = {}): number {
    return fragmentsOf(frame, shape).length + (shape.extras?.length ?? 0);
  }

  /** Takes the oldest buffers for a frame, which has to stay as it is until they are filled: see {@link lay}. */
  enqueue(frame: Uint8Array, shape: RxShape = {}): void {
    this.onSend(frame);
    const fragments = fragmentsOf(frame, shape);
    const extras = shape.extras ?? [];
    let position = 0;
    fragments.forEach((length, n) => {
      const request = this.#buffer();
      const response: RxResponse = {
        id: request.id,
        offset: shape.offset ?? 0,
        flags:
          (n < fragments.length - 1 ? RXF.moreData : 0) |
          (n === 0 ? (shape.flags ?? 0) | (extras.length > 0 ? RXF.extraInfo : 0) : 0),
        status: length,
      };
      this.#fills.push({ request, offset: response.offset, bytes: frame.subarray(position, position + length) });
      position += length;
      this.#slots.push(encodeRxResponse(shape.alter?.(response, n) ?? response));
      if (n === 0) for (const extra of extras) this.putExtraBytes(encodeExtra(extra));
    });
  }

  /** What the response before calls an extra info, whatever the bytes are: its buffer stays empty. */
  putExtraBytes(bytes: Uint8Array): void {
    this.#buffer();
    this.#slots.push(bytes);
  }

  /**
   * Fills the buffers of all that was enqueued, and puts its slots on the ring without publishing them.
   *
   * @throws Violation if a buffer can't be written: no response may stand for it
   */
  lay(): void {
    const [fills, slots] = [this.#fills, this.#slots];
    [this.#fills, this.#slots] = [[], []];
    this.#fill(fills);
    for (const slot of slots) this.ring.put(slot);
  }

  /** Changes the last response between what it is and what `alter` makes of it, until the answer is called. */
  flicker(alter: (response: RxResponse) => RxResponse): () => void {
    this.lay();
    const at = slotOffset(RX_RING, this.ring.rspProdPvt - 1);
    const response = decodeRxResponse(this.page.copyOut(at, RX_RING.slotBytes));
    if (!response.ok) throw new Error(`a response of our own: ${response.reason}`);
    return flickerSlot(this.page, at, encodeRxResponse(response.value), encodeRxResponse(alter(response.value)));
  }

  #buffer(): RxRequest {
    const request = this.buffers.shift();
    if (!request) throw new RangeError('the frontend has posted no buffer: wait for buffers first');
    return request;
  }

  #fill(fills: readonly Fill[]): void {
    const wanted = fills.filter(({ bytes }) => bytes.length > 0);
    const statuses = this.grants.copyTo(
      wanted.map(({ request, offset, bytes }) => ({
        domain: this.frontend,
        ref: request.gref,
        offset,
        bytes: bytes.subarray(0, PAGE_SIZE - offset),
      })),
    );
    const failed = statuses.findIndex((status) => status !== 0);
    const request = wanted[failed]?.request;
    if (!request) return;
    throw new Violation(
      ['RXW-01'],
      `rx buffer of request ${request.id}: grant ${request.gref} can't be written (GNTST ${statuses[failed]})`,
    );
  }
}

function fragmentsOf(frame: Uint8Array, shape: RxShape): readonly number[] {
  if (shape.fragments) return shape.fragments;
  const room = PAGE_SIZE - (shape.offset ?? 0);
  const count = Math.max(1, Math.ceil(frame.length / room));
  return Array.from({ length: count }, (_, n) => Math.min(room, frame.length - n * room));
}
