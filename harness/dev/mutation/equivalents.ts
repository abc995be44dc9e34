/** Mutants of the reference drivers that no suite can tell from the original. */

export interface Equivalent {
  readonly file: string;
  /** The line of the source, without its indent. */
  readonly line: string;
  /** What StrykerJS puts in the place of its code. */
  readonly becomes: string;
  readonly reason: string;
}

export const EQUIVALENTS: readonly Equivalent[] = [];
