/** Splits a stream of bytes into lines. */

/**
 * Splits a stream of bytes into lines. Drops a line of more than `limit` bytes and calls `onTooLong` once. Decodes
 * whole lines, so a character that is split between two chunks stays intact.
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

  /** Ends the stream: emits a last line without newline. */
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
