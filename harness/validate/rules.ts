/** The rules that the evidence must satisfy; each unsatisfied rule is a hole. */
import { type DefectNote, type Evidence, failedBy, type LegalNote, type Outcome, type Run, Seen } from './evidence.js';

/** The share of the other requirements that the driver with a defect must be seen to keep. */
export const KEPT_SHARE = 0.8;

/** The rules, in the order in which they are checked. */
export const RULES = {
  'passes-correct': 'each test passes on the correct driver',
  'can-fail': 'each test is failed by at least one defect, in a check',
  caught: 'each defect is caught by a check that names its requirement',
  narrow: `each defect leaves at least ${KEPT_SHARE * 100} % of the other requirements kept`,
  proved:
    'each requirement is broken by a defect that is caught, or is listed as unprovable, for each role that it binds',
  acquits: 'no test fails a legal driver, or warns of a requirement that it does not list',
  'no-error': 'nothing ends in an error, spins or dies',
} as const;

/** An unsatisfied rule, and the test or defect that breaks it. */
export interface Hole {
  readonly rule: keyof typeof RULES;
  /** Id of the test, of the defect or legal driver, or of the requirement. */
  readonly subject: string;
  readonly message: string;
}

/** The holes in the proof of one role. */
export function holes(evidence: Evidence): Hole[] {
  return [
    ...testHoles(evidence),
    ...evidence.defects.flatMap(({ defect, run }) => defectHoles(evidence, defect, run)),
    ...requirementHoles(evidence),
    ...evidence.legal.flatMap(({ driver, run }) => legalHoles(driver, run)),
  ];
}

/** Requirements of the role that a defect isn't about, and how many of them its driver must be seen to keep. */
export function others(correct: Run, breaks: string): { of: string[]; kept: number } {
  const of = [...new Seen(correct.outcomes).passed].filter((id) => id !== breaks);
  return { of, kept: Math.ceil(of.length * KEPT_SHARE) };
}

function testHoles({ tests, correct, defects }: Evidence): Hole[] {
  const found: Hole[] = [];
  if (correct.fault !== undefined) found.push({ rule: 'no-error', subject: 'correct driver', message: correct.fault });
  const outcomes = new Map(correct.outcomes.map((outcome) => [outcome.id, outcome]));
  for (const subject of tests) {
    const outcome = outcomes.get(subject);
    if (outcome?.verdict === 'pass') continue;
    const message = outcome ? `${outcome.verdict}: ${reason(outcome)}` : 'it was not run';
    found.push({ rule: 'passes-correct', subject, message });
  }
  const failed = new Set(defects.flatMap(({ run }) => failedBy(run)));
  for (const subject of tests) {
    if (!failed.has(subject)) found.push({ rule: 'can-fail', subject, message: 'no defect fails it' });
  }
  return found;
}

function defectHoles(evidence: Evidence, defect: DefectNote, run: Run): Hole[] {
  const subject = defect.id;
  const found: Hole[] = [];
  if (failedBy(run, defect.breaks).length === 0) {
    const others = run.outcomes.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn');
    const seen = others.map((outcome) => `${outcome.id}: ${reason(outcome)}`).join('; ') || 'no test fails';
    found.push({ rule: 'caught', subject, message: `no check of ${defect.breaks} fails (${seen})` });
  }
  // A defect that prevents every plain connection can't be tested for anything else.
  if (!evidence.anchored.has(defect.breaks)) {
    const { of, kept } = others(evidence.correct, defect.breaks);
    const seen = new Seen(run.outcomes);
    const count = seen.kept(of);
    if (count < kept) {
      const broken = [...seen.broken].filter((id) => id !== defect.breaks).join(' ');
      const message = `${count} of ${of.length} other requirements are kept; broken: ${broken || 'none'}`;
      found.push({ rule: 'narrow', subject, message });
    }
  }
  for (const outcome of run.outcomes) {
    if (outcome.verdict !== 'error') continue;
    found.push({ rule: 'no-error', subject, message: `${outcome.id}: ${reason(outcome)}` });
  }
  if (run.fault !== undefined) found.push({ rule: 'no-error', subject, message: run.fault });
  return found;
}

function requirementHoles({ role, bound, unprovable, defects }: Evidence): Hole[] {
  const proved = new Set(
    defects.filter(({ defect, run }) => failedBy(run, defect.breaks).length > 0).map(({ defect }) => defect.breaks),
  );
  const listed = new Set(unprovable.map(({ id }) => id));
  return bound.flatMap((id): Hole[] => {
    if (proved.has(id) !== listed.has(id)) return [];
    const message = proved.has(id)
      ? `a defect of a ${role} breaks it, though it is listed as unprovable`
      : `no defect of a ${role} that breaks it is caught`;
    return [{ rule: 'proved', subject: id, message }];
  });
}

/** What fails a legal driver, or warns of a requirement that it does not list. */
export function legalHoles({ id: subject, warns }: Pick<LegalNote, 'id' | 'warns'>, { outcomes, fault }: Run): Hole[] {
  const found: Hole[] = fault === undefined ? [] : [{ rule: 'no-error', subject, message: fault }];
  for (const outcome of outcomes) {
    const bad = outcome.checks.filter(({ verdict }) => verdict === 'warn').flatMap(({ requirements }) => requirements);
    const unlisted = bad.filter((id) => !warns.includes(id));
    if (outcome.verdict !== 'fail' && outcome.verdict !== 'error' && unlisted.length === 0) continue;
    const what = outcome.verdict === 'warn' ? `warn of ${unlisted.join(', ')}` : outcome.verdict;
    found.push({ rule: 'acquits', subject, message: `${outcome.id}: ${what}: ${reason(outcome)}` });
  }
  return found;
}

function reason(outcome: Outcome): string {
  return outcome.message ?? outcome.skip?.reason ?? 'no reason given';
}
