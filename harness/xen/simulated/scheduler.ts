import type { Clock } from '../domain.js';
import { Random } from './random.js';

interface Timer {
  /** Microseconds of virtual time. */
  readonly due: number;
  readonly callback: () => void;
}

/** Deliveries of one lane are ordered; those of different lanes overtake each other. */
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

  /** Suspends deliveries until it is released as often. */
  hold(): void {
    if (this.#holds++ === 0 && this.#waiting.length > 0) this.#scheduler.unready(this);
  }

  release(): void {
    if (--this.#holds === 0 && this.#waiting.length > 0) this.#scheduler.ready(this);
  }

  /** Removes the first delivery. Only the scheduler calls this, on a ready lane. */
  shift(): () => void {
    const delivery = this.#waiting.shift();
    if (!delivery) throw new Error('an empty lane was ready');
    if (this.#waiting.length === 0) this.#scheduler.unready(this);
    return delivery;
  }
}

/** Consecutive turns before the event loop may handle everything else: signals, messages, output. */
const TURNS_IN_A_ROW = 64;

/**
 * Runs one delivery per turn, so that the code that it wakes settles before the next one; the seed selects the lane. A
 * turn costs a microsecond of virtual time, so that two drivers that never stop notifying each other can't stop the
 * clock. Time advances to the next timer only after a whole turn with nothing to deliver and no open hold. While there
 * is nothing to do, nothing runs and the process may exit.
 */
export class Scheduler implements Clock {
  readonly random: Random;
  readonly #ready: Lane[] = [];
  /** Ordered by due time, then by the order in which they were set. */
  readonly #timers: Timer[] = [];
  #microseconds = 0;
  #holds = 0;
  #order = 0;
  /** The next turn: immediately, or after everything else in the event loop. */
  #nextTurn: 'tick' | NodeJS.Immediate | undefined;
  #turns = 0;
  #inARow = 0;
  #quiet = false;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** A digest of the choices so far: which lane had the turn, whenever several were ready. */
  get order(): number {
    return this.#order;
  }

  /** Deliveries so far: the work done, independent of the speed of the machine. */
  get turns(): number {
    return this.#turns;
  }

  now(): number {
    return this.#microseconds / 1000;
  }

  after(ms: number, callback: () => void): () => void {
    // A timer is never due immediately: polling with a delay of 0 would stop the clock.
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
    if (this.#nextTurn === 'tick') return;
    // process.nextTick from a microtask runs when no microtask is left and is much cheaper than a round of the event
    // loop. A whole round always precedes an advance of time.
    if (this.#ready.length > 0 && this.#inARow < TURNS_IN_A_ROW) {
      this.#inARow++;
      clearImmediate(this.#nextTurn);
      this.#nextTurn = 'tick';
      this.#quiet = false;
      queueMicrotask(() => process.nextTick(this.#turn));
    } else if (this.#ready.length > 0 || (this.#timers.length > 0 && this.#holds === 0)) {
      this.#nextTurn ??= setImmediate(() => {
        this.#inARow = 0;
        this.#turn();
      });
    }
  }

  readonly #turn = (): void => {
    this.#nextTurn = undefined;
    const delivery = this.#next();
    // Before the delivery: an error in it goes to the caller and must not stop the other deliveries.
    this.#wake();
    delivery?.();
  };

  #choose(): number {
    const choice = this.random.below(this.#ready.length);
    // FNV-1a. With a single ready lane there is no choice to record.
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
      // Code that waits for a turn of the event loop gets one before time advances.
      this.#quiet = true;
      return undefined;
    }
    this.#quiet = false;
    this.#microseconds = Math.max(this.#microseconds, timer.due);
    this.#timers.shift();
    return timer.callback;
  }
}
