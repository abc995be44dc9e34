/** The evidence of the proof: the verdict of each test on correct drivers and on drivers with a defect. */
import type { CheckRecord, TestRecord } from '../run/record.js';
import type { Unprovable } from './unprovable.js';

/** The part of a test's record that the proof uses. */
export type Outcome = Pick<TestRecord, 'id' | 'verdict' | 'skip'> & {
  /** Why it did not pass, in one line. */
  readonly message?: string;
  readonly checks: readonly Pick<CheckRecord, 'requirements' | 'verdict'>[];
  /** Deliveries on the simulated Xen since the previous test. The proof must not depend on real time. */
  readonly cost: number;
};

/** One run of tests against one driver. */
export interface Run {
  readonly outcomes: readonly Outcome[];
  /** Why the run was cut short: it did not end, or its process died. */
  readonly fault?: string;
}

/** A defect without its steps, which can't be sent between processes. */
export interface DefectNote {
  readonly id: string;
  readonly role: TestRecord['role'];
  readonly breaks: string;
  readonly fault: string;
  readonly seen?: string;
  readonly shownIn?: string;
}

/** A legal driver without its steps. */
export interface LegalNote {
  readonly id: string;
  readonly role: TestRecord['role'];
  /** Whether it combines all choices of one real driver. */
  readonly persona: boolean;
  readonly choice: string;
  /** Requirements of level should that it breaks. */
  readonly warns: readonly string[];
}

/** The evidence for one role. */
export interface Evidence {
  readonly role: TestRecord['role'];
  /** Requirements that bind the role. */
  readonly bound: readonly string[];
  /** The requirements of the role that no defect can prove. */
  readonly unprovable: readonly Unprovable[];
  /** Every test of the role. */
  readonly tests: readonly string[];
  /** Requirements that the connection test verifies: every other test depends on them. */
  readonly anchored: ReadonlySet<string>;
  /** Verdicts on the reference driver; for a test that it skips, on the variant that has the necessary features. */
  readonly correct: Run;
  readonly defects: readonly { readonly defect: DefectNote; readonly run: Run }[];
  /** Every test against each legal driver. */
  readonly legal: readonly { readonly driver: LegalNote; readonly run: Run }[];
}

/** The requirements that the checks of some tests name, by the result of the checks. */
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

  /** How many of `requirements` were verified: a check that names the requirement passed, and none failed. */
  kept(requirements: readonly string[]): number {
    return requirements.filter((id) => this.passed.has(id) && !this.broken.has(id)).length;
  }
}

/** The tests of a run in which a check of `requirement` (default: any check) failed. A failed set-up proves nothing. */
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
