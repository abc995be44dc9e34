import { LineSplitter } from '../base/lines.js';

/** Longer than any line of a program that is run here. */
const MAX_LINE = 1024;

/** The output of a program: its lines so far, and a promise of the first one. */
export class ProgramOutput {
  readonly lines: string[] = [];
  /** Never settles if the program prints nothing. */
  readonly first: Promise<string>;
  #resolveFirst: (line: string) => void = () => undefined;

  constructor() {
    this.first = new Promise((resolve) => (this.#resolveFirst = resolve));
  }

  add(line: string): void {
    this.lines.push(line);
    this.#resolveFirst(line);
  }

  /** The first line; if the program ends without output, its result as a string. */
  firstBefore(end: Promise<unknown>): Promise<string> {
    return Promise.race([this.first, end.then(String)]);
  }
}

/** Splits output into lines and passes them to `take`. */
export function linesOf(take: (line: string) => void): LineSplitter {
  return new LineSplitter(MAX_LINE, take, () => take('(line too long)'));
}
