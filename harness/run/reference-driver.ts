/** The embedded reference driver, and drivers that replace steps of it. */
import type { Stack } from '../packet/stack.js';
import { ReferenceBackend } from '../reference/backend.js';
import { ReferenceFrontend } from '../reference/frontend.js';
import type { LegalDriver } from '../reference/legal/legal.js';
import type { MakeDriver } from './driver.js';

/** Steps that replace those of a reference driver, and a filter before its network stack. */
export type PlantedSteps = Pick<LegalDriver, 'frontend' | 'backend' | 'stack'>;

/** Creates the embedded reference driver. */
export function referenceDriver(planted: PlantedSteps = {}): MakeDriver {
  return ({ role, domain, stackOf, onError }) => {
    const { frontend, backend, stack = (plain) => plain } = planted;
    const wrapped = (handle: number): Stack => stack(stackOf(handle), domain.clock);
    return role === 'frontend'
      ? new ReferenceFrontend(domain, wrapped, onError, frontend)
      : new ReferenceBackend(domain, wrapped, onError, backend);
  };
}
