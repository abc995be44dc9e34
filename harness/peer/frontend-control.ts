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
import { type DomId, type Domain, type GrantRef, type Offer, type Port } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { Signal } from '../xen/wait.js';
import { Violation } from './violation.js';

/** A control request on its way, and in time its response. */
export interface SentMessage {
  readonly request: CtrlRequest;
  response: CtrlResponse | undefined;
}

/** Up to three words; those that a message gives no meaning are 0. */
export type Words = readonly [number?, number?, number?];

/** The control ring of a frontend peer. */
export class FrontendControl {
  readonly ring: FrontRing;
  readonly port: Port;
  /** Fires whenever responses were taken off the ring. */
  readonly answered = new Signal();
  /** While true, events are counted but the ring isn't looked at. */
  deaf = false;
  readonly #ringOffer: Offer;
  readonly #pages: Offer[] = [];
  readonly #inFlight: SentMessage[] = [];
  #nextId = 0;

  constructor(
    private readonly domain: Domain,
    private readonly pump: EventPump,
    readonly backend: DomId,
    /** Runs the work of an event; catches what the backend did wrong. */
    onEvent: (work: () => void) => void,
    /** Waits for the response to each of some messages. */
    private readonly wait: (messages: readonly SentMessage[]) => Promise<void>,
  ) {
    this.#ringOffer = domain.grants.offer(backend, 'read-write');
    this.ring = new FrontRing(this.#ringOffer.page, CTRL_RING);
    this.ring.init();
    this.port = domain.events.bindUnbound(backend);
    pump.on(this.port, () => {
      if (!this.deaf) onEvent(() => this.service());
    });
  }

  get ringRef(): GrantRef {
    return this.#ringOffer.ref;
  }

  /** The keys that tell the backend of this ring. */
  keys(): Record<string, string> {
    return { [KEY.ctrlRingRef]: String(this.ringRef), [KEY.eventChannelCtrl]: String(this.port) };
  }

  /** Sends one message and waits for its response. */
  async ask(type: number, ...data: Words): Promise<CtrlResponse> {
    const message = this.put(type, ...data);
    this.push();
    await this.wait([message]);
    if (!message.response) throw new Error('waited for a response');
    return message.response;
  }

  setHashAlgorithm(algorithm: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashAlgorithm, algorithm);
  }

  setHashFlags(flags: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashFlags, flags);
  }

  /** Sets the key, out of a page that is granted read-only; an empty one without any grant. */
  setHashKey(key: Uint8Array): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashKey, key.length > 0 ? this.grant(key) : 0, key.length);
  }

  setHashMappingSize(size: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashMappingSize, size);
  }

  /** Writes queue numbers into the mapping table from entry `offset` on. */
  setHashMapping(queues: readonly number[], offset = 0): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.setHashMapping, this.grant(encodeHashMapping(queues)), queues.length, offset);
  }

  getGrefMappingSize(queue: number): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.getGrefMappingSize, queue);
  }

  /** Has grants mapped for a queue; `list` is the page that names them. */
  addGrefMapping(queue: number, list: GrefList): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.addGrefMapping, queue, list.ref, list.length);
  }

  delGrefMapping(queue: number, list: GrefList): Promise<CtrlResponse> {
    return this.ask(CTRL_TYPE.delGrefMapping, queue, list.ref, list.length);
  }

  /** A page with the list of some grants, for reading and writing. */
  list(entries: readonly NetifGref[]): GrefList {
    return new GrefList(this.offer('read-write', encodeGrefList(entries)), entries.length);
  }

  /** Grants a page that begins with `bytes`, for reading only; answers its reference. */
  grant(bytes: Uint8Array): GrantRef {
    return this.offer('read-only', bytes).ref;
  }

  /** Offers a page that begins with `bytes`; it's withdrawn when the ring is given up. */
  offer(access: 'read-only' | 'read-write', bytes: Uint8Array = new Uint8Array()): Offer {
    const offer = this.domain.grants.offer(this.backend, access);
    offer.page.copyIn(0, bytes);
    this.#pages.push(offer);
    return offer;
  }

  /** Writes a request without publishing it. */
  put(type: number, ...[a = 0, b = 0, c = 0]: Words): SentMessage {
    const request: CtrlRequest = { id: this.#freeId(), type, data: [a, b, c] };
    this.ring.put(encodeCtrlRequest(request));
    const message: SentMessage = { request, response: undefined };
    this.#inFlight.push(message);
    return message;
  }

  /** Publishes the requests that were put, and notifies if the backend asked for it. */
  push(): void {
    if (this.ring.push()) this.domain.events.notify(this.port);
  }

  /**
   * Takes the responses that are there and hands each to its request.
   *
   * @throws Violation if the ring's indices make no sense, or a response is to nothing
   */
  service(): void {
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['CTRL-07'], `control ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) this.#complete(this.ring.take());
      if (ready.value > 0) this.answered.fire();
      const more = this.ring.finalCheck();
      if (more.ok && !more.value) return;
    }
  }

  release(): void {
    this.pump.off(this.port);
    this.domain.events.unbind(this.port);
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

  /** The bytes of the entries, as they are now. */
  bytes(): Uint8Array {
    return this.offer.page.copyOut(0, this.length * 8);
  }
}
