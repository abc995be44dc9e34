/** Derives a verdict from the errors and notes of a test's body. */
import { config, util } from 'chai';
import { Violation } from '../peer/violation.js';
import { Expired, LAG_SHARE } from '../xen/wait.js';
import type { Catalogue } from './catalogue.js';
import type { Level } from './requirement.js';
import { type CheckRecord, type Failure, type FailureClass, failureText, type Verdict } from './record.js';
import { Unmet } from './unmet.js';

/** A problem that was found. */
export interface Finding {
  readonly verdict: Extract<Verdict, 'warn' | 'fail' | 'error'>;
  readonly class?: FailureClass;
  readonly failure: Failure;
  /** The violated requirements; empty if only the set-up failed. */
  readonly requirements: readonly string[];
  /** Whether it was found outside of any check: the rest of the test was not reached. */
  readonly unprepared?: boolean;
  /** The stack of an error that is a bug of netifspec. */
  readonly detail?: string;
}

/** A check failed and was recorded; the test ends. */
export class CheckFailed extends Error {
  constructor(readonly finding: Finding) {
    super(failureText(finding.failure));
    this.name = 'CheckFailed';
  }
}

/** Whether `error` can be attributed to the driver under test; all other errors are the harness's own. */
export function blamesIut(error: unknown): error is Error {
  if (error instanceof Violation || error instanceof Expired || error instanceof Unmet) return true;
  return isAssertion(error);
}

/** The state of the environment, and the load of the guest. */
export interface Trouble {
  /** The failure of the environment; undefined if it works. */
  readonly cause?: Error;
  /** Whether the guest has crashed, which is the fault of the driver. */
  readonly crash: boolean;
  /** Response time of the guest in milliseconds; undefined if the guest cannot be asked. */
  readonly answerMs?: number | undefined;
}

/** The requirements that a session applies. */
export interface SessionRequirements {
  readonly catalogue: Catalogue;
  /** Whether the version of the header that the vendor claims has a requirement. */
  readonly claimed: (id: string) => boolean;
}

/**
 * The finding for an error that was thrown while `requirements` were being checked, from the error alone.
 *
 * The worst level decides: a violated MUST of the header fails as `text`, a de-facto requirement fails as `interop`, a
 * SHOULD is a warning. An error outside of any check is a set-up in which the driver under test did not take part,
 * unless the error names what it violates. A violation that a peer detected in passing counts against the requirements
 * that it names, and of those being checked only against its aspects; a violation that a check itself ran into counts
 * against both, since what the check requires did not happen. An event that did not occur also counts against the
 * requirements that demand it, unless that would make a check stricter than the requirements that the check names. A
 * violation of requirements that are all newer than the claimed version of the header is not a finding.
 */
