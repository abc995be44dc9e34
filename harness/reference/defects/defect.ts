import type { BackendSteps } from '../backend-steps.js';
import type { FrontendSteps } from '../frontend-steps.js';

/** A deliberate fault in a reference driver: it replaces named steps and proves that a test can fail. */
export interface Defect {
  /** Permanent: role.chapter.name. The chapter is that of the test that catches the defect. */
  readonly id: string;
  /** The requirement that the defect breaks: a check of this requirement must fail. */
  readonly breaks: string;
  /** What the driver does wrong, in one line that completes "The backend …" or "The frontend …". */
  readonly fault: string;
  /** The real bug that the defect mirrors: project, version, commit or advisory. */
  readonly seen?: string;
  /**
   * The test that shows it, where none of its checks names {@link breaks} with the correct driver: a rule of the monitor
   * or a peer names it, or a check that the correct driver does not reach.
   */
  readonly shownIn?: string;
  /** A lost wake-up: the test that fails in some orders of delivery only. The matrix leaves such a defect out. */
  readonly raceIn?: string;
  readonly frontend?: Partial<FrontendSteps>;
  readonly backend?: Partial<BackendSteps>;
}
