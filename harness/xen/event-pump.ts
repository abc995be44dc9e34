import type { Events, Port } from './domain.js';

/**
 * Hands a domain's events to whoever holds the port, and counts them.
 *
 * A port is unmasked after its handler ran, so that a storm of events costs the other end more than us.
 */
export class EventPump {
  readonly #handlers = new Map<Port, () => void>();
  readonly #counts = new Map<Port, number>();

  constructor(private readonly events: Events) {
    events.onPending(() => this.#drain());
  }

  on(port: Port, handler: () => void): void {
    this.#handlers.set(port, handler);
  }

  off(port: Port): void {
    this.#handlers.delete(port);
    this.#counts.delete(port);
  }

  /** How often `port` was seen to fire; several notifies may be one. */
  count(port: Port): number {
    return this.#counts.get(port) ?? 0;
  }

  #drain(): void {
    for (const port of this.events.take()) {
      const handler = this.#handlers.get(port);
      // A port that was unbound between the event and now is gone: unmasking it would be an error.
      if (!handler) continue;
      this.#counts.set(port, this.count(port) + 1);
      try {
        handler();
      } finally {
        if (this.#handlers.has(port)) this.events.unmask(port);
      }
    }
  }
}
