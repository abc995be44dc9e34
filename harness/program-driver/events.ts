/** What a driver's program waits for: watches, event channels and frames of its stack. */
import type { Clock, Events, Port } from '../xen/domain.js';
import { EVENT, type Field, NO_TIMEOUT } from './wire.js';

/** One event: its kind, and the fields of the answer. */
export interface ProgramEvent {
  readonly kind: number;
  readonly fields: readonly Field[];
  /** The event channel, which stays masked until the program learns of the event. */
  readonly port?: Port;
  /** The watch that fired. */
  readonly watch?: string;
}

const TIMEOUT: ProgramEvent = { kind: EVENT.timeout, fields: [] };

/** The events that the program has not seen yet, in order. */
export class EventQueue {
  readonly #waiting: ProgramEvent[] = [];
  #wake: (() => void) | undefined;

  constructor(
    private readonly events: Events,
    private readonly clock: Clock,
  ) {
    events.onPending(() => {
      for (const port of events.take()) this.push({ kind: EVENT.port, fields: [port], port });
    });
  }

  push(event: ProgramEvent): void {
    this.#waiting.push(event);
    this.#wake?.();
  }

  /** Drops the events that `drop` selects. */
  forget(drop: (event: ProgramEvent) => boolean): void {
    this.#waiting.splice(0, Infinity, ...this.#waiting.filter((event) => !drop(event)));
  }

  /** The next event, or a timeout after `ms` milliseconds. */
  async next(ms: number): Promise<ProgramEvent> {
    if (this.#waiting.length === 0 && ms > 0) await this.#arrival(ms);
    const event = this.#waiting.shift() ?? TIMEOUT;
    if (event.port !== undefined) this.events.unmask(event.port);
    return event;
  }

  /** Resolves at the next push, or after `ms` milliseconds. */
  #arrival(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === NO_TIMEOUT ? () => undefined : this.clock.after(ms, resolve);
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
    });
  }
}
