/** Parsers for values on the command line. */
import { UsageError } from '../base/errors.js';

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, previous: string[] = []): string[] => [...previous, value];

/** Parses an option's whole number, `least` or more. The parser throws a UsageError that names the option. */
export function whole(option: string, least: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && Number.isSafeInteger(number)) return number;
    throw new UsageError(`${option} ${value}: expected a whole number, ${least} or more`);
  };
}

/** Throws a UsageError for an argument without option, and suggests the option that was probably meant. */
export function refuseWords(command: string, [word]: readonly string[]): void {
  if (word === undefined) return;
  const option = /^!?(?:frontend|backend|\*)\./.test(word) ? '--test' : '--target';
  throw new UsageError(`${command} ${word}: unexpected argument; did you mean ${option} ${word}?`);
}
