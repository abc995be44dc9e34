/** Progress of a command that prints nothing else for minutes. */
import { type Output, Printer } from '../base/terminal.js';

/** Percent between two lines if the output is not a terminal. */
const STEP = 10;

export interface ProgressOutput extends Output {
  readonly isTTY?: boolean | undefined;
}

/** One line that is rewritten on a terminal; elsewhere, for example in a CI log, a line now and then. */
export class RewrittenLine {
  readonly #started = performance.now();
  readonly #printer: Printer;

  constructor(private readonly out: ProgressOutput) {
    this.#printer = new Printer(out);
  }

  /** Seconds since the line was made. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Shows a text; if the output is not a terminal, only one that is `due`. */
  show(text: string, due: boolean): void {
    if (this.out.isTTY) this.#printer.rewrite(`netifspec: ${text}`);
    else if (due) this.#printer.line(`netifspec: ${text}`);
  }

  /** Erases the line on a terminal. */
  end(): void {
    if (this.out.isTTY) this.#printer.rewrite();
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
