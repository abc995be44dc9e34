/** Makes text from a driver, a guest or another machine safe for a terminal and a report; such text is untrusted. */

// Matches whole terminal control sequences, so that no "[31m" remains.
const ESCAPE_SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)/g;
/** Control and formatting characters, and those that XML 1.0 forbids, except tab and line feed. */
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\p{Cf}/gu;
const LONE_SURROGATE = /\p{Surrogate}/gu;

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
}

/**
 * Makes `text` safe for a terminal and valid in XML 1.0: removes terminal sequences, escapes control and formatting
 * characters (`\x07`), and replaces lone surrogates with U+FFFD. Keeps tabs and line ends; CR LF becomes LF.
 */
export function printable(text: string): string {
  return text
    .replace(ESCAPE_SEQUENCE, '')
    .replace(/\r\n?/g, '\n')
    .replace(UNPRINTABLE, escaped)
    .replace(LONE_SURROGATE, '\ufffd');
}

/** Characters that JSON permits unescaped, but that act on a terminal. */
const UNSAFE = /[\x7f-\x9f\u2028\u2029]|\p{Cf}/gu;

/** A value as JSON that is safe to print. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (char) =>
    // An astral character is a pair of escapes.
    Array.from({ length: char.length }, (_, n) => `\\u${char.charCodeAt(n).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** A number with its noun: `1 byte`, `2 bytes`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

/** Like {@link printable}, on a single line of at most `length` characters; tabs and line ends become spaces. */
export function printableLine(text: string, length = 1000): string {
  const bounded = text.length > 4 * length ? text.slice(0, 4 * length) : text;
  const clean = printable(bounded)
    .trimEnd()
    .replace(/[\t\n]/g, ' ');
  return clean.length > length ? `${clean.slice(0, length)}…` : clean;
}