export function judge(
  error: unknown,
  requirements: readonly string[],
  { catalogue, claimed }: SessionRequirements,
): Finding | undefined {
  if (!blamesIut(error)) {
    const finding = errorOf(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    return error instanceof Error && error.stack !== undefined ? { ...finding, detail: error.stack } : finding;
  }
  if (error instanceof Expired && error.inconclusive) {
    return errorOf(
      `${error.message}, but netifspec was paused for ${Math.round(error.lagMs)} ms without a break, ` +
        `and was ${Math.round(error.lateMs)} ms late in total: the test host is too busy; reduce its load, or raise "timeScale" in the target file`,
    );
  }
  const seen = error instanceof Violation ? error.requirements : [];
  const isAside = error instanceof Violation && error.inPassing && seen.length > 0;
  const concerned = isAside ? requirements.filter((id) => error.aspects.includes(id)) : requirements;
  const named = [...new Set([...concerned, ...seen])];
  const applied = named.filter(claimed);
  if (named.length > 0 && applied.length === 0) return undefined;
  const weighed = (ids: readonly string[]): ReturnType<typeof verdictOfLevels> =>
    verdictOfLevels(ids.map((id) => catalogue.requirement(id).level));
  const demanding = error instanceof Expired ? error.demandedBy.filter(claimed) : [];
  const all = [...new Set([...applied, ...demanding])];
  const isStricter = applied.length > 0 && weighed(all).class !== weighed(applied).class;
  const broken = isStricter ? applied : all;
  const finding = {
    failure: failureOf(error),
    requirements: broken,
    unprepared: requirements.length === 0 && !isAside,
  };
  return broken.length === 0 ? { ...finding, verdict: 'fail', class: 'setup' } : { ...finding, ...weighed(broken) };
}

/** The verdict if requirements of these levels are violated: the strongest level decides. */
export function verdictOfLevels(levels: readonly Level[]): Pick<Finding, 'verdict' | 'class'> {
  if (levels.includes('must')) return { verdict: 'fail', class: 'text' };
  if (levels.includes('de-facto')) return { verdict: 'fail', class: 'interop' };
  return { verdict: 'warn' };
}

/**
 * Adjusts a finding of {@link judge} to the state of the environment. A crash of the guest is a failure of the driver,
 * independent of the check; all other trouble is not held against the driver.
 */
export function adjustToEnvironment(finding: Finding, error: unknown, { cause, crash, answerMs }: Trouble): Finding {
  if (cause !== undefined) {
    const observed = `${cause.message}; possible consequence, seen before: ${failureText(finding.failure)}`;
    return crash ? crashOf(observed, finding.requirements) : errorOf(`${cause.name}: ${observed}`);
  }
  if (error instanceof Expired && answerMs !== undefined && answerMs > error.deadlineMs * LAG_SHARE) {
    return errorOf(
      `${error.message}, but the guest needs ${Math.round(answerMs)} ms for any reply: it is too busy; reduce its load, or raise "timeScale" in the target file`,
    );
  }
  return finding;
}

/** A finding that proves nothing about the driver. */
export function errorOf(observed: string): Finding {
  return { verdict: 'error', failure: { observed }, requirements: [] };
}

/** The finding that the guest has crashed, while `requirements` were being checked. */
export function crashOf(observed: string, requirements: readonly string[] = []): Finding {
  return { verdict: 'fail', class: 'guest-crash', failure: { observed }, requirements };
}

/** The record of a check: with its finding, or passed. */
export function checkRecord(requirements: readonly string[], finding?: Finding): CheckRecord {
  if (!finding) return { requirements, verdict: 'pass' };
  const broken = finding.requirements.length > 0 ? finding.requirements : requirements;
  return { requirements: broken, verdict: finding.verdict, failure: finding.failure };
}

/** The failure of an error that is attributed to the driver under test, as data. */
export function failureOf(error: Error & { readonly actual?: unknown }): Failure {
  if (error instanceof Expired) return { expected: oneLine(error.what), withinMs: error.deadlineMs };
  if (error instanceof Unmet) return error.failure;
  if (!isAssertion(error)) return { observed: oneLine(error.message) };
  // An assertion of chai has its subject and its predicate in its message only: "ABOUT: expected OBSERVED to …".
  const observed = display(error.actual);
  const [before = '', ...after] = error.message.split(`expected ${observed} `);
  if (after.length !== 1 || !(before === '' || before.endsWith(': '))) return { observed: oneLine(error.message) };
  const about = oneLine(before.slice(0, -2));
  return { ...(about === '' ? {} : { about }), expected: oneLine(after.join()), observed: oneLine(observed) };
}

// A list that a test compares is what its reader needs to see; the default shows lists of more than 40 characters as "[ …(4) ]".
config.truncateThreshold = 400;

/** A value as chai's messages show it; chai's types wrongly declare no return value. */
const display = (value: unknown): string => String(util.objDisplay(value as object));

function isAssertion(error: unknown): boolean {
  return error instanceof Error && error.name === 'AssertionError';
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
