import { EXT_GREF_FLAG, KEY } from '../protocol/netif.js';
import { encodeStagingTable } from '../protocol/staging.js';
import type { GrantRef, Offer, Port } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { FrontendRx, type RxPacket } from './frontend-rx.js';
import { FrontendTx } from './frontend-tx.js';
import { ChannelCounts } from './channel-counts.js';
import type { SentPacket } from './monitor/sent-lately.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';

/** A received packet and its queue. */
export interface QueuePacket extends RxPacket {
  readonly queue: FrontendQueue;
}

export interface FrontendQueueOptions {
  readonly split: boolean;
  readonly start: number;
  /** Runs an event handler and records any violation by the backend. */
  readonly onEvent: (work: () => void) => void;
  readonly onPacket: (packet: QueuePacket) => void;
  /** Called with each frame that is written to the ring. */
  readonly onSend: (packet: SentPacket) => void;
  readonly monitor: VifMonitor;
}

/** The two rings of one queue of a frontend peer, and its event channels. The rings are processed on events only. */
export class FrontendQueue {
  readonly tx: FrontendTx;
  readonly rx: FrontendRx;
  readonly txPort: Port;
  /** Equals {@link txPort} if the channels are not split. */
  readonly rxPort: Port;
  /** While true, events are counted but the rings are not read. */
  deaf = false;
  readonly #channels = new ChannelCounts();
  /** The pages that list the buffers of the tx pool and of the rx pool; empty without pools. */
  readonly tables: Offer[] = [];
  /** The grants of each pool. */
  pooled: { readonly tx: readonly GrantRef[]; readonly rx: readonly GrantRef[] } = { tx: [], rx: [] };

  constructor(
    private readonly backend: OtherDomain,
    private readonly pump: EventPump,
    readonly index: number,
    private readonly options: FrontendQueueOptions,
  ) {
    this.tx = new FrontendTx(backend, options.start, options.onSend, options.monitor);
    this.rx = new FrontendRx(backend, options.start, options.monitor);
    this.txPort = backend.bindUnbound();
    this.rxPort = options.split ? backend.bindUnbound() : this.txPort;
    if (options.split) {
      pump.on(this.txPort, () => this.#event('tx', () => this.tx.service()));
      pump.on(this.rxPort, () => this.#event('rx', () => this.serviceRx()));
    } else {
      pump.on(this.txPort, () => this.#event('tx', () => this.service()));
    }
  }

  /** The keys that advertise this queue to the backend. */
  keys(): Record<string, string> {
    const channels = this.options.split
      ? { [KEY.eventChannelTx]: String(this.txPort), [KEY.eventChannelRx]: String(this.rxPort) }
      : { [KEY.eventChannel]: String(this.txPort) };
    return { [KEY.txRingRef]: String(this.tx.ringRef), [KEY.rxRingRef]: String(this.rx.ringRef), ...channels };
  }

  /** Creates staging pools of the given sizes (in buffers). Returns the keys that advertise them to the backend. */
  pools(sizes: { readonly tx: number; readonly rx: number }): Record<string, string> {
    const table = (refs: readonly GrantRef[], flags: number): string => {
      const offer = this.backend.offer('read-only');
      offer.page.copyIn(0, encodeStagingTable(refs.map((ref) => ({ ref, flags, pad: 0 }))));
      this.tables.push(offer);
      return String(offer.ref);
    };
    this.pooled = { tx: this.tx.prepare(sizes.tx), rx: this.rx.prepare(sizes.rx) };
    return {
      [KEY.txPoolRef]: table(this.pooled.tx, EXT_GREF_FLAG.readonly),
      [KEY.txPoolSize]: String(sizes.tx),
      [KEY.rxPoolRef]: table(this.pooled.rx, 0),
      [KEY.rxPoolSize]: String(sizes.rx),
    };
  }

  /** Publishes the tx slots that were written, and notifies the backend if it requested an event. */
  pushTx(): void {
    if (this.tx.ring.push()) this.backend.notify(this.txPort);
  }

  /** Posts `count` receive buffers, publishes them, and notifies the backend if it requested an event. */
  post(count: number): void {
    this.rx.enqueue(count);
    if (this.rx.ring.push()) this.backend.notify(this.rxPort);
  }

  /** Processes both rings as if an event had arrived. */
  service(): void {
    this.tx.service();
    this.serviceRx();
  }

  serviceRx(): void {
    const before = this.rx.posted;
    const packets = this.rx.service();
    if (this.rx.repost) this.post(before - this.rx.posted);
    for (const packet of packets) this.options.onPacket({ ...packet, queue: this });
  }

  /** The ring that holds responses without an event for them; undefined if neither does. */
  ringWithoutEvent(): 'tx' | 'rx' | undefined {
    if (this.deaf) return undefined;
    const waiting = (half: FrontendTx | FrontendRx): boolean => {
      const count = half.ring.unconsumed();
      return count.ok && count.value > 0;
    };
    return waiting(this.tx) ? 'tx' : waiting(this.rx) ? 'rx' : undefined;
  }

  /** Whether an event is due that has not come: on a ring, messages have reached the event index. */
  overdue(): boolean {
    return !this.deaf && (this.tx.ring.overdue() > 0 || this.rx.ring.overdue() > 0);
  }

  /**
   * Lets the monitor check both rings, which are idle, and their channels.
   *
   * @param missing whether an event of this vif did not arrive in time
   */
  rest(missing: boolean): void {
    this.#channels.rest(this, this.options.monitor);
    for (const { ring } of [this.tx, this.rx]) {
      const withoutEvent = missing && !this.deaf ? ring.overdue() : 0;
      this.options.monitor.see('atRest', () => ({ ...ring.atRest(), withoutEvent }));
    }
  }

  release(): void {
    for (const port of new Set([this.txPort, this.rxPort])) {
      this.pump.off(port);
      this.backend.unbind(port);
    }
    this.tx.release();
    this.rx.release();
    for (const table of this.tables.splice(0)) table.end();
  }

  #event(channel: 'tx' | 'rx', work: () => void): void {
    this.#channels.add(channel);
    if (!this.deaf) this.options.onEvent(work);
  }
}
