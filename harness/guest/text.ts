/** Text from another machine, made fit for a terminal and a report: hostile until it went through here. */

// A terminal's control sequences whole, so that no "[31m" is left behind.
const SEQUENCE = new RegExp('\\u001b(?:\\[[0-9;:<=>?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?)', 'g');

/** `text` without control and formatting characters (a tab becomes a space), cut at `length` characters. */
export function printable(text: string, length = 1000): string {
  const bounded = text.length > 4 * length ? text.slice(0, 4 * length) : text;
  const clean = bounded
    .replace(SEQUENCE, '')
    .replace(/\t/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '');
  return clean.length > length ? `${clean.slice(0, length)}…` : clean;
}

/**
 * Cuts a stream of bytes into lines. A line longer than `limit` bytes is passed over; `onTooLong` hears of it, once.
 * Decodes whole lines only, so a character that came in two chunks stays whole.
 */
export class LineSplitter {
  #parts: Buffer[] = [];
  #held = 0;
  #skipping = false;

  constructor(
    private readonly limit: number,
    private readonly onLine: (line: string) => void,
    private readonly onTooLong: () => void,
  ) {}

  push(chunk: Buffer): void {
    for (let start = 0; start < chunk.length;) {
      const newline = chunk.indexOf(0x0a, start);
      const end = newline < 0 ? chunk.length : newline;
      this.#hold(chunk.subarray(start, end));
      if (newline >= 0) this.#emit();
      start = end + 1;
    }
  }

  /** The stream ended: a last line without newline is a line too. */
  end(): void {
    if (this.#held > 0) this.#emit();
    this.#skipping = false;
  }

  #hold(part: Buffer): void {
    if (this.#skipping) return;
    if (this.#held + part.length > this.limit) {
      this.#skipping = true;
      this.#parts = [];
      this.#held = 0;
      this.onTooLong();
      return;
    }
    this.#parts.push(part);
    this.#held += part.length;
  }

  #emit(): void {
    if (!this.#skipping) this.onLine(Buffer.concat(this.#parts).toString('utf8'));
    this.#skipping = false;
    this.#parts = [];
    this.#held = 0;
  }
}
