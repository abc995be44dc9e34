/** Requests to a worker and its results: plain data, since functions can't be sent. */
import type { Role } from '../run/record.js';
import type { Outcome } from './evidence.js';

/** Runs tests against a driver. */
export interface Job {
  readonly role: Role;
  /** Id of the defect, the legal driver or the variant; without an id, the unmodified reference driver. */
  readonly driver?: string;
  /** Ids, in the order in which the tests run. */
  readonly tests: readonly string[];
  /** The driver is explored with this many random sequences instead. */
  readonly sequences?: number;
  /** Ids of tests to run afterwards in a separate session, until `kept` of the requirements `of` have been verified. */
  readonly until?: { readonly tests: readonly string[]; readonly kept: number; readonly of: readonly string[] };
}

/** An uncaught exception, or, when the job is done, the outcomes of all its tests. */
export type Answer = { readonly thrown: string } | { readonly outcomes: Outcome[] };
