/** Progress of a command that prints nothing else for minutes. */

/** Percent between two lines if the output is not a terminal. */
const STEP = 10;

export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** One line that is rewritten on a terminal; elsewhere, for example in a CI log, a line for every ten percent. */
export class ProgressLine {
  readonly #started = performance.now();
  #printed = 0;

  /** @param what the items that are counted, for example `seeds` */
  constructor(
    private readonly out: ProgressOutput,
    private readonly what: string,
  ) {}

  update(done: number, total: number): void {
    const seconds = Math.round((performance.now() - this.#started) / 1000);
    const text = `netifspec: ${done} of ${total} ${this.what} (${seconds} s)`;
    if (this.out.isTTY) {
      this.out.write(`\r\x1b[K${text}`);
      return;
    }
    const step = Math.floor((done / total) * (100 / STEP));
    if (step > this.#printed) this.out.write(`${text}\n`);
    this.#printed = Math.max(this.#printed, step);
  }

  /** Erases the line on a terminal. */
  end(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }
}
