import type { Store, Watch } from './domain.js';
import { Signal } from './wait.js';

/** How many values of a node are kept: more than any handshake needs, and a limit for a hostile writer. */
const HISTORY = 64;

/** One watched xenstore node: its current value and earlier values. */
export class WatchedNode {
  readonly changed = new Signal();
  #history: (string | undefined)[] = [];
  #reading = false;
  #error: Error | undefined;
  #changedWhileReading = false;
  #watch: Watch | undefined;

  private constructor(
    private readonly store: Store,
    readonly path: string,
  ) {}

  static async open(store: Store, path: string): Promise<WatchedNode> {
    const node = new WatchedNode(store, path);
    node.#history.push(await store.read(path));
    node.#watch = await store.watch(path, () => void node.#refresh());
    return node;
  }

  /** The last value read; undefined if the node is missing. Throws xenstore's error if the node can't be read. */
  get value(): string | undefined {
    if (this.#error) throw this.#error;
    return this.#history.at(-1);
  }

  /**
   * The distinct values so far, oldest first. Quick changes may be missed: a watch reports that a node changed, not its
   * value.
   */
  get history(): readonly (string | undefined)[] {
    return this.#history;
  }

  async close(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.close();
  }

  /** A node that can't be read any more is kept as an error, since the other side has not removed it. */
  async #read(): Promise<string | undefined> {
    try {
      return await this.store.read(this.path);
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
      return undefined;
    }
  }

  async #refresh(): Promise<void> {
    // One read at a time: two in flight could complete out of order and leave the older value as the newer.
    if (this.#reading) {
      this.#changedWhileReading = true;
      return;
    }
    this.#reading = true;
    do {
      this.#changedWhileReading = false;
      const value = await this.#read();
      if (value !== this.#history.at(-1)) {
        this.#history.push(value);
        if (this.#history.length > HISTORY) this.#history.shift();
      }
      this.changed.fire();
    } while (this.#changedWhileReading);
    this.#reading = false;
  }
}
