/** What changed between two runs. */
import type { TestRecord } from '../harness/run/record.js';
import { outcome, type Group, type Outcome } from './records.js';

/** The kinds of change, the worst first; those that are regressions make the comparison fail. */
export const CHANGES = {
  broken: 'fails now or ends in an error, and came out better before',
  'new-broken': 'new, and does not come out well',
  gone: 'has no result any more',
  warned: 'passed before and warns now',
  'fewer-checks': 'comes out well, but checks less than before',
  skipped: 'was executed before and is skipped now',
  mended: 'did not come out well before and does now',
  executed: 'was skipped before and is executed now',
  changed: 'came out otherwise, no worse',
  new: 'new',
} as const;
export type Kind = keyof typeof CHANGES;

/** Skips are regressions too: a test that does not run any more guards nothing. */
const REGRESSIONS: readonly Kind[] = ['broken', 'new-broken', 'gone', 'warned', 'fewer-checks', 'skipped'];

export interface Change {
  readonly kind: Kind;
  readonly target: string;
  readonly id: string;
  readonly before?: Outcome;
  readonly now?: Outcome;
  /** What is to be said of it, on one line. */
  readonly message?: string;
}

export function isRegression({ kind }: Change): boolean {
  return REGRESSIONS.includes(kind);
}

const WELL: readonly Outcome[] = ['passed', 'warned', 'known'];

/** The changes from one run to another, the worst kinds first; tests go by target and id. */
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
    const came = outcome(is, strict);
    const well = came === 'skipped' || WELL.includes(came);
    changes.push({ kind: well ? 'new' : 'new-broken', target, id: is.id, now: came, ...said(is) });
  }
  const order = Object.keys(CHANGES);
  return changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function changeOf(was: TestRecord, is: TestRecord, strict: boolean): Omit<Change, 'target' | 'id'> | undefined {
  const [before, now] = [outcome(was, strict), outcome(is, strict)];
  const both = { before, now, ...said(is) };
  const [well, wasWell] = [WELL.includes(now), WELL.includes(before)];
  if (now === 'skipped') return before === 'skipped' ? undefined : { kind: 'skipped', ...both };
  if (!well) {
    // What ended in an error before said nothing of the driver.
    const found = now === 'failed' && before === 'error';
    if (wasWell || before === 'skipped' || found) return { kind: 'broken', ...both };
    return before === now ? undefined : { kind: 'changed', ...both };
  }
  if (before === 'skipped') return { kind: 'executed', ...both };
  if (!wasWell || (before === 'known' && now === 'passed')) return { kind: 'mended', ...both };
  if (now === 'warned' && before !== 'warned') return { kind: 'warned', ...both };
  if (before !== now) return { kind: 'changed', ...both };
  const [had, has] = [checksOf(was), checksOf(is)];
  const lost = [...had].filter((id) => !has.has(id));
  return lost.length > 0
    ? { kind: 'fewer-checks', before, now, message: `not checked: ${lost.join(', ')}` }
    : undefined;
}

/** What was checked. How often follows from what the driver sends, and from --slow. */
const checksOf = ({ checks }: TestRecord): Set<string> => new Set(checks.flatMap(({ requirements }) => requirements));

function said({ message, skip }: TestRecord): { message?: string } {
  const text = message ?? skip?.reason;
  return text === undefined ? {} : { message: text.split('\n', 1)[0] ?? '' };
}

function byName(groups: readonly Group[]): Map<string, [target: string, test: TestRecord]> {
  return new Map(
    groups.flatMap(({ session, tests }) =>
      tests.map((test) => [`${session.target} ${test.id}`, [session.target, test]] as const),
    ),
  );
}

/** A line for each change, made to be searched, and one that counts them. */
export function printDiff(changes: readonly Change[]): string {
  const lines = changes.map(({ kind, target, id, before, now, message }) => {
    const came = [before, now].filter(Boolean).join(' -> ');
    return `${kind.toUpperCase().padEnd(13)}${target.padEnd(18)} ${id.padEnd(44)} ${came}${message ? `  ${message}` : ''}`;
  });
  const counts = (Object.keys(CHANGES) as Kind[])
    .map((kind) => [kind, changes.filter((change) => change.kind === kind).length] as const)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`);
  return [...lines, counts.length === 0 ? 'no difference' : counts.join(', '), ''].join('\n');
}
