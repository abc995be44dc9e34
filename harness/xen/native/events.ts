import type { NativeEvents } from '../../../native/index.js';
import type { DomId, Events, Port } from '../domain.js';
import { call } from './errors.js';

/**
 * How often the device is read although it reports nothing. On a busy host Linux may lose a wake-up, and then all later
 * ones, until the next read (v6.1, drivers/xen/evtchn.c, evtchn_interrupt(): it wakes only readers that had read
 * everything before ring_prod changed).
 */
const LOST_WAKE_UP_MS = 100;

/** Event channels over one open /dev/xen/evtchn. */
export class HostEvents implements Events {
  #reading: NodeJS.Timeout | undefined;

  constructor(private readonly native: NativeEvents) {}

  bindUnbound(remote: DomId): Port {
    return call(() => this.native.bindUnbound(remote));
  }
  bindInterdomain(remote: DomId, remotePort: Port): Port {
    return call(() => this.native.bindInterdomain(remote, remotePort));
  }
  unbind(port: Port): void {
    call(() => this.native.unbind(port));
  }
  notify(port: Port): void {
    call(() => this.native.notify(port));
  }
  take(): Port[] {
    return call(() => this.native.take());
  }
  unmask(port: Port): void {
    call(() => this.native.unmask(port));
  }
  onPending(listener: () => void): void {
    call(() => this.native.listen(listener));
    clearInterval(this.#reading);
    this.#reading = setInterval(listener, LOST_WAKE_UP_MS).unref();
  }
  /** Unbinds all ports. */
  close(): void {
    clearInterval(this.#reading);
    this.native.close();
  }
}
