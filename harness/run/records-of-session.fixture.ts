import { CATALOGUE } from '../../suites/catalogue.js';
import type { ResultRecord, Role } from './record.js';
import { runSession, type SessionOptions } from './session.js';
import { simulatedSession } from './simulated-session.js';
import type { Tests } from './suite.js';

/**
 * Runs `tests` against the reference driver of a role, without monitor; `change` overrides options. Returns the
 * records.
 */
export async function recordsOfSession(
  role: Role,
  tests: Tests,
  change: Partial<Omit<SessionOptions, 'onRecord'>> = {},
): Promise<ResultRecord[]> {
  const records: ResultRecord[] = [];
  const options = simulatedSession(role, CATALOGUE, {
    tests,
    ...change,
    onRecord: (record) => records.push(record),
  });
  await runSession({ ...options, monitored: false });
  return records;
}
