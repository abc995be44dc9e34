import { XenError, type DomId, type Events, type Port } from '../domain.js';
import type { Lane, Scheduler } from './scheduler.js';

/** Xen's own channels (store, console) come first in every domain. */
const FIRST_PORT = 3;

/** One end of a channel, bound or waiting for its other end. */
class Channel {
  other: Channel | undefined;
  masked = false;
  pending = false;
  closed = false;

  constructor(
    readonly port: Port,
    readonly holder: SimulatedEvents,
    /** Who is, or may become, the other end. */
    readonly remote: DomId,
    private readonly lane: Lane,
  ) {}

  raise(): void {
    if (this.pending) return;
    this.pending = true;
    if (!this.masked) this.#deliver();
  }

  unmask(): void {
    if (!this.masked) return;
    this.masked = false;
    if (this.pending) this.#deliver();
  }

  #deliver(): void {
    this.lane.push(() => {
      if (this.closed) return;
      this.pending = false;
      this.masked = true;
      this.holder.fire(this.port);
    });
  }
}

/** A domain's event channels, of all its handles. */
export class PortTable {
  readonly #channels = new Map<Port, Channel>();

  constructor(
    readonly domain: DomId,
    private readonly scheduler: Scheduler,
  ) {}

  get(port: Port): Channel | undefined {
    return this.#channels.get(port);
  }

  /** As Xen does, takes the lowest free number: ports come again soon after they were closed. */
  add(holder: SimulatedEvents, remote: DomId): Channel {
    let port = FIRST_PORT;
    while (this.#channels.has(port)) port++;
    const channel = new Channel(port, holder, remote, this.scheduler.lane());
    this.#channels.set(port, channel);
    return channel;
  }

  remove(channel: Channel): void {
    channel.closed = true;
    this.#channels.delete(channel.port);
    if (!channel.other) return;
    // The other end waits for this domain again; what it sends meanwhile is lost without an error.
    channel.other.other = undefined;
  }
}

/** The channels of one handle. */
export class SimulatedEvents implements Events {
  readonly #table: PortTable;
  readonly #tableOf: (domain: DomId) => PortTable | undefined;
  readonly #check: () => void;
  readonly #calls: Lane;
  readonly #channels = new Map<Port, Channel>();
  readonly #fired = new Set<Port>();
  #listener: (() => void) | undefined;

  constructor(
    table: PortTable,
    tableOf: (domain: DomId) => PortTable | undefined,
    scheduler: Scheduler,
    check: () => void,
  ) {
    this.#table = table;
    this.#tableOf = tableOf;
    this.#check = check;
    this.#calls = scheduler.lane();
  }

  bindUnbound(remote: DomId): Port {
    this.#check();
    return this.#add(remote).port;
  }

  bindInterdomain(remote: DomId, remotePort: Port): Port {
    this.#check();
    const table = this.#tableOf(remote);
    if (!table) throw new XenError('ESRCH', `binding to domain ${remote}`);
    const other = table.get(remotePort);
    if (!other || other.other || other.remote !== this.#table.domain)
      throw new XenError('EINVAL', `binding to port ${remotePort} of domain ${remote}`);
    const channel = this.#add(remote);
    channel.other = other;
    other.other = channel;
    // Xen can't know whether an event was lost before the binding, so it supposes that.
    channel.raise();
    return channel.port;
  }

  unbind(port: Port): void {
    this.#check();
    this.#remove(this.#own(port));
  }

  notify(port: Port): void {
    this.#check();
    this.#own(port).other?.raise();
  }

  take(): Port[] {
    this.#check();
    const ports = [...this.#fired];
    this.#fired.clear();
    return ports;
  }

  unmask(port: Port): void {
    this.#check();
    // Like the OS, silent about a port that was unbound since it fired.
    this.#channels.get(port)?.unmask();
  }

  onPending(listener: () => void): void {
    this.#check();
    this.#listener = listener;
    if (this.#fired.size > 0) this.#calls.push(() => this.#call());
  }

  /** An event arrived at `port`, which is masked now. */
  fire(port: Port): void {
    this.#fired.add(port);
    this.#call();
  }

  get channels(): number {
    return this.#channels.size;
  }

  close(): void {
    for (const channel of this.#channels.values()) this.#remove(channel);
    this.#listener = undefined;
  }

  #call(): void {
    if (this.#fired.size > 0) this.#listener?.();
  }

  #add(remote: DomId): Channel {
    const channel = this.#table.add(this, remote);
    this.#channels.set(channel.port, channel);
    return channel;
  }

  #remove(channel: Channel): void {
    this.#table.remove(channel);
    this.#channels.delete(channel.port);
    this.#fired.delete(channel.port);
  }

  #own(port: Port): Channel {
    const channel = this.#channels.get(port);
    if (!channel) throw new XenError('ENOTCONN', `port ${port}`);
    return channel;
  }
}
