/** A session on the simulated Xen, for tests. */
import { NEWEST_TEXT } from '../../suites/requirements/index.js';
import { Expectations } from './expectations.js';
import type { ResultRecord, Role } from './record.js';
import { runSession, type SessionOptions } from './session.js';
import { openSimulatedIut } from './simulated-iut.js';
import type { Tests } from './suite.js';
import { referenceTarget } from './target.js';

/** Runs `tests` against the reference driver of a role, but for what `change` says; answers the records. */
export async function recordsOfSession(
  role: Role,
  tests: Tests,
  change: Partial<Omit<SessionOptions, 'onRecord'>> = {},
): Promise<ResultRecord[]> {
  const records: ResultRecord[] = [];
  await runSession({
    target: referenceTarget(role),
    command: [],
    open: () => openSimulatedIut(role, 1),
    tests,
    expectations: new Expectations([]),
    seed: 1,
    slow: false,
    spec: NEWEST_TEXT,
    log: () => undefined,
    signal: new AbortController().signal,
    ...change,
    onRecord: (record) => records.push(record),
  });
  return records;
}
