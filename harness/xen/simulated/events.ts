import { XenError, type DomId, type Events, type Port } from '../domain.js';
import type { Lane, Scheduler } from './scheduler.js';

/** The store and console channels have the first ports of every domain. */
const FIRST_PORT = 3;

/** One end of a channel, bound or waiting for its remote end. */
class Channel {
  other: Channel | undefined;
  masked = false;
  pending = false;
  closed = false;

  constructor(
    readonly port: Port,
    readonly holder: SimulatedEvents,
    /** The domain that is, or may become, the remote end. */
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

/** The event channels of a domain, over all its handles. */
export class PortTable {
  readonly #channels = new Map<Port, Channel>();

  constructor(
    readonly domain: DomId,
    private readonly scheduler: Scheduler,
  ) {}

  get(port: Port): Channel | undefined {
    return this.#channels.get(port);
  }

  /** Allocates the lowest free port, as Xen does: a closed port is soon used again. */
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
    // The remote port waits for this domain again; its notifies are lost without an error in the meantime.
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
    if (!table) throw XenError.refused('ESRCH', `binding to domain ${remote}`);
    const other = table.get(remotePort);
    if (!other || other.other || other.remote !== this.#table.domain)
      throw XenError.refused('EINVAL', `binding to port ${remotePort} of domain ${remote}`);
    const channel = this.#add(remote);
    channel.other = other;
    other.other = channel;
    // Xen can't know whether an event was lost before the binding, so it assumes so.
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
    // Like the OS, ignores a port that was unbound after it fired.
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
    if (!channel) throw XenError.refused('ENOTCONN', `port ${port}`);
    return channel;
  }
}
