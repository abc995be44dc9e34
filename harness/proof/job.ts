/** What a worker is asked for, and what comes back: plain data, since no function can be sent. */
import type { Role } from '../run/record.js';
import type { Outcome } from './evidence.js';

/** Runs tests against a driver. */
export interface Job {
  readonly role: Role;
  /** Id of the defect or the variant of the driver; the reference driver as it is without one. */
  readonly driver?: string;
  /** Ids, in the order in which they are to run. */
  readonly tests: readonly string[];
  /** Ids of tests that run after them, in a session of their own, until so many of the requirements were seen kept. */
  readonly until?: { readonly tests: readonly string[]; readonly kept: number; readonly of: readonly string[] };
}

/** What was thrown where nobody catches it, or, when the job is done, how all of its tests ended. */
export type Answer = { readonly thrown: string } | { readonly outcomes: Outcome[] };
