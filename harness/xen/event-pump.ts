import type { Events, Port } from './domain.js';

/**
 * Dispatches a domain's events to the handler of each port, and counts them. A port is unmasked after its handler has
 * run, so that an event storm costs the other domain more than this one.
 */
export class EventPump {
  readonly #handlers = new Map<Port, () => void>();
  readonly #counts = new Map<Port, number>();

  /** @param onError is given what a handler throws; without it the error has no caller, and ends the process */
  constructor(
    private readonly events: Events,
    private readonly onError?: (error: unknown) => void,
  ) {
    events.onPending(() => this.#drain());
  }

  on(port: Port, handler: () => void): void {
    this.#handlers.set(port, handler);
  }

  off(port: Port): void {
    this.#handlers.delete(port);
    this.#counts.delete(port);
  }

  /** How often `port` has fired; several notifies may count as one. */
  count(port: Port): number {
    return this.#counts.get(port) ?? 0;
  }

  #drain(): void {
    for (const port of this.events.take()) {
      const handler = this.#handlers.get(port);
      // A port may be unbound between the event and this point; unmasking it would then be an error.
      if (!handler) continue;
      this.#counts.set(port, this.count(port) + 1);
      try {
        handler();
      } catch (error) {
        if (!this.onError) throw error;
        this.onError(error);
      } finally {
        if (this.#handlers.has(port)) this.events.unmask(port);
      }
    }
  }
}
