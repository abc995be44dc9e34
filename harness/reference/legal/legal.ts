import type { Stack } from '../../packet/stack.js';
import type { Clock } from '../../xen/domain.js';
import type { BackendSteps } from '../backend-steps.js';
import type { FrontendSteps } from '../frontend-steps.js';

/** A correct driver that differs from the reference driver wherever the headers leave a choice. */
export interface LegalDriver {
  /** role.name, for example frontend.freebsd */
  readonly id: string;
  /** What it does differently, in one line that completes "The backend …" or "The frontend …". */
  readonly choice: string;
  /** Which real driver does it: project, file, function, commit; or the header's words that leave the choice open. */
  readonly source: string;
  /** Whether it combines all choices of one real driver. */
  readonly persona?: true;
  /** Requirements of level should that it breaks. */
  readonly warns?: readonly string[];
  readonly frontend?: Partial<FrontendSteps>;
  readonly backend?: Partial<BackendSteps>;
  /** Wraps the network stack of the driver: which packets get a reply, and how fast. */
  readonly stack?: (stack: Stack, clock: Clock) => Stack;
}
