import { LineSplitter } from '../guest/text.js';

/** More than any line of a program here. */
const MAX_LINE = 1024;

/** What a program says: its lines so far, and the first of them as soon as it's there. */
export class Said {
  readonly lines: string[] = [];
  /** Never settles for a program that says nothing. */
  readonly first: Promise<string>;
  #begun: (line: string) => void = () => undefined;

  constructor() {
    this.first = new Promise((resolve) => (this.#begun = resolve));
  }

  add(line: string): void {
    this.lines.push(line);
    this.#begun(line);
  }

  /** The first line, or what a program that ended without one is known by. */
  firstBefore(end: Promise<unknown>): Promise<string> {
    return Promise.race([this.first, end.then(String)]);
  }
}

/** Cuts output into the lines of `take`. */
export function linesOf(take: (line: string) => void): LineSplitter {
  return new LineSplitter(MAX_LINE, take, () => take('(a line that is too long)'));
}
