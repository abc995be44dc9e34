import {
  type CtrlRequest,
  type CtrlResponse,
  decodeCtrlResponse,
  encodeCtrlRequest,
  encodeHashMapping,
} from '../protocol/ctrl.js';
import { encodeGrefList, type NetifGref } from '../protocol/gref.js';
import { CTRL_TYPE, KEY } from '../protocol/netif.js';
import { CTRL_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import type { GrantRef, Offer, Port } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { Signal } from '../xen/wait.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** Bytes of a control response; the rest of its slot is unused. */
const CTRL_RESPONSE_BYTES = 12;

/** A control request that was sent, and its response once it arrives. */
export interface SentMessage {
  readonly request: CtrlRequest;
  response: CtrlResponse | undefined;
}

/** Up to three data words; a message sends 0 for the words that it does not use. */
export type Words = readonly [number?, number?, number?];

/** The control ring of a frontend peer. */
export class FrontendControl {
  readonly ring: FrontRing;
  readonly port: Port;
  /** Fires when responses were read from the ring. */
  readonly answered = new Signal();
  /** While true, events are counted but the ring is not read. */
  deaf = false;
  readonly #ringOffer: Offer;
  readonly #pages: Offer[] = [];
  readonly #inFlight: SentMessage[] = [];
  #nextId = 0;

  constructor(
    readonly backend: OtherDomain,
    private readonly pump: EventPump,
    /** Runs an event handler and records any violation by the backend. */
    onEvent: (work: () => void) => void,
    /** Waits for the response to each of the messages. */
    private readonly wait: (messages: readonly SentMessage[]) => Promise<void>,
    private readonly monitor: VifMonitor,
    /** The first ring index. */
    start = 0,
  ) {
    this.#ringOffer = backend.offer('read-write');
    this.ring = new FrontRing(this.#ringOffer.page, CTRL_RING);
    this.ring.init(start);
    this.ring.watch();
    this.port = backend.bindUnbound();
    pump.on(this.port, () => {
      if (!this.deaf) onEvent(() => this.service());
    });
  }

  get ringRef(): GrantRef {
    return this.#ringOffer.ref;
  }

  /** The keys that advertise this ring to the backend. */
  keys(): Record<string, string> {
    return { [KEY.ctrlRingRef]: String(this.ringRef), [KEY.eventChannelCtrl]: String(this.port) };
  }

  /** Sends one message and waits for its response. */
  async ask(type: number, ...data: Words): Promise<CtrlResponse> {
    const message = this.put(type, ...data);
    this.push();
    await this.wait([message]);
    if (!message.response) throw new Error('netifspec bug: the wait for a control response ended without one');
    return message.response;
  }

  setHashAlgorithm(algorithm: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashAlgorithm, algorithm);
  }

  setHashFlags(flags: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashFlags, flags);
  }

  /** Sets the hash key from a page that is granted read-only; an empty key has no grant. */
  setHashKey(key: Uint8Array): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashKey, key.length > 0 ? this.grant(key) : 0, key.length);
  }

  setHashMappingSize(size: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashMappingSize, size);
  }

  /** Writes queue numbers into the mapping table, starting at entry `offset`. */
  setHashMapping(queues: readonly number[], offset = 0): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashMapping, this.grant(encodeHashMapping(queues)), queues.length, offset);
  }

  getGrefMappingSize(queue: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.getGrefMappingSize, queue);
  }

  /** Requests that the backend maps grants for a queue; `list` is the page that names them. */
  addGrefMapping(queue: number, list: GrefList): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.addGrefMapping, queue, list.ref, list.length);
  }

  delGrefMapping(queue: number, list: GrefList): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.delGrefMapping, queue, list.ref, list.length);
  }

  /** A read-write page that holds a list of grants. */
  list(entries: readonly NetifGref[]): GrefList {
    return new GrefList(this.offer('read-write', encodeGrefList(entries)), entries.length);
  }

  /** The grants of the ring and of the pages of messages. */
  get refs(): GrantRef[] {
    return [...this.#pages, this.#ringOffer].map(({ ref }) => ref);
  }

  /** Grants a page that begins with `bytes`, read-only. Returns its reference. */
  grant(bytes: Uint8Array): GrantRef {
    return this.offer('read-only', bytes).ref;
  }

  /** Offers a page that begins with `bytes`; the offer ends when the ring is released. */
  offer(access: 'read-only' | 'read-write', bytes: Uint8Array = new Uint8Array()): Offer {
    const offer = this.backend.offer(access);
    offer.page.copyIn(0, bytes);
    this.#pages.push(offer);
    return offer;
  }

  /** Whether the ring holds responses that were not read, since no event arrived for them. */
  get holdsResponses(): boolean {
    const ready = this.ring.unconsumed();
    return ready.ok && ready.value > 0;
  }

  /** Writes a request without publishing it. */
  put(type: number, ...[a = 0, b = 0, c = 0]: Words): SentMessage {
    const request: CtrlRequest = { id: this.#freeId(), type, data: [a, b, c] };
    this.ring.put(encodeCtrlRequest(request));
    const message: SentMessage = { request, response: undefined };
    this.#inFlight.push(message);
    return message;
  }

  /** Publishes the requests that were written, and notifies the backend if it requested an event. */
  push(): void {
    if (this.ring.push()) this.backend.notify(this.port);
  }

  /**
   * Reads the published responses and assigns each to its request.
   *
   * @throws Violation if an index is invalid, or a response has no request
   */
  service(): void {
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['CTRL-07'], ready.reason);
      for (let n = 0; n < ready.value; n++) this.#complete(this.ring.take());
      if (ready.value > 0) this.answered.fire();
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return;
    }
  }

  release(): void {
    this.pump.off(this.port);
    this.backend.unbind(this.port);
    for (const offer of [...this.#pages.splice(0), this.#ringOffer]) offer.end();
  }

  #complete(bytes: Uint8Array): void {
    const decoded = decodeCtrlResponse(bytes);
    if (!decoded.ok) throw new Violation(['CTRL-09'], `control response: ${decoded.reason}`);
    const response = decoded.value;
    const found = this.#inFlight.findIndex(({ request }) => request.id === response.id);
    const message = this.#inFlight[found];
    if (!message || message.request.type !== response.type) {
      const sent = this.#inFlight.map(({ request }) => `${request.id} of type ${request.type}`).join(', ') || 'none';
      throw new Violation(
        ['CTRL-07', 'CTRL-09'],
        `control response with id ${response.id} of type ${response.type}; in flight: ${sent}`,
      );
    }
    this.#inFlight.splice(found, 1);
    message.response = response;
    const rest = { found: bytes.subarray(CTRL_RESPONSE_BYTES), put: this.ring.under().subarray(CTRL_RESPONSE_BYTES) };
    this.monitor.see('ctrlResponse', () => ({ response, rest }));
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 0x101) & 0xffff;
    while (this.#inFlight.some(({ request }) => request.id === this.#nextId));
    return this.#nextId;
  }
}

/** A page that lists grants for ADD_GREF_MAPPING and DEL_GREF_MAPPING. */
export class GrefList {
  constructor(
    readonly offer: Offer,
    readonly length: number,
  ) {}

  get ref(): GrantRef {
    return this.offer.ref;
  }

  /** The bytes of the entries in their current state. */
  bytes(): Uint8Array {
    return this.offer.page.copyOut(0, this.length * 8);
  }
}
