/** One count per object (vif, queue, ring or domain), for defects that appear only sometimes. */
export class Counts {
  readonly #counts = new WeakMap<object, number>();

  of(key: object): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Adds one and returns the new count. */
  next(key: object): number {
    const count = this.of(key) + 1;
    this.#counts.set(key, count);
    return count;
  }

  clear(key: object): void {
    this.#counts.delete(key);
  }
}
