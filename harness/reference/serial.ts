/** Runs asynchronous steps one after the other: a driver's state machine must not be entered twice. */
export class Serial {
  #tail: Promise<void> = Promise.resolve();

  /** @param onError is told what a step threw; the steps after it run all the same */
  constructor(private readonly onError: (error: unknown) => void) {}

  run(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(step).catch(this.onError);
    return this.#tail;
  }
}
