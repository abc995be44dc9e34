import { type CtrlRequest, type CtrlResponse, decodeCtrlRequest, encodeCtrlResponse } from '../protocol/ctrl.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_FLAG, KEY } from '../protocol/netif.js';
import { CTRL_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type DomId, type Domain, type Mapping, type Port, XenError } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { Signal } from '../xen/wait.js';
import { Violation } from './violation.js';

/** What is answered to a control request. */
export type Answer = Pick<CtrlResponse, 'status' | 'data'>;

/** What a request is answered as soon as it's read; undefined leaves it to the test. */
export type Answering = (request: CtrlRequest) => Answer | undefined;

/** Grants that a backend peer says it can keep mapped for each queue. */
export const GREF_ROOM = 24;
/** Entries of the mapping table that a backend peer says it has. */
const MAPPING_ROOM = 128;

/** Looks at the ring, one right after the other, that find something new: more than any frontend has to say at once. */
const MAX_TURNS = 1000;

/** What a backend that can do everything answers; it does nothing of it, since whoever copies needs no mapping. */
export function agree({ type }: CtrlRequest): Answer {
  switch (type) {
    case CTRL_TYPE.getHashFlags:
      return { status: CTRL_STATUS.success, data: Object.values(HASH_FLAG).reduce((mask, flag) => mask | flag, 0) };
    case CTRL_TYPE.getHashMappingSize:
      return { status: CTRL_STATUS.success, data: MAPPING_ROOM };
    case CTRL_TYPE.getGrefMappingSize:
      return { status: CTRL_STATUS.success, data: GREF_ROOM };
    default:
      return { status: CTRL_STATUS.success, data: 0 };
  }
}

/** What a backend answers that knows no message. */
export function refuse(): Answer {
  return { status: CTRL_STATUS.notSupported, data: 0 };
}

/** The control ring of a backend peer. */
export class BackendControl {
  /** Requests that were read, oldest first. */
  readonly requests: CtrlRequest[] = [];
  /** Fires whenever requests were read. */
  readonly asked = new Signal();
  readonly ring: BackRing;

  /**
   * Maps the ring that the frontend names, if it names one.
   *
   * @throws Violation if it names half of one, or one that can't be had
   */
  static open(
    domain: Domain,
    pump: EventPump,
    frontend: DomId,
    keys: Readonly<Record<string, string>>,
    answer: Answering,
    onEvent: (work: () => void) => void,
  ): BackendControl | undefined {
    const [ref, channel] = [keys[KEY.ctrlRingRef], keys[KEY.eventChannelCtrl]];
    if (ref === undefined && channel === undefined) return undefined;
    const number = (key: string): number => {
      const value = parseDecimal(keys[key], { min: 0, max: 0xffffffff });
      if (!value.ok) throw new Violation(['CTRL-02'], `${key}: ${value.reason}`);
      return value.value;
    };
    const [gref, port] = [number(KEY.ctrlRingRef), number(KEY.eventChannelCtrl)];
    try {
      const mapping = domain.grants.map(frontend, [gref], 'read-write');
      try {
        return new BackendControl(
          domain,
          pump,
          mapping,
          domain.events.bindInterdomain(frontend, port),
          answer,
          onEvent,
        );
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
    private readonly domain: Domain,
    private readonly pump: EventPump,
    private readonly mapping: Mapping,
    private readonly port: Port,
    private readonly answer: Answering,
    onEvent: (work: () => void) => void,
  ) {
    const [page] = mapping.pages;
    if (!page) throw new Error('one page was mapped');
    this.ring = new BackRing(page, CTRL_RING);
    this.ring.attach();
    pump.on(port, () => onEvent(() => this.service()));
  }

  /** Requests of a type that were read so far. */
  of(type: number): CtrlRequest[] {
    return this.requests.filter((request) => request.type === type);
  }

  /** Puts the response to a request, without publishing it. */
  respond({ id, type }: CtrlRequest, answer: Answer): void {
    this.ring.put(encodeCtrlResponse({ id, type, ...answer }));
  }

  /** Publishes the responses that were put, and notifies if the frontend asked for it. */
  push(): void {
    if (this.ring.push()) this.domain.events.notify(this.port);
  }

  /**
   * Reads the requests that are there, and answers them if it is to.
   *
   * @throws Violation if the ring's indices make no sense
   */
  service(): void {
    // Responses make room for further requests at once: a frontend that never stops must not keep the harness here.
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], `control ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) {
        const request = decodeCtrlRequest(this.ring.take());
        if (!request.ok) throw new Violation(['CTRL-07'], `control request: ${request.reason}`);
        this.requests.push(request.value);
        const answer = this.answer(request.value);
        if (answer) this.respond(request.value, answer);
      }
      this.push();
      if (ready.value > 0) this.asked.fire();
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
    throw new Violation(['CTRL-07'], `control ring: requests without end, ${this.requests.length} so far`);
  }

  release(): void {
    this.pump.off(this.port);
    this.domain.events.unbind(this.port);
    this.mapping.unmap();
  }
}
