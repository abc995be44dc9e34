/** From what a test's body threw or noted to a verdict. */
import { Violation } from '../peer/violation.js';
import type { Requirement } from '../../suites/requirements/requirement.js';
import { Expired } from '../xen/wait.js';
import type { CheckRecord, FailureClass, Verdict } from './record.js';

/** What is wrong, as far as the error alone tells. */
export interface Finding {
  readonly verdict: Extract<Verdict, 'warn' | 'fail' | 'error'>;
  readonly class?: FailureClass;
  readonly message: string;
  /** The rules that were broken; empty where only the set-up failed. */
  readonly requirements: readonly string[];
}

/** A check failed and was recorded; the test ends. */
export class CheckFailed extends Error {
  constructor(readonly finding: Finding) {
    super(finding.message);
    this.name = 'CheckFailed';
  }
}

/** Whether the implementation under test may be blamed for `error` at all; all other errors are the harness's own. */
export function blamesIut(error: unknown): error is Error {
  if (error instanceof Violation || error instanceof Expired) return true;
  return error instanceof Error && error.name === 'AssertionError';
}

/**
 * The finding for an error that was thrown while `requirements` were being checked.
 *
 * The worst level decides: a broken MUST of the text fails as `text`, what every driver does as `interop`, a SHOULD
 * warns. An error outside any check is a set-up that the implementation under test didn't take part in. What breaks
 * rules alone that aren't in the text which the vendor claims (`claimed`) is no finding.
 */
export function judge(
  error: unknown,
  requirements: readonly string[],
  requirement: (id: string) => Requirement,
  claimed: (id: string) => boolean = () => true,
): Finding | undefined {
  if (!blamesIut(error)) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { verdict: 'error', message, requirements: [] };
  }
  if (error instanceof Expired && error.proofless) {
    const { lagMs, lateMs } = error;
    const message =
      `${error.message}, but the harness itself stood still for ${Math.round(lagMs)} ms of it in one go, ` +
      `and was ${Math.round(lateMs)} ms late in all: the machine is too busy to judge by`;
    return { verdict: 'error', message, requirements: [] };
  }
  // A check may fail by what a peer saw on the way: both rules are broken then.
  const named = [...new Set([...requirements, ...(error instanceof Violation ? error.requirements : [])])];
  const broken = named.filter(claimed);
  if (named.length > 0 && broken.length === 0) return undefined;
  const message = describe(error);
  const levels = broken.map((id) => requirement(id).level);
  if (levels.length === 0) return { verdict: 'fail', class: 'setup', message, requirements: [] };
  if (levels.includes('must')) return { verdict: 'fail', class: 'text', message, requirements: broken };
  if (levels.includes('de-facto')) return { verdict: 'fail', class: 'interop', message, requirements: broken };
  return { verdict: 'warn', message, requirements: broken };
}

/** The record of a check with its finding, or of one that passed. */
export function checkRecord(requirements: readonly string[], finding?: Finding): CheckRecord {
  if (!finding) return { requirements, verdict: 'pass' };
  const broken = finding.requirements.length > 0 ? finding.requirements : requirements;
  return { requirements: broken, verdict: finding.verdict, message: finding.message };
}

function describe(error: Error): string {
  return error.message.replace(/\s+/g, ' ').trim();
}
