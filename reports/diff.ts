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

export function isRegression({ kind }: Change): boolean {
  return REGRESSIONS.includes(kind);
}

const GOOD_OUTCOMES: readonly Outcome[] = ['passed', 'warned', 'known'];

/** The changes from one run to another, worst kinds first; tests are matched by target and id. */
export function diff(before: readonly Group[], now: readonly Group[], strict: boolean): Change[] {
  const [old, present] = [byName(before), byName(now)];
  const changes: Change[] = [];
  for (const [name, [target, was]] of old) {
    const is = present.get(name)?.[1];
    const change = is ? changeOf(was, is, strict) : { kind: 'gone' as const, before: outcome(was, strict) };
    if (change) changes.push({ ...change, target, id: was.id });
  }
  for (const [name, [target, is]] of present) {
    if (old.has(name)) continue;
    const result = outcome(is, strict);
    const isGood = result === 'skipped' || GOOD_OUTCOMES.includes(result);
    changes.push({ kind: isGood ? 'new' : 'new-broken', target, id: is.id, now: result, ...messageIn(is) });
  }
  const order = Object.keys(CHANGES);
  return changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function changeOf(was: TestRecord, is: TestRecord, strict: boolean): Omit<Change, 'target' | 'id'> | undefined {
  const [before, now] = [outcome(was, strict), outcome(is, strict)];
  const both = { before, now, ...messageIn(is) };
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
  const [had, has] = [checksOf(was), checksOf(is)];
  const lost = [...had].filter((id) => !has.has(id));
  return lost.length > 0
    ? { kind: 'fewer-checks', before, now, message: `not checked: ${lost.join(', ')}` }
    : undefined;
}

/** The checked requirements, without their number of checks, which depends on what the driver sends and on --slow. */
const checksOf = ({ checks }: TestRecord): Set<string> => new Set(checks.flatMap(({ requirements }) => requirements));

function messageIn(test: TestRecord): { message?: string } {
  return testMessage(test) === undefined && test.skip === undefined ? {} : { message: classed(test) };
}

function byName(groups: readonly Group[]): Map<string, [target: string, test: TestRecord]> {
  return new Map(
    groups.flatMap(({ session, tests }) =>
      tests.map((test) => [`${session.target} ${test.id}`, [session.target, test]] as const),
    ),
  );
}

/** A line for each change, in a format for grep, and a line with the counts. */
export function printDiff(changes: readonly Change[]): string {
  const lines = changes.map(({ kind, target, id, before, now, message }) => {
    const outcomes = [before, now].filter(Boolean).join(' -> ');
    return `${kind.toUpperCase().padEnd(13)}${target.padEnd(18)} ${id.padEnd(44)} ${outcomes}${message ? `  ${message}` : ''}`;
  });
  const counts = (Object.keys(CHANGES) as Kind[])
    .map((kind) => [kind, changes.filter((change) => change.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  return [...lines, counts.length === 0 ? 'no difference' : counts.join(', '), ''].join('\n');
}
