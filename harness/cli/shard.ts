/** `--shard I/N`: one of several parts of a selection, for parallel runs on several machines. */
import { isAnchor, type Tests } from '../run/suite.js';
import { recordFiles, recordsIn } from './record-files.js';
import { UsageError } from '../base/errors.js';

/** Assumed duration of a test in milliseconds, if no duration of any test is known. */
const UNKNOWN_MS = 1;

/**
 * Part `I/N` of `tests`, in their order. The same tests and durations give the same parts: starting with the longest,
 * each test goes to the part with the shortest total. The connection test, on which the others depend, is in every
 * part.
 *
 * @param times folder with the results of an earlier run; without it, all tests have equal weight
 * @throws UsageError if `part` is not a valid part
 */
export function shardOf(tests: Tests, part: string, times?: string): Tests {
  const [, index = '', count = ''] = /^(\d{1,4})\/(\d{1,4})$/.exec(part) ?? [];
  const [i, n] = [Number(index), Number(count)];
  if (i < 1 || n < 1 || i > n) throw new UsageError(`--shard ${part}: expected I/N with 1 ≤ I ≤ N, for example 2/3`);
  const known = times === undefined ? new Map<string, number>() : recordedTimes(times);
  const usual = median([...known.values()]) ?? UNKNOWN_MS;
  const last = (id: string): number => known.get(id) ?? usual;
  const loads = Array.from({ length: n }, () => 0);
  const mine = new Set<string>();
  const others = tests.filter((test) => !isAnchor(test));
  for (const { id } of others.toSorted((a, b) => last(b.id) - last(a.id) || (a.id < b.id ? -1 : 1))) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least] = (loads[least] ?? 0) + last(id);
    if (least === i - 1) mine.add(id);
  }
  return tests.filter((test) => isAnchor(test) || mine.has(test.id));
}

function recordedTimes(folder: string): Map<string, number> {
  const tests = recordFiles(folder)
    .flatMap((file) => recordsIn(file, { traces: false }))
    .filter((record) => record.type === 'test');
  return new Map(tests.map(({ id, durationMs }) => [id, durationMs]));
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
