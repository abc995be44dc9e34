import type { Store, Watch } from './domain.js';
import { Signal } from './wait.js';

/** How many values of a node are remembered: more than any handshake needs, little enough for a hostile writer. */
const HISTORY = 64;

/** One xenstore node, watched: its value now and the values that were seen before. */
export class WatchedNode {
  readonly changed = new Signal();
  #history: (string | undefined)[] = [];
  #reading = false;
  #error: Error | undefined;
  #again = false;
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

  /** The value as last seen; undefined if there is no such node. Throws what xenstore answered if it can't be read. */
  get value(): string | undefined {
    if (this.#error) throw this.#error;
    return this.#history.at(-1);
  }

  /** The different values seen so far, oldest first. Quick changes may have been missed: a watch tells that, not what. */
  get history(): readonly (string | undefined)[] {
    return this.#history;
  }

  async close(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.close();
  }

  /** A node that can't be read any more is kept as an error: it isn't the other end that took it away. */
  async #read(): Promise<string | undefined> {
    try {
      return await this.store.read(this.path);
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error));
      return undefined;
    }
  }

  async #refresh(): Promise<void> {
    // One read at a time: two in flight could answer out of order and leave the older value as the newer.
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    do {
      this.#again = false;
      const value = await this.#read();
      if (value !== this.#history.at(-1)) {
        this.#history.push(value);
        if (this.#history.length > HISTORY) this.#history.shift();
      }
      this.changed.fire();
    } while (this.#again);
    this.#reading = false;
  }
}
