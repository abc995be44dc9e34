import type { NativeEvents } from '../../../native/index.js';
import type { DomId, Events, Port } from '../domain.js';
import { call } from './errors.js';

/** Event channels over one open /dev/xen/evtchn. */
export class HostEvents implements Events {
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
  }
}
