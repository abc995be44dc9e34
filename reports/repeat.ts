/** Differences between repeated runs. */
import type { TestRecord } from '../harness/run/record.js';
import { outcome, type Outcome } from './records.js';

/** The parts of a result that are compared. */
export type Result = Pick<TestRecord, 'target' | 'id' | 'verdict' | 'expectation'>;

/** A test whose outcome differs between rounds. */
export interface Difference {
  readonly target: string;
  readonly id: string;
  /** The rounds of each outcome, from round 1; `missing` means a round without a record of the test. */
  readonly rounds: ReadonlyMap<Outcome | 'missing', readonly number[]>;
}

/** The tests whose outcome differs, by target and id; `rounds` has the results of each round. */
export function differences(rounds: readonly (readonly Result[])[], strict: boolean): Difference[] {
  const seen = new Map<string, { target: string; id: string; outcomes: (Outcome | undefined)[] }>();
  rounds.forEach((results, round) => {
    for (const test of results) {
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

/** Maximum number of rounds named in a line of the table. */
const NAMED = 5;

/**
 * A table of the differences for people, with a line for each, and the extent of the comparison. `unit` is the word for
 * a round.
 */
export function printDifferences(
  rounds: readonly (readonly Result[])[],
  found: readonly Difference[],
  unit: 'round' | 'seed',
): string {
  const lines = found.map(({ target, id, rounds: came }) => {
    const parts = [...came].map(([what, which]) => {
      const more = which.length > NAMED ? ', …' : '';
      return `${what} ${which.length} (${unit} ${which.slice(0, NAMED).join(', ')}${more})`;
    });
    return `  ${target.padEnd(18)} ${id.padEnd(44)} ${parts.join('; ')}`;
  });
  const tests = new Set(rounds.flat().map(({ target, id }) => `${target} ${id}`));
  const verdict =
    found.length === 0
      ? 'no verdict differs'
      : `${found.length} ${found.length === 1 ? 'verdict differs' : 'verdicts differ'}:`;
  return [`${rounds.length} ${unit}s of ${tests.size} tests: ${verdict}`, ...lines, ''].join('\n');
}
