import { KEY } from '../protocol/netif.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type Mapping, type Port, XenError } from '../xen/domain.js';
import { Signal } from '../xen/wait.js';
import { BackendRx } from './backend-rx.js';
import { BackendTx, type TxPacket } from './backend-tx.js';
import type { EventPump } from '../xen/event-pump.js';
import { ChannelCounts } from './channel-counts.js';
import type { SentPacket } from './monitor/sent-lately.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';
import { Violation } from './violation.js';

/** A transmitted packet and its queue. */
export interface QueuePacket extends TxPacket {
  readonly queue: BackendQueue;
}

export interface BackendQueueOptions {
  /** Whether the frontend advertises feature-rx-notify. */
  readonly rxNotify: boolean;
  /** Runs an event handler and records any violation by the frontend. */
  readonly onEvent: (work: () => void) => void;
  readonly onPacket: (packet: QueuePacket) => void;
  /** Called with each frame that is written to the ring. */
  readonly onSend: (packet: SentPacket) => void;
  readonly monitor: VifMonitor;
}

/** The keys that the frontend wrote for one queue. */
export interface QueueKeys {
  readonly txRingRef: number;
  readonly rxRingRef: number;
  readonly txChannel: number;
  /** Equals {@link txChannel} if the channels are not split. */
  readonly rxChannel: number;
}

/**
 * Reads the keys of one queue.
 *
 * @param keys the values of the directory that holds them
 * @param isSplit whether event-channel-tx and event-channel-rx are read before event-channel
 * @throws Violation if a key is missing or is not a number
 */
export function queueKeys(keys: Readonly<Record<string, string>>, where: string, isSplit = true): QueueKeys {
  const number = (key: string, requirement: string): number => {
    const value = parseDecimal(keys[key], { min: 0, max: 0xffffffff });
    if (!value.ok) throw new Violation([requirement], `${where}/${key}: ${value.reason}`);
    return value.value;
  };
  const both = keys[KEY.eventChannelTx] !== undefined || keys[KEY.eventChannelRx] !== undefined;
  const split = both && (isSplit || keys[KEY.eventChannel] === undefined);
  const queue = {
    txRingRef: number(KEY.txRingRef, 'MQ-11'),
    rxRingRef: number(KEY.rxRingRef, 'MQ-11'),
    txChannel: split ? number(KEY.eventChannelTx, 'SEC-03') : number(KEY.eventChannel, 'XB-26'),
    rxChannel: split ? number(KEY.eventChannelRx, 'SEC-03') : number(KEY.eventChannel, 'XB-26'),
  };
  // A backend that binds both finds the second one taken.
  if (split && queue.txChannel === queue.rxChannel) {
    throw new Violation(['SEC-03'], `${where}: event-channel-tx and event-channel-rx are both ${queue.txChannel}`);
  }
  return queue;
}

/** The two rings of one queue of a backend peer, and its event channels. The rings are processed on events only. */
export class BackendQueue {
  readonly tx: BackendTx;
  readonly rx: BackendRx;
  readonly txPort: Port;
  readonly rxPort: Port;
  /** Fires when the frontend has posted buffers. */
  readonly posted = new Signal();
  /** While true, events are counted but the rings are not read. */
  deaf = false;
  readonly #channels = new ChannelCounts();

  /** @throws Violation if a ring cannot be mapped or a channel cannot be bound */
  static open(
    frontend: OtherDomain,
    pump: EventPump,
    index: number,
    keys: QueueKeys,
    options: BackendQueueOptions,
  ): BackendQueue {
    const mapping = blaming('RING-19', `ring refs ${keys.txRingRef} and ${keys.rxRingRef}`, () =>
      frontend.map([keys.txRingRef, keys.rxRingRef]),
    );
    const ports: Port[] = [];
    try {
      for (const channel of new Set([keys.txChannel, keys.rxChannel])) {
        const bind = (): Port => frontend.bindInterdomain(channel);
        ports.push(blaming('XB-26', `event channel ${channel}`, bind));
      }
      return new BackendQueue(frontend, pump, index, mapping, ports, options);
    } catch (error) {
      for (const port of ports) frontend.unbind(port);
      mapping.unmap();
      throw error;
    }
  }

