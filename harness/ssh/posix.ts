/** Quotes words for a POSIX shell, and parses facts from its output. */
import { printableLine } from '../base/text.js';

/** Quotes `arg` as one word for a POSIX shell. */
export function quotePosix(arg: string): string {
  if (arg.includes('\0')) throw new RangeError('a command line cannot contain a NUL');
  return `'${arg.replaceAll("'", `'\\''`)}'`;
}

/** Parses KEY=VALUE lines, the output of the facts script, also of Windows. Ignores all other lines. */
export function parseFacts(text: string): Record<string, string> {
  const facts = text
    .split('\n', 500)
    .map((line) => /^([a-z][\w.-]{0,63})=(.*)\r?$/.exec(line))
    .filter((match) => match !== null)
    .map(([, key = '', value = '']): [string, string] => [key, printableLine(value, 200).trim()]);
  return Object.fromEntries(facts);
}
