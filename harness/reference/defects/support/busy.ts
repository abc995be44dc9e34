/** Which vifs a step is working on, for defects that lose events in the meantime. */
export class Busy {
  readonly #vifs = new WeakSet<object>();

  has(vif: object): boolean {
    return this.#vifs.has(vif);
  }

  async during(vif: object, work: Promise<void>): Promise<void> {
    this.#vifs.add(vif);
    try {
      await work;
    } finally {
      this.#vifs.delete(vif);
    }
  }
}
