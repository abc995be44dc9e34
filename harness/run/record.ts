/**
 * Result records: one JSON object per line in results.jsonl. All reports (terminal, JUnit, HTML) are derived from them.
 * A run of several targets is several sessions, one after the other.
 */
import type { TraceStep } from '../xen/traced.js';

/** From best to worst; see {@link worse}. */
export const VERDICTS = ['skip', 'pass', 'warn', 'fail', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * The kind of a failure: a requirement of the header, a de-facto requirement, a leaked resource, a driver that did not
 * complete the set-up of the test, a crash, or a difference from its target file.
 */
export type FailureClass = 'text' | 'interop' | 'leak' | 'setup' | 'guest-crash' | 'declared';

/** Why a test did not run. */
export type SkipClass =
  'gate' | 'spec' | 'adapter' | 'guest' | 'connection' | 'not-observed' | 'blocked' | 'not-allowed';

export const ROLES = ['frontend', 'backend'] as const;
export type Role = (typeof ROLES)[number];

/** The id of the connection test of a role; the other tests depend on it. */
export function anchorOf(role: Role): string {
  return `${role}.xenbus.connect`;
}

/** A failure as data; {@link failureText} formats it. */
export interface Failure {
  /** The subject of the check. */
  readonly about?: string;
  /** What should have arrived or been observed, or a predicate on the observation, which begins with `to`. */
  readonly expected?: string;
  /** Absent if nothing arrived. */
  readonly observed?: string;
  /** How long the check waited, in milliseconds. */
  readonly withinMs?: number;
}

/**
 * A failure in one line: `no ARP reply within 2000 ms`, `status: ERROR, expected OKAY`, `slots: expected 19 to equal 2`,
 * or the observation.
 */
export function failureText({ about, expected, observed = 'nothing', withinMs }: Failure): string {
  const subject = about === undefined ? '' : `${about}: `;
  if (expected === undefined) return subject + observed;
  if (withinMs !== undefined) return `${subject}no ${expected} within ${withinMs} ms`;
  return expected.startsWith('to ')
    ? `${subject}expected ${observed} ${expected}`
    : `${subject}${observed}, expected ${expected}`;
}

/** One check that was executed in a test, or a problem that was found outside of any check. */
export interface CheckRecord {
  /** Ids of the requirements that the check verifies; empty for a problem outside of any check. */
  readonly requirements: readonly string[];
  readonly verdict: Verdict;
  /** Absent on a pass. */
  readonly failure?: Failure;
}

export interface SessionRecord {
  readonly type: 'session';
  readonly schema: 1;
  readonly target: string;
  readonly role: Role;
  /** Version of netifspec. */
  readonly version: string;
  /** The words of the command that runs this target. */
  readonly command: readonly string[];
  /** I/N: the part of a run, if this is one of several. */
  readonly shard?: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly adapter: 'native' | 'simulated';
  /** The seed of the simulator's order of deliveries. */
  readonly seed?: number;
  /** Facts about host and driver: xen, kernel, driver, module parameters. Keys are stable, values are for people. */
  readonly facts: Readonly<Record<string, string>>;
  /** Keys that the driver advertised on the first connection. */
  readonly features: Readonly<Record<string, string>>;
  /** Number of tests that follow. */
  readonly planned: number;
  /** How many of them are rules of the monitor; absent if none are. */
  readonly rules?: number;
  /** Number of testable requirements of the claimed version that bind the role. */
  readonly requirements: number;
}

/** A key of the driver's directory that advertises a feature. */
export interface FeatureRecord {
  readonly key: string;
  /** Whether the target file declares it. */
  readonly declared: boolean;
  readonly advertised: boolean;
  /** Tests that ran because it is advertised or that are about it, without known deviations. */
  readonly passed: number;
  readonly failed: number;
}

/** A step of a sequence: its name, and what was chosen for it. */
export interface StepNote {
  readonly step: string;
  readonly args: unknown;
}

/** A sequence of steps, as a file that can be run again holds it. */
export interface Script {
  readonly role: Role;
  /** What the first connections of its two vifs negotiate. */
  readonly start: readonly unknown[];
  readonly steps: readonly StepNote[];
}

export interface TestRecord {
  readonly type: 'test';
  readonly target: string;
  /** Permanent: role.chapter.name. */
  readonly id: string;
  readonly title: string;
  readonly role: Role;
  readonly chapter: string;
  readonly verdict: Verdict;
  /** Present on fail. */
  readonly class?: FailureClass;
  /** Present on fail and error if there are more lines, such as the stack of an error. */
  readonly detail?: string;
  /** Present on skip. */
  readonly skip?: { readonly class: SkipClass; readonly reason: string };
  /** Present if an entry of the expectations file names this test. `met` is whether the result is as expected. */
  readonly expectation?: {
    readonly verdict: Verdict;
    readonly reason: string;
    readonly source: string;
    readonly link?: string;
    readonly met: boolean;
    /** Why the expectation is not met, with file and line of the entry. */
    readonly problem?: string;
  };
  /** In the order in which they ended. The last check with the verdict of the test supplies its message. */
  readonly checks: readonly CheckRecord[];
  /** Present if a problem was found outside of any check: requirements whose checks the test did not reach. */
  readonly unreached?: readonly string[];
  /** Notes without influence on the verdict. */
  readonly infos: readonly string[];
  /** Present on the comparison with the target file: what is declared and what was observed of each feature. */
  readonly features?: readonly FeatureRecord[];
  /** Number of rounds in which a race was tried: a pass says only that it did not show in that many rounds. */
  readonly rounds?: number;
  readonly durationMs: number;
  /** Present on findings of the monitor: the id of the first test with a violation. */
  readonly firstIn?: string;
  /** Present on findings of an exploration: the shortest sequence that was found to fail. */
  readonly script?: Script;
  /** Where the test is declared: file:line. */
  readonly location: string;
  /** The last steps on the vif, oldest first; present on warn, fail and error, and on request. */
  readonly trace?: readonly TraceStep[];
  /** New lines of the guest's kernel log during the test; present if there were any. */
  readonly kernelLog?: readonly string[];
}

export interface EndRecord {
  readonly type: 'end';
  readonly target: string;
  readonly finished: string;
  /** False if the run was cut short; `reason` says why. */
  readonly complete: boolean;
  readonly reason?: string;
  /** Present if another session of the run follows: its target. If the file has no such session, the run was killed. */
  readonly next?: string;
  /** Present if the run stopped at its limit of failures: tests are missing, but not because of an error. */
  readonly stoppedAfter?: number;
  /** On the simulated Xen: a digest of the order of deliveries; equal digests mean equal runs. */
  readonly order?: string;
}

export type ResultRecord = SessionRecord | TestRecord | EndRecord;

/** The message of a test that did not pass, in one line; undefined if it has none. */
export function testMessage({
  verdict,
  checks,
  expectation,
}: Pick<TestRecord, 'verdict' | 'checks' | 'expectation'>): string | undefined {
  const failure = checks.findLast((check) => check.verdict === verdict)?.failure;
  const problem = expectation?.problem === undefined ? undefined : `expectation at ${expectation.problem}`;
  if (failure === undefined) return problem;
  return failureText(failure) + (problem === undefined ? '' : ` (${problem})`);
}

/** The worse of two verdicts. */
export function worse(a: Verdict, b: Verdict): Verdict {
  return VERDICTS.indexOf(a) >= VERDICTS.indexOf(b) ? a : b;
}

/**
 * Whether a test's record is acceptable: no failure, or the one that an expectation names. With `strict`, a warn is a
 * failure.
 */
export function asExpected(record: Pick<TestRecord, 'verdict' | 'expectation'>, strict: boolean): boolean {
  if (record.expectation) return record.expectation.met;
  return record.verdict === 'pass' || record.verdict === 'skip' || (record.verdict === 'warn' && !strict);
}
