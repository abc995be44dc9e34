/** Waiting without sleeping: a deadline, a probe that is looked at again on each signal, and nothing else. */
import type { Clock } from './domain.js';

/** Share of a deadline that the harness may stand still in one go. */
const LAG_SHARE = 0.25;
/** Share of a deadline by which its timers may be late in all: beyond it the whole machine is too slow to judge by. */
const LATE_SHARE = 0.5;

/** The awaited thing did not come. Whose fault that is, the caller judges: see {@link Expired.lagMs}. */
export class Expired extends Error {
  constructor(
    readonly what: string,
    readonly deadlineMs: number,
    /** How long the harness stood still at worst while it waited: its timers were late, or its own look took so long. */
    readonly lagMs: number,
    /** How late its timers were in all, but for what is less than {@link Patience.pollMs} each. */
    readonly lateMs = 0,
  ) {
    super(`no ${what} within ${deadlineMs} ms`);
    this.name = 'Expired';
  }

  /** Whether the harness itself stood still for so much of the time that a missed answer proves nothing. */
  get proofless(): boolean {
    return this.lagMs > this.deadlineMs * LAG_SHARE || this.lateMs > this.deadlineMs * LATE_SHARE;
  }
}

/** Something that happens again and again; those who wait are told of the next time only. */
export class Signal {
  #waiting = new Set<() => void>();

  fire(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Calls `wake` at the next fire; the answer takes that back. */
  once(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

export interface WaitOptions {
  /** What may make the probe's answer change; without any, the probe is polled alone. */
  readonly on?: readonly Signal[];
  /** The deadline before scaling; {@link Patience.defaultMs} unless told. */
  readonly ms?: number;
}

/** How long to wait for the other end. One instance a run, so that one factor stretches every deadline. */
export class Patience {
  /** Indices and grant tables change without telling anybody, so probes are also looked at this often. */
  static readonly pollMs = 10;
  static readonly defaultMs = 2000;

  constructor(
    readonly clock: Clock,
    readonly scale = 1,
  ) {}

  /**
   * Waits until `probe` answers something other than undefined or false, and answers that.
   *
   * @param what names the awaited thing in the message: "no <what> within 2000 ms"
   * @throws Expired at the deadline, or whatever the probe throws
   */
  async until<T>(
    what: string,
    probe: () => T | undefined | false | Promise<T | undefined | false>,
    options: WaitOptions = {},
  ): Promise<T> {
    const deadlineMs = (options.ms ?? Patience.defaultMs) * this.scale;
    const end = this.clock.now() + deadlineMs;
    let lagMs = 0;
    let lateMs = 0;
    for (;;) {
      // The signals are armed before the probe runs: a change during an asynchronous probe must not be lost.
      const looked = this.clock.now();
      const wake = this.#arm(options.on ?? [], Math.min(Patience.pollMs, Math.max(0, end - looked)));
      try {
        const value = await probe();
        if (value !== undefined && value !== false) return value;
        const now = this.clock.now();
        lagMs = Math.max(lagMs, now - looked);
        if (now >= end) throw new Expired(what, deadlineMs, lagMs, lateMs);
        const late = await wake.woken;
        // What is late by less than the time between two looks costs no more than one of them.
        lateMs += Math.max(0, late - Patience.pollMs);
        lagMs = Math.max(lagMs, late);
      } finally {
        wake.disarm();
      }
    }
  }

  /** Lets `ms` (scaled) pass: for rules that are about time itself. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms * this.scale, resolve));
  }

  #arm(signals: readonly Signal[], ms: number): { woken: Promise<number>; disarm: () => void } {
    let disarm = (): void => {};
    const woken = new Promise<number>((resolve) => {
      const due = this.clock.now() + ms;
      const done = (): void => resolve(Math.max(0, this.clock.now() - due));
      const cancels = [this.clock.after(ms, done), ...signals.map((signal) => signal.once(done))];
      disarm = () => cancels.forEach((cancel) => cancel());
    });
    return { woken, disarm };
  }
}

/** Waits for all, also where one fails: what goes on alone would outlive whoever began it. */
export async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(works);
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
