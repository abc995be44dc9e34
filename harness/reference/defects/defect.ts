import type { BackendSteps } from '../backend-steps.js';
import type { FrontendSteps } from '../frontend-steps.js';

/** A deliberate fault in a reference driver: it replaces one named step, and proves that a test can fail. */
export interface Defect {
  /** Permanent: role.chapter.name. */
  readonly id: string;
  /** The requirement that it breaks: a check that names it must be the one that fails. */
  readonly breaks: string;
  /** What the driver does wrong, in one line. */
  readonly fault: string;
  /** Where such a bug was seen. */
  readonly seen?: string;
  readonly frontend?: Partial<FrontendSteps>;
  readonly backend?: Partial<BackendSteps>;
}
