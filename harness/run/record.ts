/**
 * Result records: the truth of a run, one JSON object a line in results.jsonl. Everything else (terminal, JUnit, HTML)
 * is derived from them. A run of several targets is several sessions, one after the other.
 */
import type { TraceStep } from '../xen/traced.js';

/** Worst wins: see {@link worse}. */
export const VERDICTS = ['skip', 'pass', 'warn', 'fail', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * Whose rule was broken: the header's text, what every driver does, a resource kept, an IUT that did not get far enough
 * to be judged, a crash, or what its own target file says of it.
 */
export type FailureClass = 'text' | 'interop' | 'leak' | 'setup' | 'guest-crash' | 'declared';

/** Why a test did not run. */
export type SkipClass =
  'gate' | 'spec' | 'adapter' | 'guest' | 'connection' | 'not-observed' | 'blocked' | 'not-allowed';

export type Role = 'backend' | 'frontend';

/** The id of the connection test, on which the others of a role stand. */
export function anchorOf(role: Role): string {
  return `${role}.xenbus.connect`;
}

/** One check that was executed inside a test. */
export interface CheckRecord {
  /** Requirement ids that the check verifies. */
  readonly requirements: readonly string[];
  readonly verdict: Verdict;
  /** What was expected and what was seen; absent on a pass. */
  readonly message?: string;
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
  /** I/N: the part of a run that this is, where it's one of several. */
  readonly shard?: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly adapter: 'native' | 'simulated';
  /** Order of deliveries in the simulator. */
  readonly seed?: number;
  /** Facts of host and IUT: xen, kernel, driver, module parameters. Keys are stable words, values are for people. */
  readonly facts: Readonly<Record<string, string>>;
  /** Keys that the IUT advertised on the first connection. */
  readonly features: Readonly<Record<string, string>>;
  /** How many tests will follow. */
  readonly planned: number;
  /** How many statements of the claimed text bind the role and can be tested. */
  readonly statements: number;
}

/** A key of the driver's directory that stands for something it can do. */
export interface FeatureRecord {
  readonly key: string;
  /** The target file names it. */
  readonly declared: boolean;
  readonly advertised: boolean;
  /** Tests that ran because it's advertised, or are about it; known deviations aside. */
  readonly passed: number;
  readonly failed: number;
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
  /** Present on warn, fail and error: one line for people. */
  readonly message?: string;
  /** Present on fail and error where there is more to say: stack of an error, several lines. */
  readonly detail?: string;
  /** Present on skip. */
  readonly skip?: { readonly class: SkipClass; readonly reason: string };
  /** Present when an entry of the expectations file named this test. `met` tells whether it came as expected. */
  readonly expectation?: {
    readonly verdict: Verdict;
    readonly reason: string;
    readonly source: string;
    readonly link?: string;
    readonly met: boolean;
  };
  readonly checks: readonly CheckRecord[];
  /** Present on a failure of class `setup`: the requirements whose checks the test didn't come to. */
  readonly unreached?: readonly string[];
  /** Notes that are no verdict. */
  readonly infos: readonly string[];
  /** Present on the comparison of what the target file declares: what was said and seen of each feature. */
  readonly features?: readonly FeatureRecord[];
  /** How often a race was tried that may not show: a pass says no more than that it did not in so many rounds. */
  readonly rounds?: number;
  readonly durationMs: number;
  /** Where the test stands: file:line. */
  readonly location: string;
  /** The last things that happened on the vif, oldest first; present on warn, fail and error, and where it was asked for. */
  readonly trace?: readonly TraceStep[];
  /** New lines of the guest's kernel log during the test; present where there were any. */
  readonly kernelLog?: readonly string[];
}

export interface EndRecord {
  readonly type: 'end';
  readonly target: string;
  readonly finished: string;
  /** False if the run was cut short; `reason` tells by what. */
  readonly complete: boolean;
  readonly reason?: string;
  /** On the simulated Xen: a digest of the order of deliveries; two runs with the same one went the same way. */
  readonly order?: string;
}

export type ResultRecord = SessionRecord | TestRecord | EndRecord;

/** The worse of two verdicts. */
export function worse(a: Verdict, b: Verdict): Verdict {
  return VERDICTS.indexOf(a) >= VERDICTS.indexOf(b) ? a : b;
}

/**
 * Whether a test's record is what the user asked for: no failure, or the one that an expectation named.
 * `strict` makes a warn count as a failure.
 */
export function asExpected(record: Pick<TestRecord, 'verdict' | 'expectation'>, strict: boolean): boolean {
  if (record.expectation) return record.expectation.met;
  return record.verdict === 'pass' || record.verdict === 'skip' || (record.verdict === 'warn' && !strict);
}
