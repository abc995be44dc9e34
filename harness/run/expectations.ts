import * as z from 'zod';
import { glob, isMatcher, matcher } from '../base/pattern.js';
import { failureText, type TestRecord, type Verdict } from './record.js';
import { key, readYamlFile } from './yaml-file.js';

/** A known deviation that is accepted for now: an entry of the expectations file. */
export interface Expectation {
  /** Test id in which `*` matches anything. */
  readonly test: string;
  readonly verdict: Exclude<Verdict, 'pass'>;
  /** Part of the message (for `skip`: of the reason), or `/regular expression/`. */
  readonly message: string;
  readonly reason: string;
  /** The deviation needs a race to show, so a pass meets the expectation as well. */
  readonly intermittent?: boolean;
  /** Where the deviation comes from: file, function, version of the driver. */
  readonly source: string;
  /** YYYY-MM-DD, the last day on which the deviation is accepted. */
  readonly expires?: string;
  /** The issue or page that tracks it. */
  readonly link?: string;
  /** file:line of the entry. */
  readonly location: string;
}

const text = z.string().trim().min(1, 'must not be empty');
const entries = z.array(
  z.strictObject({
    test: text.meta(key('Id of a test, in which * matches anything', 'backend.gso.*')),
    verdict: z.enum(['fail', 'warn', 'error', 'skip']).meta(key('Verdict of the test')),
    message: text
      .refine(isMatcher, 'is not a valid regular expression')
      .meta(key('Part of its message, or of the reason of a skip, or a /regular expression/', 'no ARP reply')),
    reason: text.meta(key('Why the driver deviates, for the readers of the report')),
    source: text.meta(
      key('Where it deviates: file and function, or a bug report', 'drivers/net/my-netback.c, connect()'),
    ),
    intermittent: z
      .boolean()
      .exactOptional()
      .meta(key('Whether it needs a race to show, so that a pass is accepted as well')),
    expires: text
      .refine(isDate, 'must be a date, YYYY-MM-DD')
      .exactOptional()
      .meta(key('The last day on which it is accepted', '2027-06-30')),
    link: z.url().exactOptional().meta(key('Page that tracks the deviation', 'https://bugs.example.org/1234')),
  }),
);

/** Reads an expectations file: a YAML list. Throws YamlFileError. */
export function loadExpectations(path: string): Expectation[] {
  const { data, at } = readYamlFile(path, entries.nullable());
  return (data ?? []).map((entry, index) => ({ ...entry, location: at([index]) }));
}

/** Compares results of tests with the entries of an expectations file. */
export class Expectations {
  readonly #entries: readonly { readonly entry: Expectation; readonly test: RegExp; readonly message: RegExp }[];

  constructor(entries: readonly Expectation[]) {
    this.#entries = entries.map((entry) => ({ entry, test: glob(entry.test), message: matcher(entry.message) }));
  }

  /**
   * Adds `expectation` to the record if an entry names its test; `problem` says how the result differs from the entry.
   * Of several entries, the first that is met counts. An entry that has expired is never met. A skipped test is ignored
   * by an entry that expects it to run.
   *
   * @param today YYYY-MM-DD
   */
  judge(record: TestRecord, today: string): TestRecord {
    const named = this.#entries.filter(({ test }) => test.test(record.id));
    const judged = named
      .filter(({ entry }) => record.verdict !== 'skip' || entry.verdict === 'skip')
      .filter(({ entry }) => !(entry.intermittent && record.verdict === 'pass'))
      .map(({ entry, message }) => ({ entry, problem: mismatch(record, entry, message) }));
    const over = named.find(({ entry }) => entry.expires !== undefined && entry.expires < today)?.entry;
    const chosen = over
      ? { entry: over, problem: `expired on ${over.expires}` }
      : (judged.find(({ problem }) => problem === undefined) ?? judged[0]);
    if (!chosen) return record;
    const { entry, problem } = chosen;
    const { verdict, reason, source, link } = entry;
    const expectation = { verdict, reason, source, ...(link !== undefined && { link }), met: problem === undefined };
    if (problem === undefined) return { ...record, expectation };
    return { ...record, expectation: { ...expectation, problem: `${entry.location}: ${problem}` } };
  }

  /** The entries whose test matches none of `ids`, as messages. */
  stale(ids: Iterable<string>): string[] {
    const seen = [...ids];
    return this.#entries
      .filter(({ test }) => !seen.some((id) => test.test(id)))
      .map(({ entry }) => `${entry.location}: no test matches ${entry.test}`);
  }
}

/** Why a record does not match an entry; undefined if it does. */
function mismatch(record: TestRecord, entry: Expectation, message: RegExp): string | undefined {
  if (record.verdict !== entry.verdict)
    return `${entry.verdict} was expected, but the verdict of the test is ${record.verdict}`;
  // A known deviation must not hide a second one in the same test.
  const failures = record.checks
    .filter(({ verdict }) => verdict === record.verdict)
    .flatMap(({ failure }) => failure ?? []);
  const said = [...failures.map(failureText), ...(record.skip ? [record.skip.reason] : [])];
  const other = said.find((each) => !message.test(each));
  if (other !== undefined) return `"${entry.message}" does not match "${other}"`;
  return said.length === 0 ? `"${entry.message}" does not match: there is no message` : undefined;
}

function isDate(date: string): boolean {
  const time = Date.parse(date);
  return /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
}
