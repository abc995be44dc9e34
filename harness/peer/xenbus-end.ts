/** A peer's end of a vif in xenstore: its keys and state, the state of the driver under test, and waiting for it. */
import { XENBUS_STATE, parseXenbusState, stateName, stateText, type XenbusState } from '../protocol/xenbus.js';
import { Expired, Patience, type WaitOptions } from '../xen/wait.js';
import type { WatchedNode } from '../xen/watched-node.js';
import type { PeerContext } from './context.js';
import { Violation } from './violation.js';

/**
 * Milliseconds for each change of a state: a driver may connect and close its vifs one after the other, and may be slow at
 * it, since no header sets a time.
 */
export const STATE_MS = 10_000;
/** For a change of state that a driver need not make. */
export const OPTIONAL: WaitOptions = { ms: Patience.defaultMs };
/** The states of a peer that closes. */
export const CLOSING = [XENBUS_STATE.closing, XENBUS_STATE.closed].map(String);

export abstract class XenbusEnd {
  /**
   * Additional time for the first state of the driver under test, in milliseconds before scaling: its guest may still
   * boot.
   */
  bootMs = 0;
  /** The keys of the peer's own directory, as written. */
  protected readonly own: Record<string, string | undefined> = {};
  #fault: Error | undefined;
  #isClosed = false;
  #isClosing = false;

  protected constructor(
    readonly context: PeerContext,
    /** The state node of the driver under test. */
    readonly other: WatchedNode,
    /** The peer's own directory. */
    readonly path: string,
    /** The directory of the driver under test. */
    readonly otherPath: string,
  ) {}

  /** Whether the peer has announced that it closes. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** The number of the vif. */
  get handle(): number {
    return Number(this.path.split('/').at(-1));
  }

  /** A key in the directory of the driver under test. */
  otherKey(key: string): Promise<string | undefined> {
    return this.context.domain.store.read(`${this.otherPath}/${key}`);
  }

  /** All keys in the directory of the driver under test, or in `below` in it. */
  async otherKeys(below = ''): Promise<Record<string, string>> {
    const { store } = this.context.domain;
    const path = `${this.otherPath}${below && `/${below}`}`;
    const keys = (await store.list(path)) ?? [];
    const values = await Promise.all(keys.map(async (key) => (await store.read(`${path}/${key}`)) ?? ''));
    return Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']));
  }

  /** Writes keys of the peer's own directory in one transaction; undefined removes a key. */
  async writeKeys(keys: Readonly<Record<string, string | undefined>>): Promise<void> {
    // A write would create the directory again after its removal.
    if (this.#isClosed) throw new Error('the vif is closed');
    Object.assign(this.own, keys);
    if (keys.state !== undefined) this.#isClosing = CLOSING.includes(keys.state);
    await this.context.domain.store.transaction(async (access) => {
      const write = (key: string, value: string | undefined): Promise<void> =>
        value === undefined ? access.remove(`${this.path}/${key}`) : access.write(`${this.path}/${key}`, value);
      await Promise.all(Object.entries(keys).map(([key, value]) => write(key, value)));
    });
  }

  async setState(state: XenbusState): Promise<void> {
    await this.writeKeys({ state: String(state) });
  }

  /** Waits until the driver under test is in one of `states` (default: at most {@link STATE_MS}). */
  async awaitState(states: readonly XenbusState[], options: WaitOptions = {}): Promise<XenbusState> {
    const wanted = states.map(stateName).join(' or ');
    const ms = (options.ms ?? STATE_MS) + this.bootMs;
    try {
      const state = await this.until(
        `state ${wanted}`,
        () => {
          if (this.other.value === undefined) return undefined;
          const state = parseXenbusState(this.other.value);
          if (!state.ok) throw new Violation(['XB-01'], `${this.other.path}: ${state.reason}`);
          return states.includes(state.value) ? state.value : undefined;
        },
        { ms, on: [this.other.changed] },
      );
      this.bootMs = 0;
      return state;
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      const states = this.other.history.map(stateText).join(', ');
      const what = `${error.what} of ${this.otherPath} (states seen: ${states})`;
      throw new Expired(what, error.deadlineMs, error.lagMs, error.lateMs, error.demandedBy);
    }
  }

  /** Waits like {@link Patience.until}, and throws at once if the driver under test violates a requirement. */
  async until<T>(
    what: string,
    probe: () => T | undefined | false | Promise<T | undefined | false>,
    options: WaitOptions = {},
  ): Promise<T> {
    try {
      return await this.context.patience.until(
        what,
        () => {
          this.raise();
          return probe();
        },
        options,
      );
    } catch (error) {
      // A harness that ran too late to process events cannot prove that one is missing.
      if (error instanceof Expired && !error.inconclusive) await this.explain(error);
      throw error;
    }
  }

  /** The first error in processing the rings; undefined if there is none. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /** Forgets {@link fault}: the test accepts it. */
  forgive(): void {
    this.#fault = undefined;
  }

  /** Throws {@link fault}, if there is one. */
  raise(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Keeps an error for the next caller that waits. */
  protected keepFault(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Throws a better explanation of a timeout, if the peer has one. */
  protected abstract explain(error: Expired): Promise<void>;

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.other.close();
  }
}
