/** The figures and rows of the proof: the contents of `validate.json` and of the reports. */
import type { Role, Verdict } from '../run/record.js';
import { type DefectNote, type Evidence, failedBy } from './evidence.js';
import { type Hole, holes } from './rules.js';
import type { Unprovable } from './unprovable.js';

export interface Proof {
  readonly tests: number;
  readonly defects: number;
  /** Defects that a check of the requirement which they break has caught. */
  readonly killed: number;
  /** Defects that mirror a bug of a real driver. */
  readonly seen: number;
  readonly holes: readonly Hole[];
  /** How many requirements bind the role. */
  readonly bound: number;
  /** Requirements that no defect proves, with the reason. */
  readonly unprovable: readonly Unprovable[];
  /** Each legal driver, and the tests that fail or warn on it. */
  readonly legal: readonly {
    readonly id: string;
    readonly role: Role;
    readonly persona: boolean;
    readonly choice: string;
    readonly fails: readonly string[];
    readonly warns: readonly string[];
  }[];
  readonly matrix: {
    /** Each test, its verdict on the correct driver, and the defects that it fails. */
    readonly tests: readonly { readonly id: string; readonly verdict: Verdict | 'none'; readonly failedBy: string[] }[];
    /** Each defect, and the tests that catch it by a check of the requirement which it breaks. */
    readonly defects: readonly (DefectNote & { readonly caughtBy: string[] })[];
  };
}

/** The conclusions from the evidence. */
export function proofOf(evidence: readonly Evidence[]): Proof {
  const tests = evidence.flatMap(({ tests, correct, defects }) => {
    const verdicts = new Map(correct.outcomes.map(({ id, verdict }) => [id, verdict]));
    const failures = defects.map(({ defect, run }) => ({ id: defect.id, failed: new Set(failedBy(run)) }));
    return tests.map((id) => ({
      id,
      verdict: verdicts.get(id) ?? ('none' as const),
      failedBy: failures.filter(({ failed }) => failed.has(id)).map((failure) => failure.id),
    }));
  });
  const defects = evidence.flatMap((each) =>
    each.defects.map(({ defect, run }) => ({ ...defect, caughtBy: failedBy(run, defect.breaks) })),
  );
  return {
    tests: tests.length,
    defects: defects.length,
    killed: defects.filter(({ caughtBy }) => caughtBy.length > 0).length,
    seen: defects.filter(({ seen }) => seen !== undefined).length,
    holes: evidence.flatMap(holes),
    bound: evidence.flatMap(({ bound }) => bound).length,
    unprovable: evidence.flatMap(({ unprovable }) => unprovable),
    legal: evidence.flatMap(({ legal }) =>
      legal.map(({ driver: { id, role, persona, choice }, run: { outcomes } }) => ({
        id,
        role,
        persona,
        choice,
        fails: outcomes.filter(({ verdict }) => verdict === 'fail' || verdict === 'error').map((each) => each.id),
        warns: outcomes.filter(({ verdict }) => verdict === 'warn').map((each) => each.id),
      })),
    ),
    matrix: { tests, defects },
  };
}

/** The proof of one chapter of a role. */
export interface ChapterRow {
  readonly role: Role;
  readonly chapter: string;
  readonly tests: number;
  /** Tests that pass on the correct driver. */
  readonly pass: number;
  /** Tests that a defect fails. */
  readonly canFail: number;
  readonly defects: number;
  readonly killed: number;
  readonly seen: number;
  readonly holes: number;
}

/** The proof by chapter, in the order of the tests; an id begins with role and chapter. */
export function byChapter({ matrix, holes }: Proof): ChapterRow[] {
  const nameOf = ({ id }: { readonly id: string }): string => id.split('.').slice(0, 2).join('.');
  const names = new Set([...matrix.tests, ...matrix.defects].map(nameOf));
  return [...names].sort().map((name) => {
    const [role, chapter = ''] = name.split('.');
    const tests = matrix.tests.filter((test) => nameOf(test) === name);
    const defects = matrix.defects.filter((defect) => nameOf(defect) === name);
    return {
      role: role === 'frontend' ? 'frontend' : 'backend',
      chapter,
      tests: tests.length,
      pass: tests.filter(({ verdict }) => verdict === 'pass').length,
      canFail: tests.filter(({ failedBy }) => failedBy.length > 0).length,
      defects: defects.length,
      killed: defects.filter(({ caughtBy }) => caughtBy.length > 0).length,
      seen: defects.filter(({ seen }) => seen !== undefined).length,
      holes: holes.filter(({ subject }) => nameOf({ id: subject }) === name).length,
    };
  });
}
