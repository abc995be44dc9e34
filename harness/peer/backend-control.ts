import {
  type CtrlRequest,
  type CtrlResponse,
  decodeCtrlRequest,
  decodeHashMapping,
  encodeCtrlResponse,
} from '../protocol/ctrl.js';
import { ALL_HASH_TYPES, CTRL_STATUS, CTRL_TYPE, HASH_MAPPING_PER_PAGE, KEY } from '../protocol/netif.js';
import { CTRL_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type Mapping, type Port, XenError } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { Signal } from '../xen/wait.js';
import type { ControlRequest } from './monitor/situations.js';
import type { MappedRing } from './monitor/situations.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** The status and data of the response to a control request. */
export type Answer = Pick<CtrlResponse, 'status' | 'data'>;

/** Chooses the response to a request as soon as it is read; undefined leaves the response to the test. */
export type Answering = (request: CtrlRequest) => Answer | undefined;

/** Number of grants that a backend peer reports it can keep mapped for each queue. */
export const GREF_ROOM = 24;
/** Size that a backend peer reports for its mapping table, in entries. */
export const MAPPING_ROOM = 128;

/** Limit of successive passes over the ring that each find a new request; no correct frontend reaches it. */
const MAX_TURNS = 1000;

/** The responses of a backend that supports every message. The peer maps nothing: it copies, and needs no mapping. */
export function agree({ type }: CtrlRequest): Answer {
  switch (type) {
    case CTRL_TYPE.getHashFlags:
      return { status: CTRL_STATUS.success, data: ALL_HASH_TYPES };
    case CTRL_TYPE.getHashMappingSize:
      return { status: CTRL_STATUS.success, data: MAPPING_ROOM };
    case CTRL_TYPE.getGrefMappingSize:
      return { status: CTRL_STATUS.success, data: GREF_ROOM };
    default:
      return { status: CTRL_STATUS.success, data: 0 };
  }
}

/** The response of a backend that supports no message. */
export function refuse(): Answer {
  return { status: CTRL_STATUS.notSupported, data: 0 };
}

/** What the control ring of a backend peer works with. */
export interface BackendControlOptions {
  readonly frontend: OtherDomain;
  readonly pump: EventPump;
  readonly answer: Answering;
  /** Runs an event handler and records any violation by the frontend. */
  readonly onEvent: (work: () => void) => void;
  readonly monitor: VifMonitor;
  /** The number of queues of the connection. */
  readonly queues: number;
}

/** The control ring of a backend peer. */
export class BackendControl {
  /** Requests that were read, oldest first. */
  readonly requests: CtrlRequest[] = [];
  /** Fires whenever requests were read. */
  readonly asked = new Signal();
  readonly ring: BackRing;
  /** The fields of the ring as the frontend published it. */
  readonly published: MappedRing;
  /** Ids of the requests without a published response. */
  readonly #pending: number[] = [];
  /** Responses that are not published yet, and what they respond to. */
  readonly #answered: { readonly request: CtrlRequest; readonly answer: Answer }[] = [];
  #hashTypes: number | undefined;
  #tableSize: number | undefined;
  /** The size of the mapping table that the frontend set; undefined before that, and after a failure. */
  #entries: number | undefined;
  /** The number of grants that each queue may have mapped. */
  readonly #grefSizes = new Map<number, number>();

  /**
   * Maps the ring that the frontend advertises; undefined if it advertises none.
   *
   * @throws Violation if only one of the two keys is present, or if the ring cannot be mapped
   */
  static open(keys: Readonly<Record<string, string>>, options: BackendControlOptions): BackendControl | undefined {
    const { frontend } = options;
    const [ref, channel] = [keys[KEY.ctrlRingRef], keys[KEY.eventChannelCtrl]];
    if (ref === undefined && channel === undefined) return undefined;
    const number = (key: string): number => {
      const value = parseDecimal(keys[key], { min: 0, max: 0xffffffff });
      if (!value.ok) throw new Violation(['CTRL-02'], `${key}: ${value.reason}`);
      return value.value;
    };
    const [gref, port] = [number(KEY.ctrlRingRef), number(KEY.eventChannelCtrl)];
    try {
      const mapping = frontend.map([gref]);
      try {
        const local = frontend.bindInterdomain(port);
        return new BackendControl(mapping, local, options);
      } catch (error) {
        mapping.unmap();
        throw error;
      }
    } catch (error) {
      if (error instanceof XenError) throw new Violation(['CTRL-02'], `control ring: ${error.message}`);
      throw error;
    }
  }

