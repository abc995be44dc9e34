/** The only way to stdout and stderr: text from a driver, a guest, another machine or a record is untrusted. */
import { printable } from './text.js';

/** Text in a style: the parameter of a terminal's SGR sequence. */
export interface Styled {
  readonly style: number;
  readonly text: string;
}

/** What a line consists of. Only a style that was asked for reaches the terminal. */
export type Part = string | Styled;

/** Where a printer writes to. */
export interface Output {
  write(text: string): unknown;
}

/** Prints text of any origin. */
export class Printer {
  constructor(private readonly out: Output) {}

  /** Prints a line. It may contain line ends; other control characters are removed or escaped. */
  line(...parts: readonly Part[]): void {
    this.out.write(`${composed(parts)}\n`);
  }

  /** Replaces the current line of a terminal, which stays open. */
  rewrite(...parts: readonly Part[]): void {
    this.out.write(`\r\x1b[K${composed(parts)}`);
  }

  /** Prints data in a format that has no control characters, such as JSON or XML, unchanged. */
  data(text: string): void {
    this.out.write(text);
  }
}

function composed(parts: readonly Part[]): string {
  return parts
    .map((part) => (typeof part === 'string' ? printable(part) : `\x1b[${part.style}m${printable(part.text)}\x1b[0m`))
    .join('');
}

export const stdout = new Printer({ write: (text) => process.stdout.write(text) });
export const stderr = new Printer({ write: (text) => process.stderr.write(text) });
