/** Runs of a driver in a process of its own, for tests. */
import { selectTests } from '../cli/select.js';
import type { ResultRecord, Role } from '../run/record.js';
import { NEWEST_TEXT } from '../run/requirement.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { runWatched } from './watched.js';

/**
 * The records of some tests (default: all) against the driver in a file, which hangs after 1 s without progress.
 *
 * @param onRecord is called with each record as it comes
 */
export async function recordsOfFile(
  module: string,
  role: Role,
  ids: readonly string[],
  onRecord: (record: ResultRecord) => void = () => undefined,
): Promise<ResultRecord[]> {
  const seen: ResultRecord[] = [];
  await runWatched({
    module,
    name: 'sample',
    command: ['netifspec', 'run', '--iut', module],
    role,
    tests: selectTests({ role, test: [...ids] }),
    catalogue: CATALOGUE,
    seed: 1,
    slow: false,
    spec: NEWEST_TEXT,
    traceAll: true,
    onRecord: (record) => {
      seen.push(record);
      onRecord(record);
    },
    signal: new AbortController().signal,
    hangMs: 1000,
  });
  return seen;
}