  private constructor(
    private readonly frontend: OtherDomain,
    private readonly pump: EventPump,
    readonly index: number,
    private readonly mapping: Mapping,
    ports: readonly Port[],
    private readonly options: BackendQueueOptions,
  ) {
    const [txPage, rxPage] = mapping.pages;
    const [txPort, rxPort] = ports;
    if (!txPage || !rxPage || txPort === undefined)
      throw new Error('netifspec bug: a queue needs two rings and an event channel');
    this.tx = new BackendTx(frontend, txPage, options.monitor);
    this.rx = new BackendRx(frontend, rxPage, options.onSend, options.monitor);
    this.txPort = txPort;
    this.rxPort = rxPort ?? txPort;
    // A newly bound channel is pending, so requests that were published before it was bound are processed as well.
    pump.on(this.txPort, () => this.#event('tx', () => this.#serve(true, this.rxPort === this.txPort)));
    if (this.rxPort !== this.txPort) pump.on(this.rxPort, () => this.#event('rx', () => this.#serve(false, true)));
  }

  /** Publishes the tx responses that were written, and notifies the frontend if it requested an event. */
  pushTx(): void {
    if (this.tx.ring.push()) this.frontend.notify(this.txPort);
  }

  /**
   * Publishes the enqueued frames, and notifies the frontend if it requested an event.
   *
   * @throws Violation if a buffer cannot be written
   */
  pushRx(): void {
    this.rx.writeEnqueued();
    if (this.rx.ring.push()) this.frontend.notify(this.rxPort);
  }

  /** Processes both rings as if an event had arrived. */
  service(): void {
    this.#serve(true, true);
  }

  /** The ring that holds requests without an event for them; undefined if neither does. */
  ringWithoutEvent(): 'tx' | 'rx' | undefined {
    if (this.deaf) return undefined;
    const waiting = (half: BackendTx | BackendRx): boolean => {
      const count = half.ring.unconsumed();
      return count.ok && count.value > 0;
    };
    return waiting(this.tx) ? 'tx' : this.#expectsRxEvents && waiting(this.rx) ? 'rx' : undefined;
  }

  /** Whether an event is due that has not come: on a ring, messages have reached the event index. */
  overdue(): boolean {
    return !this.deaf && (this.tx.ring.overdue() > 0 || (this.#expectsRxEvents && this.rx.ring.overdue() > 0));
  }

  /**
   * Lets the monitor check both rings, which are idle, and their channels.
   *
   * @param missing whether an event of this vif did not arrive in time
   */
  rest(missing: boolean): void {
    this.#channels.rest(this, this.options.monitor);
    for (const { ring } of [this.tx, this.rx]) {
      const expected = missing && !this.deaf && (ring === this.tx.ring || this.#expectsRxEvents);
      const withoutEvent = expected ? ring.overdue() : 0;
      this.options.monitor.see('atRest', () => ({ ...ring.atRest(), withoutEvent }));
    }
  }

  get #expectsRxEvents(): boolean {
    return this.options.rxNotify && this.rx.asksForEvents;
  }

  release(): void {
    for (const port of new Set([this.txPort, this.rxPort])) {
      this.pump.off(port);
      this.frontend.unbind(port);
    }
    this.mapping.unmap();
  }

  #event(channel: 'tx' | 'rx', work: () => void): void {
    this.#channels.add(channel);
    if (!this.deaf) this.options.onEvent(work);
  }

  #serve(tx: boolean, rx: boolean): void {
    if (rx) {
      this.rx.service();
      this.posted.fire();
    }
    if (!tx) return;
    const packets = this.tx.service();
    if (this.tx.respond && packets.length > 0) {
      for (const packet of packets) this.tx.answer(packet);
      this.pushTx();
    }
    for (const packet of packets) this.options.onPacket({ ...packet, queue: this });
  }
}

/** Runs `body`; a ref or port that Xen refuses becomes a violation of `requirement` by the frontend. */
function blaming<T>(requirement: string, what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof XenError) throw new Violation([requirement], `${what}: ${error.message}`);
    throw error;
  }
}
