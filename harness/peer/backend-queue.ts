import { KEY } from '../protocol/netif.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type DomId, type Domain, type Mapping, type Port, XenError } from '../xen/domain.js';
import { Signal } from '../xen/wait.js';
import { BackendRx } from './backend-rx.js';
import { BackendTx, type TxPacket } from './backend-tx.js';
import type { EventPump } from '../xen/event-pump.js';
import { Violation } from './violation.js';

/** A transmitted packet and the queue it came on. */
export interface QueuePacket extends TxPacket {
  readonly queue: BackendQueue;
}

export interface BackendQueueOptions {
  /** Whether the frontend claims to notify of new buffers. */
  readonly rxNotify: boolean;
  /** Runs the work of an event; catches what the frontend did wrong. */
  readonly onEvent: (work: () => void) => void;
  readonly onPacket: (packet: QueuePacket) => void;
  /** Told of each frame that is laid into the ring. */
  readonly onSend: (frame: Uint8Array) => void;
}

/** What the frontend wrote about one queue. */
export interface QueueKeys {
  readonly txRingRef: number;
  readonly rxRingRef: number;
  readonly txChannel: number;
  /** The same as {@link txChannel} where the channel isn't split. */
  readonly rxChannel: number;
}

/**
 * Reads one queue's keys out of what the frontend wrote.
 *
 * @param keys the values of the directory that holds them
 * @throws Violation if one is missing or is no number
 */
export function queueKeys(keys: Readonly<Record<string, string>>, where: string): QueueKeys {
  const number = (key: string, requirement: string): number => {
    const value = parseDecimal(keys[key], { min: 0, max: 0xffffffff });
    if (!value.ok) throw new Violation([requirement], `${where}/${key}: ${value.reason}`);
    return value.value;
  };
  const split = keys[KEY.eventChannelTx] !== undefined || keys[KEY.eventChannelRx] !== undefined;
  return {
    txRingRef: number(KEY.txRingRef, 'MQ-11'),
    rxRingRef: number(KEY.rxRingRef, 'MQ-11'),
    txChannel: number(split ? KEY.eventChannelTx : KEY.eventChannel, 'SEC-03'),
    rxChannel: number(split ? KEY.eventChannelRx : KEY.eventChannel, 'SEC-03'),
  };
}

/** One pair of rings of a backend peer and its event channels. It's served when an event comes, and only then. */
export class BackendQueue {
  readonly tx: BackendTx;
  readonly rx: BackendRx;
  readonly txPort: Port;
  readonly rxPort: Port;
  /** Fires when the frontend posted buffers. */
  readonly posted = new Signal();
  /** While true, events are counted but the rings aren't looked at. */
  deaf = false;

  /** @throws Violation if a ring can't be mapped or a channel can't be bound */
  static open(
    domain: Domain,
    pump: EventPump,
    frontend: DomId,
    index: number,
    keys: QueueKeys,
    options: BackendQueueOptions,
  ): BackendQueue {
    const mapping = blaming('RING-19', `ring refs ${keys.txRingRef} and ${keys.rxRingRef}`, () =>
      domain.grants.map(frontend, [keys.txRingRef, keys.rxRingRef], 'read-write'),
    );
    const ports: Port[] = [];
    try {
      for (const channel of new Set([keys.txChannel, keys.rxChannel])) {
        const bind = (): Port => domain.events.bindInterdomain(frontend, channel);
        ports.push(blaming('XB-26', `event channel ${channel}`, bind));
      }
      return new BackendQueue(domain, pump, frontend, index, mapping, ports, options);
    } catch (error) {
      for (const port of ports) domain.events.unbind(port);
      mapping.unmap();
      throw error;
    }
  }

  private constructor(
    private readonly domain: Domain,
    private readonly pump: EventPump,
    frontend: DomId,
    readonly index: number,
    private readonly mapping: Mapping,
    ports: readonly Port[],
    private readonly options: BackendQueueOptions,
  ) {
    const [txPage, rxPage] = mapping.pages;
    const [txPort, rxPort] = ports;
    if (!txPage || !rxPage || txPort === undefined) throw new Error('a queue has two rings and a channel');
    this.tx = new BackendTx(domain.grants, frontend, txPage);
    this.rx = new BackendRx(domain.grants, frontend, rxPage, options.onSend);
    this.txPort = txPort;
    this.rxPort = rxPort ?? txPort;
    // A bound channel is pending at once, so what the frontend put there before is served without its help.
    pump.on(this.txPort, () => this.#event(() => this.#serve(true, this.rxPort === this.txPort)));
    if (this.rxPort !== this.txPort) pump.on(this.rxPort, () => this.#event(() => this.#serve(false, true)));
  }

  /** Publishes the tx responses that were put, and notifies if the frontend asked for it. */
  pushTx(): void {
    if (this.tx.ring.push()) this.domain.events.notify(this.txPort);
  }

  /**
   * Publishes the frames that were enqueued, and notifies if the frontend asked for it.
   *
   * @throws Violation if a buffer can't be written
   */
  pushRx(): void {
    this.rx.lay();
    if (this.rx.ring.push()) this.domain.events.notify(this.rxPort);
  }

  /** Looks at both rings as if an event had come. */
  service(): void {
    this.#serve(true, true);
  }

  /** The ring that holds requests nobody was told of, if one does. */
  unheard(): 'tx' | 'rx' | undefined {
    if (this.deaf) return undefined;
    const waiting = (half: BackendTx | BackendRx): boolean => {
      const count = half.ring.unconsumed();
      return count.ok && count.value > 0;
    };
    return waiting(this.tx) ? 'tx' : this.options.rxNotify && waiting(this.rx) ? 'rx' : undefined;
  }

  release(): void {
    for (const port of new Set([this.txPort, this.rxPort])) {
      this.pump.off(port);
      this.domain.events.unbind(port);
    }
    this.mapping.unmap();
  }

  #event(work: () => void): void {
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

/** A ref or port that the frontend named and Xen refuses is the frontend's fault. */
function blaming<T>(requirement: string, what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof XenError) throw new Violation([requirement], `${what}: ${error.message}`);
    throw error;
  }
}
