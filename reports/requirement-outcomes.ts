/** The results of the requirements in a run. */
import type { TestRecord, Verdict } from '../harness/run/record.js';
import { type Outcome, OUTCOMES } from './records.js';

/** The worst result of the checks of each requirement. */
export function requirementOutcomes(tests: readonly TestRecord[], strict: boolean): Map<string, Outcome> {
  const results = new Map<string, Outcome>();
  for (const test of tests) {
    for (const { verdict, requirements } of test.checks) {
      const result = checkOutcome(verdict, test, strict);
      for (const id of requirements) {
        results.set(id, worse(results.get(id) ?? result, result));
      }
    }
  }
  return results;
}

const WORDS = { pass: 'passed', skip: 'skipped', warn: 'warned', fail: 'failed', error: 'error' } as const;

/** A failed check counts as known if an expectation of its test is met. */
export function checkOutcome(verdict: Verdict, { expectation }: TestRecord, strict: boolean): Outcome {
  if (verdict === 'pass' || verdict === 'skip') return WORDS[verdict];
  if (expectation?.met) return 'known';
  return verdict === 'warn' && strict ? 'failed' : WORDS[verdict];
}

/** The worse of two results. */
export function worse(a: Outcome, b: Outcome): Outcome {
  return OUTCOMES.indexOf(b) < OUTCOMES.indexOf(a) ? b : a;
}
