/** Runs asynchronous steps one after the other, because a driver's state machine must not be entered twice. */
export class Serial {
  #tail: Promise<void> = Promise.resolve();

  /** @param onError called with the error that a step throws; later steps still run */
  constructor(private readonly onError: (error: unknown) => void) {}

  run(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(step).catch(this.onError);
    return this.#tail;
  }
}
