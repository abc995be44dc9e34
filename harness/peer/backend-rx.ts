import { encodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, RXF } from '../protocol/netif.js';
import { RX_RING, slotOffset } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import {
  decodeRxRequest,
  decodeRxResponse,
  encodeRxResponse,
  type RxRequest,
  type RxResponse,
} from '../protocol/rx.js';
import { type Page, PAGE_SIZE } from '../xen/domain.js';
import { flickerSlot } from './flicker.js';
import type { SentPacket } from './monitor/sent-lately.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import { type Offset, offsetOf } from './offset.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** How a frame is written to rx slots; defaults are those of a correct backend. */
export interface RxShape {
  /** Bytes of each fragment; their sum is the length of the frame. Default: as few fragments as fit. */
  readonly fragments?: readonly number[];
  /** Where each fragment starts in its page. */
  readonly offset?: Offset;
  readonly extras?: readonly Extra[];
  /** Added to the first response's flags. */
  readonly flags?: number;
  /** Changes a response before it is written, for deliberate errors. `index` counts data slots. */
  readonly alter?: (response: RxResponse, index: number) => RxResponse;
}

/** A part of a frame and the buffer that it is written to. */
interface Fill {
  readonly request: RxRequest;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The receive half of one queue of a backend peer: it fills the buffers that the frontend posts. */
export class BackendRx {
  readonly ring: BackRing<Page>;
  /** Requests that were read and whose buffers are still empty, oldest first. */
  readonly buffers: RxRequest[] = [];
  /** Requests an event for more buffers only while it has fewer than this; Linux's netback, while it has none. */
  enough = Infinity;
  /**
   * The data enqueued since the last {@link writeEnqueued}. It is copied in one batch: a single copy costs as much as
   * a batch.
   */
  #fills: Fill[] = [];
  #slots: Uint8Array[] = [];
  #isOpen = false;

  constructor(
    private readonly frontend: OtherDomain,
    page: Page,
    /** Called with each frame that is written to the ring. */
    private readonly onSend: (packet: SentPacket) => void,
    private readonly monitor: VifMonitor,
  ) {
    this.ring = new BackRing(page, RX_RING);
    this.ring.attach();
    this.ring.watch();
  }

  /**
   * Reads the buffers that the frontend posted.
   *
   * @throws Violation if an index or a request is invalid
   */
  service(): void {
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], ready.reason);
      for (let n = 0; n < ready.value; n++) {
        const request = decodeRxRequest(this.ring.take());
        if (!request.ok) throw new Violation(['RXW-01'], `rx request: ${request.reason}`);
        const posted = request.value;
        this.monitor.see('posted', () => ({ request: posted }));
        this.buffers.push(posted);
      }
      if (!this.asksForEvents) return;
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
  }

  /** Whether it requests an event for the next buffer. */
  get asksForEvents(): boolean {
    return this.buffers.length < this.enough;
  }

  /** The number of buffers that a frame of this shape needs. */
  static slotsFor(frame: Uint8Array, shape: RxShape = {}): number {
    return fragmentsOf(frame, shape).length + (shape.extras?.length ?? 0);
  }

  /** Whether the last slot announces another one of its packet: whatever is enqueued next belongs to that packet. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Assigns the oldest buffers to a frame. The frame must not change until {@link writeEnqueued} has copied it. */
  enqueue(frame: Uint8Array, shape: RxShape = {}): void {
    const flags = shape.flags ?? 0;
    // The monitor compares whole packets.
    if ((flags & RXF.moreData) === 0) {
      this.onSend({ frame, saysBlank: (flags & RXF.csumBlank) !== 0, isAltered: shape.alter !== undefined });
    }
    if (shape.alter) this.monitor.lookAwayFromRings();
    const fragments = fragmentsOf(frame, shape);
    // The fragments after a bad one may be taken for a packet (RXW-34 is a should).
    if (shape.alter && fragments.length > 1) this.monitor.lookAway('toFrontendStack');
    const extras = shape.extras ?? [];
    let position = 0;
    fragments.forEach((length, n) => {
      const request = this.#buffer();
      const response: RxResponse = {
        id: request.id,
        offset: offsetOf(shape, n),
        flags:
          (n < fragments.length - 1 ? RXF.moreData : 0) |
          (n === 0 ? flags | (extras.length > 0 ? RXF.extraInfo : 0) : 0),
        status: length,
      };
      this.#fills.push({ request, offset: response.offset, bytes: frame.subarray(position, position + length) });
      position += length;
      this.#slots.push(encodeRxResponse(shape.alter?.(response, n) ?? response));
      if (n === 0) for (const extra of extras) this.#putExtra(encodeExtra(extra));
    });
    // A complete packet is only left open by flags that are added to it.
    this.#isOpen = extras.length === 0 && (flags & (RXF.moreData | RXF.extraInfo)) !== 0;
  }

  /**
   * Puts any bytes into the slot that the previous response marks as an extra info. The buffer of that slot stays
   * empty.
   */
  putExtraBytes(bytes: Uint8Array): void {
    this.monitor.lookAwayFromRings();
    this.#putExtra(bytes);
    this.#isOpen = ((bytes[1] ?? 0) & EXTRA_FLAG_MORE) !== 0;
  }

  /**
   * Copies all enqueued data to the buffers and writes the slots to the ring, without publishing them.
   *
   * @throws Violation if a buffer cannot be written; its slots are not written then
   */
  writeEnqueued(): void {
    const [fills, slots] = [this.#fills, this.#slots];
    [this.#fills, this.#slots] = [[], []];
    this.#fill(fills);
    for (const slot of slots) this.ring.put(slot);
  }

  /** Switches the last response between its value and `alter` of it, until the returned function is called. */
  flicker(alter: (response: RxResponse) => RxResponse): () => void {
    this.monitor.lookAway();
    this.writeEnqueued();
    const at = slotOffset(RX_RING, this.ring.rspProdPvt - 1);
    const { page } = this.ring;
    const response = decodeRxResponse(page.copyOut(at, RX_RING.slotBytes));
    if (!response.ok) throw new Error(`netifspec bug: the peer's own rx response is invalid: ${response.reason}`);
    return flickerSlot(page, at, encodeRxResponse(response.value), encodeRxResponse(alter(response.value)));
  }

  #putExtra(bytes: Uint8Array): void {
    this.#buffer();
    this.#slots.push(bytes);
  }

  #buffer(): RxRequest {
    const request = this.buffers.shift();
    if (!request) throw new RangeError('the frontend has posted no buffer: wait for buffers first');
    return request;
  }

  #fill(fills: readonly Fill[]): void {
    const wanted = fills.filter(({ bytes }) => bytes.length > 0);
    const statuses = this.frontend.copyTo(
      wanted.map(({ request, offset, bytes }) => ({
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
  const room = PAGE_SIZE - offsetOf(shape, 0);
  const count = Math.max(1, Math.ceil(frame.length / room));
  return Array.from({ length: count }, (_, n) => Math.min(room, frame.length - n * room));
}