  private constructor(
    private readonly mapping: Mapping,
    readonly port: Port,
    private readonly options: BackendControlOptions,
  ) {
    const [page] = mapping.pages;
    if (!page) throw new Error('netifspec bug: expected one mapped page');
    this.ring = new BackRing(page, CTRL_RING);
    this.published = this.ring.initialised();
    this.ring.attach();
    this.ring.watch();
    const { pump, onEvent } = options;
    pump.on(port, () => onEvent(() => this.service()));
  }

  /** Events that came on the control event channel. */
  get events(): number {
    return this.options.pump.count(this.port);
  }

  /** The requests of a type that were read so far. */
  requestsOf(type: number): CtrlRequest[] {
    return this.requests.filter((request) => request.type === type);
  }

  /** Writes the response to a request, without publishing it. */
  respond(request: CtrlRequest, answer: Answer): void {
    const { id, type } = request;
    this.#answered.push({ request, answer });
    this.ring.put(encodeCtrlResponse({ id, type, ...answer }));
  }

  /** Publishes the responses that were written, and notifies the frontend if it requested an event. */
  push(): void {
    for (const { request, answer } of this.#answered.splice(0)) {
      this.#report(request, answer);
      const at = this.#pending.indexOf(request.id);
      if (at >= 0) this.#pending.splice(at, 1);
    }
    if (this.ring.push()) this.options.frontend.notify(this.port);
  }

  /** Remembers what a response reports. */
  #report({ type, data: [queue] }: CtrlRequest, { status, data }: Answer): void {
    if (type === CTRL_TYPE.setHashMappingSize && status !== CTRL_STATUS.success) this.#entries = undefined;
    const room = status === CTRL_STATUS.success ? data : 0;
    if (type === CTRL_TYPE.getHashFlags && status === CTRL_STATUS.success) this.#hashTypes = data;
    if (type === CTRL_TYPE.getHashMappingSize) this.#tableSize = room;
    if (type === CTRL_TYPE.getGrefMappingSize) this.#grefSizes.set(queue, room);
  }

  /**
   * Reads the published requests, and responds to them if {@link BackendControlOptions.answer} chooses a response.
   *
   * @throws Violation if an index or a request is invalid
   */
  service(): void {
    // Each response frees a slot at once. The limit ends the loop if the frontend never stops sending requests.
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], ready.reason);
      for (let n = 0; n < ready.value; n++) {
        const request = decodeCtrlRequest(this.ring.take());
        if (!request.ok) throw new Violation(['RING-01'], `control request: ${request.reason}`);
        this.requests.push(request.value);
        if (request.value.type === CTRL_TYPE.setHashMappingSize) [this.#entries] = request.value.data;
        this.options.monitor.see('ctrlRequest', () => this.#seen(request.value));
        this.#pending.push(request.value.id);
        const answer = this.options.answer(request.value);
        if (answer) this.respond(request.value, answer);
      }
      this.push();
      if (ready.value > 0) this.asked.fire();
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
    throw new Violation([], `control ring: more than ${this.requests.length} requests without a pause`);
  }

  #seen(request: CtrlRequest): ControlRequest {
    return {
      request,
      taken: this.#pending.includes(request.id),
      hashTypes: this.#hashTypes,
      tableSize: this.#tableSize,
      entries: this.#entries,
      grefSize: this.#grefSizes.get(request.data[0]),
      queues: this.options.queues,
      mapping: request.type === CTRL_TYPE.setHashMapping ? this.#mapping(request) : [],
    };
  }

  /** The queue numbers in the page of a SET_HASH_MAPPING; empty if the page cannot be read. */
  #mapping({ data: [ref, size] }: CtrlRequest): number[] {
    const count = Math.min(size, HASH_MAPPING_PER_PAGE);
    const [copy] = this.options.frontend.copyFrom([{ ref, offset: 0, length: count * 4 }]);
    const table = copy?.status === 0 ? decodeHashMapping(copy.bytes, count) : undefined;
    return table?.ok ? table.value : [];
  }

  release(): void {
    const { pump, frontend } = this.options;
    pump.off(this.port);
    frontend.unbind(this.port);
    this.mapping.unmap();
  }
}
