/** What the tests of a session show about each requirement. */
import type { Catalogue } from '../harness/run/catalogue.js';
import type { TestRecord } from '../harness/run/record.js';
import { type Requirement, standsIn, textVersion } from '../harness/run/requirement.js';
import { type Group, outcome, type Outcome } from './records.js';
import { checkOutcome, worse } from './requirement-outcomes.js';

/**
 * The result of a requirement: the worst outcome of its checks. Without a check it is `unreached` if a test failed
 * before its check, `unobserved` if no test could observe it, `untestable` if no peer can, and `unbound` if it does not
 * bind the driver.
 */
export type Standing = Exclude<Outcome, 'skipped'> | 'unreached' | 'unobserved' | 'untestable' | 'unbound';

/** The requirements that the catalogue has, and the tests that check each. */
export type Rules = Pick<Catalogue, 'requirements' | 'find' | 'checking'>;

type Tests = readonly (readonly [test: TestRecord, worst: Outcome])[];

const NONE: Tests = [];

export interface Observed {
  readonly standing: Standing;
  /** Tests with a check of the requirement, in the order of the run, and the worst outcome in each. */
  readonly tests: Tests;
  /** Why there is no result. */
  readonly why?: string;
}

/** The result of each requirement of the catalogue, and of those that only the records know. */
export function standings(group: Group, rules: Rules, strict: boolean): Map<string, Observed> {
  const checked = new Map<string, [TestRecord, Outcome][]>();
  const unreached = new Map<string, [TestRecord, Outcome][]>();
  for (const test of group.tests) {
    for (const check of test.checks) {
      const result = checkOutcome(check.verdict, test, strict);
      if (result !== 'skipped') for (const id of check.requirements) note(checked, id, test, result);
    }
    for (const id of test.unreached ?? []) note(unreached, id, test, outcome(test, strict));
  }
  const reasons = new Map(group.tests.flatMap(({ id, skip }) => (skip ? [[id, skip.reason]] : [])));
  const ids = new Set([...rules.requirements.map(({ id }) => id), ...checked.keys(), ...unreached.keys()]);
  return new Map(
    [...ids].map((id) => {
      const [tests, stopped] = [checked.get(id), unreached.get(id)];
      if (tests) return [id, { standing: tests.map(([, result]) => result).reduce(worse) as Standing, tests }];
      if (stopped) return [id, { standing: 'unreached', tests: stopped, why: 'a test failed before its check' }];
      return [id, { ...unseen(rules.find(id), group, rules, reasons), tests: NONE }];
    }),
  );
}

/** The result of a requirement without a check. */
function unseen(
  rule: Requirement | undefined,
  { session }: Group,
  rules: Rules,
  reasons: ReadonlyMap<string, string>,
): Omit<Observed, 'tests'> {
  const version = textVersion((session.facts['spec'] ?? '').split(' ', 1)[0] ?? '');
  if (!rule || ![session.role, 'both'].includes(rule.side)) return { standing: 'unbound' };
  if (version !== undefined && !standsIn(version, rule))
    return { standing: 'unbound', why: `added to the header in ${rule.since}` };
  if (rule.untestable !== undefined) return { standing: 'untestable', why: rule.untestable };
  const tests = [...rules.checking(rule.id), `${session.role}.monitor.${rule.id.toLowerCase()}`];
  const why = [...new Set(tests.flatMap((id) => reasons.get(id) ?? []))].join('; ');
  const other = rule.level === 'may' ? 'a permission: no test checks it' : 'no test of this run checks it';
  return { standing: 'unobserved', why: why || other };
}

/** Adds the result of a check; the checks of a test follow one another. */
function note(all: Map<string, [TestRecord, Outcome][]>, id: string, test: TestRecord, result: Outcome): void {
  const tests = all.get(id) ?? [];
  const last = tests.at(-1);
  if (last?.[0] === test) last[1] = worse(last[1], result);
  else tests.push([test, result]);
  all.set(id, tests);
}
