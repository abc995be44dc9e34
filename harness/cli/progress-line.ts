/** Progress of a command that prints nothing else for minutes. */

/** Percent between two lines if the output is not a terminal. */
const STEP = 10;

export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** One line that is rewritten on a terminal; elsewhere, for example in a CI log, a line now and then. */
export class RewrittenLine {
  readonly #started = performance.now();

  constructor(private readonly out: ProgressOutput) {}

  /** Seconds since the line was made. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Shows a text; if the output is not a terminal, only one that is `due`. */
  show(text: string, due: boolean): void {
    if (this.out.isTTY) this.out.write(`\r\x1b[Knetifspec: ${text}`);
    else if (due) this.out.write(`netifspec: ${text}\n`);
  }

  /** Erases the line on a terminal. */
  end(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }
}

/** How much of a known total is done; if the output is not a terminal, in a line for every ten percent. */
export class ProgressLine {
  readonly #line: RewrittenLine;
  #printed = 0;

  /** @param what the items that are counted, for example `seeds` */
  constructor(
    out: ProgressOutput,
    private readonly what: string,
  ) {
    this.#line = new RewrittenLine(out);
  }

  update(done: number, total: number): void {
    const step = Math.floor((done / total) * (100 / STEP));
    this.#line.show(`${done} of ${total} ${this.what} (${Math.round(this.#line.seconds)} s)`, step > this.#printed);
    this.#printed = Math.max(this.#printed, step);
  }

  /** Erases the line on a terminal. */
  end(): void {
    this.#line.end();
  }
}
