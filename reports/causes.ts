/** Groups failures by cause, so that a cause of many failures is reported once. */
import type { TestRecord } from '../harness/run/record.js';
import { headline } from './explain.js';
import { outcome } from './records.js';
import { VARYING } from './varying.js';

/** Tests that failed, or ended in an error, for the same reason. */
export interface Cause {
  readonly outcome: 'failed' | 'error';
  /** See {@link classOf}. */
  readonly class: string;
  /**
   * First line of the message; if the messages of the tests differ in numbers that vary between runs, `N` replaces
   * these.
   */
  readonly message: string;
  /** In the order of the run; never empty. */
  readonly tests: readonly TestRecord[];
}

/** Class of a test with an unexpected result: that of its failure, or else the reason why it counts as one. */
export function classOf({ class: failure, verdict, expectation }: TestRecord): string {
  return failure ?? (verdict === 'error' ? 'environment' : expectation ? 'expectation' : verdict);
}

/** The message of a test in one line; for a failure, it begins with its class. */
export function classed(test: TestRecord): string {
  return test.class === undefined ? headline(test) : `${test.class}: ${headline(test)}`;
}

/** A key that is equal for all tests of a cause. */
export function causeKey(test: TestRecord): string {
  return `${classOf(test)}: ${normalised(test)}`;
}

/** The causes of all failures and errors, by decreasing number of tests. */
export function causes(tests: readonly TestRecord[], strict: boolean): Cause[] {
  const groups = new Map<string, { outcome: Cause['outcome']; tests: TestRecord[] }>();
  for (const test of tests) {
    const result = outcome(test, strict);
    if (result !== 'failed' && result !== 'error') continue;
    const key = `${result} ${causeKey(test)}`;
    const group = groups.get(key) ?? { outcome: result, tests: [] };
    group.tests.push(test);
    groups.set(key, group);
  }
  return [...groups.values()]
    .flatMap(({ outcome: result, tests: [first, ...others] }): Cause[] => {
      if (!first) return [];
      const same = others.every((test) => headline(test) === headline(first));
      const message = same ? headline(first) : normalised(first);
      return [{ outcome: result, class: classOf(first), message, tests: [first, ...others] }];
    })
    .sort((a, b) => b.tests.length - a.tests.length);
}

/** A cause in one line: number of tests, class, message and first test. */
export function causeLine({ class: failure, message, tests }: Cause): string {
  const [count, where] = tests.length === 1 ? ['1 test', 'in'] : [`${tests.length} tests`, 'first in'];
  return `${count}: ${failure}: ${message} (${where} ${tests[0]?.id})`;
}

function normalised(test: TestRecord): string {
  return headline(test).replace(VARYING, 'N');
}
