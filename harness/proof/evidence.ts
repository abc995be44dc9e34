/** What the proof is made of: how each test ended, on a correct driver and on one with a defect. */
import type { CheckRecord, TestRecord } from '../run/record.js';

/** The part of a test's record that the proof looks at. */
export type Outcome = Pick<TestRecord, 'id' | 'verdict' | 'message' | 'skip'> & {
  readonly checks: readonly Pick<CheckRecord, 'requirements' | 'verdict'>[];
  /** What it took: deliveries on the simulated Xen since the test before it. Of a machine's time no proof may depend. */
  readonly cost: number;
};

/** One run of tests against one driver. */
export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Why the run was cut short: it spun, or its process died. */
  readonly fault?: string;
}

/** What is said of a defect; its steps stay where they are. */
export interface DefectNote {
  readonly id: string;
  readonly role: TestRecord['role'];
  readonly breaks: string;
  readonly fault: string;
  readonly seen?: string;
}

/** All that was seen of one role. */
export interface Evidence {
  /** Every test of the role. */
  readonly tests: readonly string[];
  /** Requirements that the connection test verifies: every other test stands on them. */
  readonly anchored: ReadonlySet<string>;
  /** On the reference driver as it is; for a test that it skips, on the variant that has what the test needs. */
  readonly correct: Run;
  readonly defects: readonly { readonly defect: DefectNote; readonly run: Run }[];
}

/** The requirements that checks of some tests named, by how those checks ended. */
export class Seen {
  /** Named by a check that passed. */
  readonly passed = new Set<string>();
  /** Named by a check that did not. */
  readonly broken = new Set<string>();

  constructor(outcomes: readonly Outcome[] = []) {
    for (const outcome of outcomes) this.add(outcome);
  }

  add({ checks }: Outcome): void {
    for (const { requirements, verdict } of checks) {
      const seen = verdict === 'pass' ? this.passed : this.broken;
      for (const id of requirements) seen.add(id);
    }
  }

  /** How many of `requirements` were seen to be kept: a check that names them passed, and none failed. */
  kept(requirements: readonly string[]): number {
    return requirements.filter((id) => this.passed.has(id) && !this.broken.has(id)).length;
  }
}

/** The tests of a run that a check of `requirement` failed, or of any. That the set-up failed proves nothing. */
export function failedBy(run: Run, requirement?: string): string[] {
  return run.outcomes
    .filter(({ checks }) =>
      checks.some(
        ({ verdict, requirements }) =>
          (verdict === 'fail' || verdict === 'warn') &&
          (requirement === undefined || requirements.includes(requirement)),
      ),
    )
    .map(({ id }) => id);
}
