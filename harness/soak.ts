/** For the tests of hostile drivers: how long they go on. */
const ATTACKS = process.env['NETIFSPEC_ATTACKS'];

export const isSoak = ATTACKS !== undefined;

/** fast-check's parameters: always alike; a soak does as many runs as it's told to, and goes another way each time. */
export function attackRuns(usual: number): { numRuns: number; seed?: number } {
  return ATTACKS === undefined ? { numRuns: usual, seed: 1 } : { numRuns: Number(ATTACKS) };
}
