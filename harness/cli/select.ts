/** Selects the tests of a command. */
import { existsSync } from 'node:fs';
import { SUITES } from '../../suites/index.js';
import { outcome } from '../../reports/records.js';
import { nearest } from '../base/nearest.js';
import { glob } from '../base/pattern.js';
import { type Role, ROLES } from '../run/record.js';
import { NEWEST_TEXT, TEXT_VERSIONS, textVersion } from '../run/requirement.js';
import { isAnchor, type Tests } from '../run/suite.js';
import { UsageError } from '../base/errors.js';
import { recordFiles, recordsIn } from './record-files.js';
import { shardOf } from './shard.js';

export interface Selection {
  readonly role?: string;
  /** Ids in which `*` matches anything; a leading `!` excludes the matching tests. */
  readonly test?: readonly string[];
  /** The version of the header that the vendor claims. */
  readonly spec?: string;
  /** I/N: one part of the selection. */
  readonly shard?: string;
  /** Folder of an earlier run, whose durations balance the parts. */
  readonly times?: string;
  /** Whether to select only tests that failed in the results in `--out`. */
  readonly lastFailed?: boolean;
}

/** A selection with the folder and judgement of results, which `lastFailed` needs. */
type SelectionOfResults = Selection & { readonly out?: string; readonly strict?: boolean };

/** Parses --role. Throws a UsageError. */
export function roleOf(role: string): Role {
  const known = ROLES.find((each) => each === role);
  if (known === undefined) throw new UsageError(`--role ${role}: expected frontend or backend`);
  return known;
}

/** The claimed version of the header. Throws a UsageError that lists all versions. */
export function specOf({ spec }: Selection): string {
  if (spec === undefined) return NEWEST_TEXT;
  const version = textVersion(spec);
  if (version !== undefined) return version;
  const versions = Object.entries(TEXT_VERSIONS).map(([key, text]) => `  ${key.padEnd(12)}${text}`);
  throw new UsageError(
    `--spec ${spec}: unknown version; expected one of these (oldest first):\n${versions.join('\n')}`,
  );
}

/**
 * The selected tests in order, with the connection test of each role that they need.
 *
 * @throws UsageError if a pattern or the whole selection matches no test: an empty run must not look like a success
 */
export function selectTests(selection: SelectionOfResults): Tests {
  const { shard, times } = selection;
  const role = selection.role === undefined ? undefined : roleOf(selection.role);
  if (shard === undefined && times !== undefined) throw new UsageError('--times has no effect without --shard');
  const wanted = wantedTests(selection).filter((test) => role === undefined || test.role === role);
  if (wanted.length === 0) throw new UsageError('no test is selected; check --role, --test and --last-failed');
  const needed = new Set(wanted.map((test) => test.role));
  const selected = SUITES.filter((test) => wanted.includes(test) || (isAnchor(test) && needed.has(test.role)));
  // Destructive tests run last, so that all others run on an undamaged guest.
  const ordered = selected.toSorted(
    (a, b) => Number(a.options.destructive ?? false) - Number(b.options.destructive ?? false),
  );
  if (shard === undefined) return ordered;
  // Cuts the tests of each role separately, since each target runs those of one role.
  return ROLES.flatMap((each) =>
    shardOf(
      ordered.filter((test) => test.role === each),
      shard,
      times,
    ),
  );
}

/** The tests that `--test` and `--last-failed` select. Throws a UsageError if a pattern matches no test. */
function wantedTests({ test: patterns = [], lastFailed = false, out = '', strict = false }: SelectionOfResults): Tests {
  const matchers = patterns.map((pattern) => {
    const excludes = pattern.startsWith('!');
    const expression = glob(pattern.slice(excludes ? 1 : 0));
    if (!SUITES.some(({ id }) => expression.test(id))) throw new UsageError(noSuchTest(pattern));
    return { excludes, matches: (id: string) => expression.test(id) };
  });
  const included = matchers.filter(({ excludes }) => !excludes);
  const excluded = matchers.filter(({ excludes }) => excludes);
  const failed = lastFailed ? lastFailures(out, strict) : undefined;
  return SUITES.filter(
    ({ id }) =>
      (included.length === 0 || included.some(({ matches }) => matches(id))) &&
      !excluded.some(({ matches }) => matches(id)) &&
      (failed?.has(id) ?? true),
  );
}

function noSuchTest(pattern: string): string {
  const id = pattern.replace(/^!/, '');
  const ids = SUITES.map((test) => test.id);
  const known = id.includes('*') ? [...new Set(ids.map((each) => each.replace(/[^.]*$/, '*')))] : ids;
  if (/^\w+\.monitor\./.test(id)) {
    return `--test ${pattern}: rules of the monitor are checked in every test; select a test`;
  }
  const alike = nearest(id, known, 2);
  const advice = alike.length === 0 ? '' : `; did you mean ${alike.join(' or ')}?`;
  return `--test ${pattern === '' ? "''" : pattern}: no such test${advice} ("netifspec list --tests" lists all)`;
}

/**
 * The ids of failed tests in a folder of results: those that failed or ended in an error, and those in which the
 * monitor found a failure. Throws {@link NoRecords}.
 */
export function failedIn(out: string, strict: boolean): ReadonlySet<string> {
  const tests = recordFiles(out)
    .flatMap((file) => recordsIn(file, { traces: false }))
    .filter((record) => record.type === 'test');
  const failed = tests.filter((test) => ['failed', 'error'].includes(outcome(test, strict)));
  return new Set(failed.map(({ id, firstIn }) => firstIn ?? id));
}

function lastFailures(out: string, strict: boolean): ReadonlySet<string> {
  if (!existsSync(out))
    throw new UsageError(`--last-failed: ${out} has no results yet; run once without --last-failed`);
  const failed = failedIn(out, strict);
  if (failed.size === 0) throw new UsageError(`--last-failed: no test failed in ${out}; there is nothing to run again`);
  if (!SUITES.some(({ id }) => failed.has(id))) {
    const [first] = failed;
    throw new UsageError(`--last-failed: ${first} is about a whole run; run again without --last-failed`);
  }
  return failed;
}
