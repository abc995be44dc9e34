/** Waiting without sleeping: a deadline, and a probe that runs again on each signal. */
import type { Clock } from './domain.js';

/** Share of a deadline for which harness or guest may stall once: beyond it a missing reply proves nothing. */
export const LAG_SHARE = 0.25;
/** Share of a deadline by which timers may be late in total: beyond it the machine is too slow for a verdict. */
const LATE_SHARE = 0.5;

/** The awaited condition did not occur. The caller decides whose fault that is: see {@link Expired.lagMs}. */
export class Expired extends Error {
  constructor(
    readonly what: string,
    readonly deadlineMs: number,
    /** Longest stall of the harness during the wait: timers were late, or the probe took long. */
    readonly lagMs: number,
    /** Total lateness of the timers, without delays of less than {@link Patience.pollMs}. */
    readonly lateMs = 0,
    /** The requirements that demand the event; none for an event of a set-up. */
    readonly demandedBy: readonly string[] = [],
  ) {
    super(`no ${what} within ${deadlineMs} ms`);
    this.name = 'Expired';
  }

  /** Whether the harness itself stalled for so long that a missing reply proves nothing. */
  get inconclusive(): boolean {
    return this.lagMs > this.deadlineMs * LAG_SHARE || this.lateMs > this.deadlineMs * LATE_SHARE;
  }
}

/** How often a wait is tried while the host is too busy to prove anything. */
const BUSY_TRIES = 4;

/** A recurring event; waiters are woken by its next occurrence only. */
export class Signal {
  #waiting = new Set<() => void>();

  fire(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Calls `wake` at the next occurrence; the returned function cancels that. */
  once(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

export interface WaitOptions {
  /** Events that may change the result of the probe; without any, the probe is only polled. */
  readonly on?: readonly Signal[];
  /** The deadline before scaling. Default: {@link Patience.defaultMs}. */
  readonly ms?: number;
}

/** Lateness of the timers: the longest stall, and the total. */
export interface Lag {
  readonly worstMs: number;
  readonly totalMs: number;
}

/** How long to wait for the driver under test. One instance per run, so that one factor scales every deadline. */
export class Patience {
  /** Indices and grant tables change without an event, so probes also run at this interval. */
  static readonly pollMs = 10;
  static readonly defaultMs = 2000;

  #lag: Lag = { worstMs: 0, totalMs: 0 };

  constructor(
    readonly clock: Clock,
    readonly scale = 1,
  ) {}

  /**
   * Waits until `probe` returns a value other than undefined or false, and returns this value. A time in which the
   * harness itself did not run is waited for again, up to {@link BUSY_TRIES} times in all.
   *
   * @param what names the awaited thing in the message: "no <what> within 2000 ms"
   * @throws Expired at the deadline, or the error that the probe throws
   */
  async until<T>(
    what: string,
    probe: () => T | undefined | false | Promise<T | undefined | false>,
    options: WaitOptions = {},
  ): Promise<T> {
    const deadlineMs = (options.ms ?? Patience.defaultMs) * this.scale;
    let end = this.clock.now() + deadlineMs;
    let tries = 1;
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
        if (now >= end) {
          const expired = new Expired(what, deadlineMs, lagMs, lateMs);
          if (!expired.inconclusive || tries++ === BUSY_TRIES) throw expired;
          // The wait begins again: in this time the driver under test may not have run either.
          end = now + deadlineMs;
          lagMs = lateMs = 0;
        }
        const late = await wake.woken;
        // A delay below the polling interval costs at most one probe.
        lateMs += Math.max(0, late - Patience.pollMs);
        lagMs = Math.max(lagMs, late);
        this.#lag = { worstMs: Math.max(this.#lag.worstMs, late), totalMs: this.#lag.totalMs + late };
      } finally {
        wake.disarm();
      }
    }
  }

  /** The lateness since the last call. */
  takeLag(): Lag {
    const lag = this.#lag;
    this.#lag = { worstMs: 0, totalMs: 0 };
    return lag;
  }

  /** Waits for `ms` (scaled): for requirements about time itself. */
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

/**
 * Names the requirements that demand an awaited event: where it does not occur outside of a check, they are violated
 * instead of the set-up. A wait that names some itself keeps them.
 */
export async function demanded<T>(requirements: readonly string[], wait: Promise<T>): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    if (!(error instanceof Expired) || error.demandedBy.length > 0) throw error;
    throw new Expired(error.what, error.deadlineMs, error.lagMs, error.lateMs, requirements);
  }
}

/**
 * Waits for all promises, also if one rejects: otherwise the others would still run after their caller has returned.
 */
export async function all(works: readonly Promise<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(works);
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
