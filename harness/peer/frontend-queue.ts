import { EXT_GREF_FLAG, KEY } from '../protocol/netif.js';
import { encodeStagingTable } from '../protocol/staging.js';
import { type DomId, type Domain, type GrantRef, type Offer, type Port } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import { FrontendRx, type RxPacket } from './frontend-rx.js';
import { FrontendTx } from './frontend-tx.js';

/** A received packet and the queue it came on. */
export interface QueuePacket extends RxPacket {
  readonly queue: FrontendQueue;
}

export interface FrontendQueueOptions {
  readonly split: boolean;
  readonly start: number;
  /** Runs the work of an event; catches what the backend did wrong. */
  readonly onEvent: (work: () => void) => void;
  readonly onPacket: (packet: QueuePacket) => void;
  /** Told of each frame that is laid into the ring. */
  readonly onSend: (frame: Uint8Array) => void;
}

/** One pair of rings of a frontend peer and its event channels. It's served when an event comes, and only then. */
export class FrontendQueue {
  readonly tx: FrontendTx;
  readonly rx: FrontendRx;
  readonly txPort: Port;
  /** The same as {@link txPort} where the channel isn't split. */
  readonly rxPort: Port;
  /** While true, events are counted but the rings aren't looked at. */
  deaf = false;
  /** The pages that list the buffers of the tx pool and of the rx pool, if there are any. */
  readonly tables: Offer[] = [];
  /** The grants of either pool. */
  pooled: { readonly tx: readonly GrantRef[]; readonly rx: readonly GrantRef[] } = { tx: [], rx: [] };

  constructor(
    private readonly domain: Domain,
    private readonly pump: EventPump,
    private readonly backend: DomId,
    readonly index: number,
    private readonly options: FrontendQueueOptions,
  ) {
    this.tx = new FrontendTx(domain.grants, backend, options.start, options.onSend);
    this.rx = new FrontendRx(domain.grants, backend, options.start);
    this.txPort = domain.events.bindUnbound(backend);
    this.rxPort = options.split ? domain.events.bindUnbound(backend) : this.txPort;
    if (options.split) {
      pump.on(this.txPort, () => this.#event(() => this.tx.service()));
      pump.on(this.rxPort, () => this.#event(() => this.serviceRx()));
    } else {
      pump.on(this.txPort, () => this.#event(() => this.service()));
    }
  }

  /** The keys that tell the backend of this queue. */
  keys(): Record<string, string> {
    const channels = this.options.split
      ? { [KEY.eventChannelTx]: String(this.txPort), [KEY.eventChannelRx]: String(this.rxPort) }
      : { [KEY.eventChannel]: String(this.txPort) };
    return { [KEY.txRingRef]: String(this.tx.ringRef), [KEY.rxRingRef]: String(this.rx.ringRef), ...channels };
  }

  /** Makes staging pools of so many buffers, and answers the keys that tell the backend of them. */
  pools(sizes: { readonly tx: number; readonly rx: number }): Record<string, string> {
    const table = (refs: readonly GrantRef[], flags: number): string => {
      const offer = this.domain.grants.offer(this.backend, 'read-only');
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

  /** Publishes the tx slots that were put, and notifies if the backend asked for it. */
  pushTx(): void {
    if (this.tx.ring.push()) this.domain.events.notify(this.txPort);
  }

  /** Posts `count` receive buffers, publishes them, and notifies if the backend asked for it. */
  post(count: number): void {
    this.rx.enqueue(count);
    if (this.rx.ring.push()) this.domain.events.notify(this.rxPort);
  }

  /** Looks at both rings as if an event had come. */
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

  /** The ring that holds responses nobody was told of, if one does. */
  unheard(): 'tx' | 'rx' | undefined {
    if (this.deaf) return undefined;
    const waiting = (half: FrontendTx | FrontendRx): boolean => {
      const count = half.ring.unconsumed();
      return count.ok && count.value > 0;
    };
    return waiting(this.tx) ? 'tx' : waiting(this.rx) ? 'rx' : undefined;
  }

  release(): void {
    for (const port of new Set([this.txPort, this.rxPort])) {
      this.pump.off(port);
      this.domain.events.unbind(port);
    }
    this.tx.release();
    this.rx.release();
    for (const table of this.tables.splice(0)) table.end();
  }

  #event(work: () => void): void {
    if (!this.deaf) this.options.onEvent(work);
  }
}
