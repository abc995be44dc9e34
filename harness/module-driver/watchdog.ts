/**
 * Detects a process that hangs: by its processor time and the state of its thread, not by wall-clock time, since the
 * machine is shared.
 */
import { processUse, type ProcessUse } from '../base/process.js';

const TICK_MS = 100;
/** A tick that is later means that this process was stopped: messages of the child in that time are still unread. */
const LATE_MS = 3 * TICK_MS;

export interface WatchdogOptions {
  /** How long the child may use the processor, or block its thread, without a message. */
  readonly hangMs: number;
  /** How long it may use the processor, or be idle, without progress. */
  readonly stuckMs: number;
  /** Wall-clock time until its first message. */
  readonly startMs: number;
  /** Called once if the child never sent a message. */
  readonly onLate: () => void;
  /** Called once with the fault of the driver. */
  readonly onHang: (why: string) => void;
}

/** Time without a message, or without progress, by how it was spent. */
interface Spent {
  busy: number;
  idle: number;
}

export class Watchdog {
  readonly #timer: NodeJS.Timeout;
  readonly #pids: number[];
  #use: ProcessUse | undefined;
  #lastTick = performance.now();
  #started = false;
  #startMs = 0;
  #sinceMessage: Spent = { busy: 0, idle: 0 };
  #sinceProgress: Spent = { busy: 0, idle: 0 };

  constructor(
    pid: number,
    private readonly options: WatchdogOptions,
  ) {
    this.#pids = [pid];
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** The child sent a message. */
  messageReceived(): void {
    this.#started = true;
    this.#sinceMessage = { busy: 0, idle: 0 };
  }

  /** The child made progress: a test began or ended. */
  progressMade(): void {
    this.#sinceProgress = { busy: 0, idle: 0 };
  }

  /** The child waits for another process of the driver, whose use counts as its own. */
  watchToo(pid: number): void {
    this.#pids.splice(1, 1, pid);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const passed = now - this.#lastTick;
    const before = this.#use;
    this.#lastTick = now;
    this.#use = useOfAll(this.#pids);
    if (passed > LATE_MS) return;
    if (!this.#started) return this.#awaitStart(passed);
    // If the system doesn't report the state of a process, all time counts as processor time.
    const busy = before && this.#use ? Math.max(0, this.#use.cpuMs - before.cpuMs) : passed;
    const idle = busy === 0 && this.#use?.state === 'S' ? passed : 0;
    for (const spent of [this.#sinceMessage, this.#sinceProgress]) {
      spent.busy += Math.min(busy, passed);
      spent.idle += idle;
    }
    const why = this.#verdict();
    if (why === undefined) return;
    this.close();
    this.options.onHang(why);
  }

  #awaitStart(passed: number): void {
    this.#startMs += passed;
    if (this.#startMs <= this.options.startMs) return;
    this.close();
    this.options.onLate();
  }

  #verdict(): string | undefined {
    const { hangMs, stuckMs } = this.options;
    if (this.#sinceMessage.busy >= hangMs)
      return `the driver hangs: it used the processor for ${hangMs} ms without returning`;
    if (this.#sinceMessage.idle >= hangMs) return `the driver hangs: it blocked its thread for ${hangMs} ms`;
    if (this.#sinceProgress.busy < stuckMs && this.#sinceProgress.idle < stuckMs) return undefined;
    return `the driver makes no progress: no test began or ended for ${stuckMs} ms`;
  }
}

/** The use of all processes combined, whose state is S only if all of them sleep; undefined if the system reports none. */
function useOfAll(pids: readonly number[]): ProcessUse | undefined {
  const uses = pids.flatMap((pid) => processUse(pid) ?? []);
  if (uses.length === 0) return undefined;
  const state = uses.find((use) => use.state !== 'S')?.state ?? 'S';
  return { state, cpuMs: uses.reduce((sum, { cpuMs }) => sum + cpuMs, 0) };
}
