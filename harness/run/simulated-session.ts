/** A session on the simulated Xen. */
import type { Catalogue } from './catalogue.js';
import { Expectations } from './expectations.js';
import type { Role } from './record.js';
import { NEWEST_TEXT } from './requirement.js';
import type { SessionOptions } from './session.js';
import { openSimulatedIut } from './simulated-iut.js';
import { referenceTarget } from './target.js';

/** Options that run all tests of a role against its reference driver with seed 1; `change` overrides them. */
export function simulatedSession(
  role: Role,
  catalogue: Catalogue,
  change: Partial<SessionOptions> & Pick<SessionOptions, 'onRecord'>,
): SessionOptions {
  const { seed = 1 } = change;
  return {
    target: referenceTarget(role),
    command: [],
    open: () => openSimulatedIut(role, seed),
    catalogue,
    tests: catalogue.testsOf(role),
    expectations: new Expectations([]),
    seed,
    monitored: true,
    slow: false,
    spec: NEWEST_TEXT,
    log: () => undefined,
    signal: new AbortController().signal,
    ...change,
  };
}
