/** The duration of the tests of hostile drivers. */
const ATTACKS = process.env['NETIFSPEC_ATTACKS'];

export const isSoak = ATTACKS !== undefined;

/** Parameters for fast-check: a fixed seed; a soak sets the number of runs and uses a different seed each time. */
export function attackRuns(usual: number): { numRuns: number; seed?: number } {
  return ATTACKS === undefined ? { numRuns: usual, seed: 1 } : { numRuns: Number(ATTACKS) };
}
