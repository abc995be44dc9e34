import type { Clock } from '../domain.js';
import { Random } from './random.js';

interface Timer {
  /** Microseconds of virtual time. */
  readonly due: number;
  readonly callback: () => void;
}

/** Deliveries that keep their order among themselves; those of different lanes overtake each other. */
export class Lane {
  readonly #scheduler: Scheduler;
  readonly #waiting: (() => void)[] = [];
  #holds = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  push(delivery: () => void): void {
    this.#waiting.push(delivery);
    if (this.#waiting.length === 1 && this.#holds === 0) this.#scheduler.ready(this);
  }

  /** Stops deliveries until as many releases. */
  hold(): void {
    if (this.#holds++ === 0 && this.#waiting.length > 0) this.#scheduler.unready(this);
  }

  release(): void {
    if (--this.#holds === 0 && this.#waiting.length > 0) this.#scheduler.ready(this);
  }

  /** Takes the first delivery; only the scheduler calls this, on a ready lane. */
  shift(): () => void {
    const delivery = this.#waiting.shift();
    if (!delivery) throw new Error('an empty lane was ready');
    if (this.#waiting.length === 0) this.#scheduler.unready(this);
    return delivery;
  }
}

/** Turns that may follow each other before the event loop gets to everything else: signals, messages, output. */
const TURNS_IN_A_ROW = 64;

/**
 * Runs one delivery a turn, so that the code it wakes settles before the next one; the seed chooses which lane's turn
 * it is.
 *
 * A turn costs a microsecond of virtual time, so that two drivers who never stop calling each other can't stop the
 * clock. Otherwise time jumps to the next timer, and only when a whole turn passed with nothing to deliver and no hold
 * open. While there is nothing to do, nothing runs and the process may exit.
 */
export class Scheduler implements Clock {
  readonly random: Random;
  readonly #ready: Lane[] = [];
  /** By due time; those of the same moment in the order in which they were set. */
  readonly #timers: Timer[] = [];
  #microseconds = 0;
  #holds = 0;
  #order = 0;
  /** The turn that comes next: at once, or after everything else that the event loop has to do. */
  #ahead: 'tick' | NodeJS.Immediate | undefined;
  #turns = 0;
  #inARow = 0;
  #quiet = false;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** A digest of the choices so far: which lane's turn it was, whenever there were several. */
  get order(): number {
    return this.#order;
  }

  /** Deliveries so far: what has been done, whatever the machine took for it. */
  get turns(): number {
    return this.#turns;
  }

  now(): number {
    return this.#microseconds / 1000;
  }

  after(ms: number, callback: () => void): () => void {
    // A timer is never due at once, or polling with a delay of 0 would stop the clock.
    const timer: Timer = { due: this.#microseconds + Math.max(1, Math.round(ms * 1000)), callback };
    const later = this.#timers.findLastIndex((other) => other.due <= timer.due);
    this.#timers.splice(later + 1, 0, timer);
    this.#quiet = false;
    this.#wake();
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  hold(): () => void {
    let held = true;
    this.#holds++;
    return () => {
      if (!held) return;
      held = false;
      this.#holds--;
      this.#quiet = false;
      this.#wake();
    };
  }

  lane(): Lane {
    return new Lane(this);
  }

  ready(lane: Lane): void {
    this.#ready.push(lane);
    this.#wake();
  }

  unready(lane: Lane): void {
    const last = this.#ready.pop();
    if (last && last !== lane) this.#ready[this.#ready.indexOf(lane)] = last;
  }

  #wake(): void {
    if (this.#ahead === 'tick') return;
    // A tick that a microtask asks for comes when no microtask is left, and costs a fraction of a round of the event
    // loop. Before time may jump there is always a whole round.
    if (this.#ready.length > 0 && this.#inARow < TURNS_IN_A_ROW) {
      this.#inARow++;
      clearImmediate(this.#ahead);
      this.#ahead = 'tick';
      this.#quiet = false;
      queueMicrotask(() => process.nextTick(this.#turn));
    } else if (this.#ready.length > 0 || (this.#timers.length > 0 && this.#holds === 0)) {
      this.#ahead ??= setImmediate(() => {
        this.#inARow = 0;
        this.#turn();
      });
    }
  }

  readonly #turn = (): void => {
    this.#ahead = undefined;
    const delivery = this.#next();
    // Before the delivery: whatever it throws is the caller's to see, and must not stop the others.
    this.#wake();
    delivery?.();
  };

  #choose(): number {
    const choice = this.random.below(this.#ready.length);
    // FNV-1a: a choice of one is none.
    if (this.#ready.length > 1) this.#order = Math.imul(this.#order ^ (choice + 1), 0x01000193) >>> 0;
    return choice;
  }

  #next(): (() => void) | undefined {
    const timer = this.#holds === 0 ? this.#timers[0] : undefined;
    const overdue = timer && timer.due <= this.#microseconds;
    if (this.#ready.length > 0 && !overdue) {
      this.#quiet = false;
      this.#turns++;
      this.#microseconds++;
      return this.#ready[this.#choose()]?.shift();
    }
    if (!timer) return undefined;
    if (!overdue && !this.#quiet) {
      // Code that waits for a turn of its own gets it before time jumps.
      this.#quiet = true;
      return undefined;
    }
    this.#quiet = false;
    this.#microseconds = Math.max(this.#microseconds, timer.due);
    this.#timers.shift();
    return timer.callback;
  }
}
