/** Differences between two runs. */
import { testMessage, type TestRecord } from '../harness/run/record.js';
import { classed } from './causes.js';
import { outcome, type Group, type Outcome } from './records.js';

/** The kinds of change, worst first. If there is a regression among them, the comparison fails. */
export const CHANGES = {
  broken: 'fails or ends in an error, and was better before',
  'new-broken': 'is new, and fails or ends in an error',
  gone: 'had a result before and has none now',
  warned: 'passed before and warns now',
  'fewer-checks': 'is as expected, but checks fewer requirements than before',
  skipped: 'was executed before and is skipped now',
  fixed: 'failed or ended in an error before, and is as expected now',
  executed: 'was skipped before and is executed now',
  changed: 'has another result, no worse than before',
  new: 'is new',
} as const;
export type Kind = keyof typeof CHANGES;

/** Skips are regressions too: a test that no longer runs detects nothing. */
const REGRESSIONS: readonly Kind[] = ['broken', 'new-broken', 'gone', 'warned', 'fewer-checks', 'skipped'];

export interface Change {
  readonly kind: Kind;
  readonly target: string;
  readonly id: string;
  readonly before?: Outcome;
  readonly now?: Outcome;
  /** In one line: why the test fails, with the class of the failure, or why it is skipped. */
  readonly message?: string;
}

export function isRegression({ kind }: Pick<Change, 'kind'>): boolean {
  return REGRESSIONS.includes(kind);
}

const GOOD_OUTCOMES: readonly Outcome[] = ['passed', 'warned', 'known'];

/** What is compared of the results of a test; the rest of its record need not stay in memory. */
interface Result extends Pick<TestRecord, 'target' | 'id' | 'checks'> {
  readonly outcome: Outcome;
  readonly message?: string;
}

/** The results of a run, by target and id. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Result>>;

/** The parts of the sessions of a run that {@link diff} compares. */
export function resultsOf(groups: readonly Group[], strict: boolean): Results {
  const targets = new Map<string, Map<string, Result>>();
  for (const { session, tests } of groups) {
    const results = targets.get(session.target) ?? new Map<string, Result>();
    targets.set(session.target, results);
    for (const test of tests) {
      const { id, checks } = test;
      results.set(id, { target: session.target, id, checks, outcome: outcome(test, strict), ...messageIn(test) });
    }
  }
  return targets;
}

/** The changes from one run to another, worst kinds first; tests are matched by target and id. */
export function diff(before: Results, now: Results): Change[] {
  const changes: Change[] = [];
  for (const was of resultsIn(before)) {
    const is = now.get(was.target)?.get(was.id);
    const change = is ? changeOf(was, is) : { kind: 'gone' as const, before: was.outcome };
    if (change) changes.push({ ...change, target: was.target, id: was.id });
  }
  for (const is of resultsIn(now)) {
    if (before.get(is.target)?.has(is.id)) continue;
    const { target, id, outcome: result, message } = is;
    const isGood = result === 'skipped' || GOOD_OUTCOMES.includes(result);
    changes.push({ kind: isGood ? 'new' : 'new-broken', target, id, now: result, ...said(message) });
  }
  const order = Object.keys(CHANGES);
  return changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function* resultsIn(targets: Results): Generator<Result> {
  for (const results of targets.values()) yield* results.values();
}

function changeOf(was: Result, is: Result): Omit<Change, 'target' | 'id'> | undefined {
  const { outcome: before } = was;
  const { outcome: now } = is;
  const both = { before, now, ...said(is.message) };
  const [isGood, wasGood] = [GOOD_OUTCOMES.includes(now), GOOD_OUTCOMES.includes(before)];
  if (now === 'skipped') return before === 'skipped' ? undefined : { kind: 'skipped', ...both };
  if (!isGood) {
    // An error proves nothing about the driver.
    const found = now === 'failed' && before === 'error';
    if (wasGood || before === 'skipped' || found) return { kind: 'broken', ...both };
    return before === now ? undefined : { kind: 'changed', ...both };
  }
  if (before === 'skipped') return { kind: 'executed', ...both };
  if (!wasGood || (before === 'known' && now === 'passed')) return { kind: 'fixed', ...both };
  if (now === 'warned' && before !== 'warned') return { kind: 'warned', ...both };
  if (before !== now) return { kind: 'changed', ...both };
  if (was.checks === is.checks) return undefined;
  const [had, has] = [checksOf(was), checksOf(is)];
  const lost = [...had].filter((id) => !has.has(id));
  return lost.length > 0
    ? { kind: 'fewer-checks', before, now, message: `not checked: ${lost.join(', ')}` }
    : undefined;
}

/** The checked requirements, without their number of checks, which depends on what the driver sends and on --slow. */
const checksOf = ({ checks }: Result): Set<string> => new Set(checks.flatMap(({ requirements }) => requirements));

const said = (message: string | undefined): { message?: string } => (message === undefined ? {} : { message });

function messageIn(test: TestRecord): { message?: string } {
  return testMessage(test) === undefined && test.skip === undefined ? {} : { message: classed(test) };
}

/** The number of changes of each kind, worst kinds first, without those that have none. */
export function countChanges(changes: readonly Change[]): [Kind, number][] {
  return (Object.keys(CHANGES) as Kind[])
    .map((kind): [Kind, number] => [kind, changes.filter((change) => change.kind === kind).length])
    .filter(([, count]) => count > 0);
}
