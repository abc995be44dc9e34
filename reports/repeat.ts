/** Whether runs of the same thing say the same. */
import { outcome, type Group, type Outcome } from './records.js';

/** A test that didn't come out alike in every round. */
export interface Difference {
  readonly target: string;
  readonly id: string;
  /** Its outcome to the rounds that had it, the first being round 1; a round that has no record of it is `missing`. */
  readonly rounds: ReadonlyMap<Outcome | 'missing', readonly number[]>;
}

/** The tests whose outcome differs, by target and id; `rounds` holds the sessions of each round. */
export function differences(rounds: readonly (readonly Group[])[], strict: boolean): Difference[] {
  const seen = new Map<string, { target: string; id: string; outcomes: (Outcome | undefined)[] }>();
  rounds.forEach((groups, round) => {
    for (const test of groups.flatMap((group) => group.tests)) {
      const key = `${test.target} ${test.id}`;
      const entry = seen.get(key) ?? { target: test.target, id: test.id, outcomes: [] };
      entry.outcomes[round] = outcome(test, strict);
      seen.set(key, entry);
    }
  });
  return [...seen.values()].flatMap(({ target, id, outcomes }) => {
    const byOutcome = new Map<Outcome | 'missing', number[]>();
    for (let round = 0; round < rounds.length; round++) {
      const came = outcomes[round] ?? 'missing';
      byOutcome.set(came, [...(byOutcome.get(came) ?? []), round + 1]);
    }
    return byOutcome.size > 1 ? [{ target, id, rounds: byOutcome }] : [];
  });
}

/** The differences as a table for people, a line for each, and one that says how much was compared. */
export function printDifferences(rounds: readonly (readonly Group[])[], found: readonly Difference[]): string {
  const lines = found.map(({ target, id, rounds: came }) => {
    const parts = [...came].map(([what, which]) => `${what} ${which.length} (round ${which.join(', ')})`);
    return `  ${target.padEnd(18)} ${id.padEnd(44)} ${parts.join('; ')}`;
  });
  const tests = new Set(rounds.flat().flatMap((group) => group.tests.map(({ target, id }) => `${target} ${id}`)));
  const verdict = found.length === 0 ? 'no verdict differs' : `${found.length} verdicts differ:`;
  return [`${rounds.length} rounds of ${tests.size} tests: ${verdict}`, ...lines, ''].join('\n');
}
