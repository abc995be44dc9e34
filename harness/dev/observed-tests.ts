/** The checks and the capabilities that each test uses, found by running all tests on the simulated Xen. */
import { CATALOGUE } from '../../suites/catalogue.js';
import { VARIANTS } from '../reference/variants.js';
import type { Role } from '../run/record.js';
import { runSession } from '../run/session.js';
import { simulatedSession } from '../run/simulated-session.js';
import { referenceDriver } from '../run/reference-driver.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import type { Use } from '../run/suite.js';

export interface Observed {
  /** The ids of the requirements that its checks name, sorted. */
  readonly checks: readonly string[];
  /** The ids that each of its checks names together. */
  readonly together: readonly (readonly string[])[];
  readonly uses: ReadonlySet<Use>;
}

/**
 * Runs each test against the reference driver of its role, and a test that this driver skips against its variants.
 * Returns the observations by test id, in the order of the catalogue.
 */
export async function observedTests(): Promise<Map<string, Observed>> {
  const observed = new Map<string, Observed>();
  for (const role of ['backend', 'frontend'] as const) {
    await observe(role, undefined, observed);
    if (role === 'backend') for (const { id } of VARIANTS) await observe(role, id, observed);
  }
  const nothing: Observed = { checks: [], together: [], uses: new Set() };
  return new Map(CATALOGUE.tests.map(({ id }) => [id, observed.get(id) ?? nothing]));
}

/** The requirement ids by test id. */
export function checksOf(observed: ReadonlyMap<string, Observed>): Record<string, readonly string[]> {
  return Object.fromEntries([...observed].map(([id, { checks }]) => [id, checks]));
}

async function observe(role: Role, variant: string | undefined, observed: Map<string, Observed>): Promise<void> {
  const planted = VARIANTS.find(({ id }) => id === variant) ?? {};
  let used: ReadonlySet<Use> = new Set();
  await runSession(
    simulatedSession(role, CATALOGUE, {
      open: () => openSimulatedIut(role, 1, referenceDriver(planted)),
      tests: CATALOGUE.testsOf(role).filter(({ id }) => !observed.has(id)),
      onUsed: (_, uses) => (used = uses),
      onRecord(record) {
        if (record.type !== 'test' || record.verdict === 'skip') return;
        const together = record.checks.map(({ requirements }) => requirements);
        observed.set(record.id, { checks: [...new Set(together.flat())].sort(), together, uses: used });
      },
    }),
  );
}
