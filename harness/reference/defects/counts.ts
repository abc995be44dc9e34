/** Counts by object, for defects that show now and then: of a vif, of a queue, of a ring, of a whole driver. */
export class Counts {
  readonly #counts = new WeakMap<object, number>();

  of(key: object): number {
    return this.#counts.get(key) ?? 0;
  }

  /** Counts one more; answers how many there are now. */
  next(key: object): number {
    const count = this.of(key) + 1;
    this.#counts.set(key, count);
    return count;
  }

  clear(key: object): void {
    this.#counts.delete(key);
  }
}
