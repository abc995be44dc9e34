/** Results of many runs: for each target the trend, and since when tests and requirements fail. */
import type { Role, TestRecord } from '../harness/run/record.js';
import { classed } from './causes.js';
import { requirementOutcomes } from './requirement-outcomes.js';
import { outcome, type Group, type Outcome, shortfall, summarise } from './records.js';

/** A run of a target. */
export interface RunSummary {
  /** ISO 8601, UTC; identifies the run. */
  readonly started: string;
  readonly netifspec: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly passed: number;
  readonly warned: number;
  readonly failed: number;
  readonly errors: number;
  readonly known: number;
  readonly skipped: number;
  readonly requirementsChecked: number;
  /** Share of the tests with a verdict on the driver whose result is as expected, from 0 to 1; null if there are none. */
  readonly passRate: number | null;
  /** Total duration of the tests. */
  readonly durationMs: number;
  /** Why the run is incomplete. */
  readonly problem?: string;
}

/** The results of a test or of a requirement in all runs of a target. */
export interface Series {
  readonly id: string;
  /** For each run; null if the run has no result. */
  readonly outcomes: readonly (Outcome | null)[];
  /** Like that of a run. */
  readonly passRate: number | null;
  /** See {@link isFlaky}. */
  readonly flaky: boolean;
  /** If the last verdict is a failure: start of the first run of this row of failures. */
  readonly failsSince?: string;
  /** Message of the last failure or error. */
  readonly message?: string;
  /** Median duration where the test was executed; absent for requirements. */
  readonly medianMs?: number;
}

export interface TargetHistory {
  readonly target: string;
  readonly role: Role;
  /** Oldest first. */
  readonly runs: readonly RunSummary[];
  readonly tests: readonly Series[];
  readonly requirements: readonly Series[];
}

/** A result in one run, reduced to what a history needs. */
interface Point {
  readonly outcome: Outcome;
  readonly ms?: number;
  readonly message?: string;
}
type Points = ReadonlyMap<string, Point>;

interface Run {
  readonly summary: RunSummary;
  readonly tests: Points;
  readonly requirements: Points;
}

/**
 * The history of each target, in the order in which they first occur. The records of a session are not kept, so that
 * `sessions` can be read one after the other. A session that occurs twice counts once.
 */
export function history(sessions: Iterable<Group>, strict: boolean): TargetHistory[] {
  const targets = new Map<string, { target: string; role: Role; runs: Map<string, Run> }>();
  for (const group of sessions) {
    const { target, role, started } = group.session;
    const key = `${role} ${target}`;
    const known = targets.get(key) ?? { target, role, runs: new Map<string, Run>() };
    targets.set(key, known);
    known.runs.set(started, runOf(group, strict));
  }
  return [...targets.values()].map(({ target, role, runs }) => {
    const sorted = [...runs.values()].sort((a, b) => (a.summary.started < b.summary.started ? -1 : 1));
    return {
      target,
      role,
      runs: sorted.map(({ summary }) => summary),
      tests: seriesOf(sorted, ({ tests }) => tests),
      requirements: seriesOf(sorted, ({ requirements }) => requirements).sort((a, b) =>
        a.id.localeCompare(b.id, 'en', { numeric: true }),
      ),
    };
  });
}

function runOf(group: Group, strict: boolean): Run {
  const { session, tests } = group;
  const { passed, warned, failed, errors, expected, skipped, checked } = summarise(group, strict);
  const problem = shortfall(group);
  return {
    summary: {
      started: session.started,
      netifspec: session.version,
      facts: session.facts,
      passed,
      warned,
      failed,
      errors,
      known: expected,
      skipped: [...skipped.values()].reduce((sum, count) => sum + count, 0),
      requirementsChecked: checked,
      passRate: passRate(tests.map((test) => outcome(test, strict))),
      durationMs: tests.reduce((sum, { durationMs }) => sum + durationMs, 0),
      ...(problem === undefined ? {} : { problem }),
    },
    tests: new Map(tests.map((test) => [test.id, pointOf(test, strict)])),
    requirements: new Map([...requirementOutcomes(tests, strict)].map(([id, result]) => [id, { outcome: result }])),
  };
}

function pointOf(test: TestRecord, strict: boolean): Point {
  const result = outcome(test, strict);
  return {
    outcome: result,
    ...(test.verdict === 'skip' ? {} : { ms: test.durationMs }),
    ...(result === 'failed' || result === 'error' ? { message: classed(test) } : {}),
  };
}

function seriesOf(runs: readonly Run[], pointsOf: (run: Run) => Points): Series[] {
  const ids = new Set(runs.flatMap((run) => [...pointsOf(run).keys()]));
  return [...ids].map((id) => {
    const points = runs.map((run) => pointsOf(run).get(id));
    const outcomes = points.map((point) => point?.outcome ?? null);
    const since = failsSince(outcomes);
    const message = points.findLast((point) => point?.message !== undefined)?.message;
    const durations = points.flatMap((point) => point?.ms ?? []).sort((a, b) => a - b);
    const medianMs = durations[durations.length >> 1];
    return {
      id,
      outcomes,
      passRate: passRate(outcomes),
      flaky: isFlaky(outcomes),
      ...(since === undefined ? {} : { failsSince: runs[since]?.summary.started ?? '' }),
      ...(message === undefined ? {} : { message }),
      ...(medianMs === undefined ? {} : { medianMs }),
    };
  });
}

type Outcomes = readonly (Outcome | null)[];

/** Whether an outcome is good or bad for the driver; an error or a skip says nothing about it. */
function judgement(result: Outcome | null): 'good' | 'bad' | undefined {
  if (result === 'failed') return 'bad';
  return result === 'passed' || result === 'warned' || result === 'known' ? 'good' : undefined;
}

function passRate(outcomes: Outcomes): number | null {
  const verdicts = outcomes.map(judgement).filter((each) => each !== undefined);
  const good = verdicts.filter((each) => each === 'good').length;
  return verdicts.length === 0 ? null : Number((good / verdicts.length).toFixed(4));
}

/** The index of the first run in the row of failures that lasts until the last verdict. */
function failsSince(outcomes: Outcomes): number | undefined {
  let since: number | undefined;
  for (const [index, result] of outcomes.entries()) {
    const verdict = judgement(result);
    if (verdict === 'good') since = undefined;
    else if (verdict === 'bad') since ??= index;
  }
  return since;
}

/**
 * Whether a result looks like chance: it was bad in a single run between good ones, or it changed at least three times.
 * A regression that lasted for several runs until it was fixed is not flaky.
 */
export function isFlaky(outcomes: Outcomes): boolean {
  const rows: { verdict: 'good' | 'bad'; length: number }[] = [];
  for (const result of outcomes) {
    const verdict = judgement(result);
    if (verdict === undefined) continue;
    const last = rows.at(-1);
    if (last?.verdict === verdict) last.length++;
    else rows.push({ verdict, length: 1 });
  }
  return rows.length >= 4 || rows.slice(1, -1).some(({ verdict, length }) => verdict === 'bad' && length === 1);
}
