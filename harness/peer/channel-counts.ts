import type { Port } from '../xen/domain.js';
import type { VifMonitor } from './monitor/vif-monitor.js';

type Channel = 'tx' | 'rx';

/** One ring of a queue; `taken` is the number of messages that were read from it. */
export interface Half {
  readonly ring: { readonly taken: number };
}

/** The event channels of a queue: two, or one for both rings. */
interface Channels {
  readonly txPort: Port;
  readonly rxPort: Port;
  readonly tx: Half;
  readonly rx: Half;
}

/** Counts the events of a queue, which the monitor compares with the messages on its rings. */
export class ChannelCounts {
  readonly #events = { tx: 0, rx: 0 };

  /** Counts an event; one of a channel that both rings share counts as one of tx. */
  add(channel: Channel): void {
    this.#events[channel]++;
  }

  /** Lets the monitor check the channels of an idle queue. */
  rest({ txPort, rxPort, tx, rx }: Channels, monitor: VifMonitor): void {
    const { tx: onTx, rx: onRx } = this.#events;
    if (txPort === rxPort) {
      const messages = tx.ring.taken + rx.ring.taken;
      return monitor.see('channel', () => ({ name: 'event', events: onTx, messages }));
    }
    monitor.see('channel', () => ({ name: 'tx event', events: onTx, messages: tx.ring.taken }));
    monitor.see('channel', () => ({ name: 'rx event', events: onRx, messages: rx.ring.taken }));
  }
}
