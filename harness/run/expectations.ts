import * as z from 'zod';
import { glob, literally } from '../pattern.js';
import type { TestRecord, Verdict } from './record.js';
import { key, readYamlFile } from './yaml-file.js';

/** A deviation that is known and accepted for now: an entry of the expectations file. */
export interface Expectation {
  /** Test id in which `*` stands for anything. */
  readonly test: string;
  readonly verdict: Exclude<Verdict, 'pass'>;
  /** Part of the message (for `skip`: of the reason), or `/regular expression/`. */
  readonly message: string;
  readonly reason: string;
  /** The deviation needs a race to show: a pass is as expected as the verdict. */
  readonly intermittent?: boolean;
  /** Where the deviation comes from: file, function, version of the driver. */
  readonly source: string;
  /** YYYY-MM-DD, the last day on which it is accepted. */
  readonly expires?: string;
  /** Where it's followed up. */
  readonly link?: string;
  /** file:line of the entry. */
  readonly location: string;
}

const text = z.string().trim().min(1, 'must not be empty');
const entries = z.array(
  z.strictObject({
    test: text.meta(key('Id of a test; * in it is anything', 'backend.gso.*')),
    verdict: z.enum(['fail', 'warn', 'error', 'skip']).meta(key('What the test comes to')),
    message: text
      .refine(isMatcher, 'is not a valid regular expression')
      .meta(key('Part of its message, or of the reason of a skip, or a /regular expression/', 'no ARP reply')),
    reason: text.meta(key('Why the driver does that, for whoever reads the report')),
    source: text.meta(key('Where it does: file and function, or a report', 'drivers/net/my-netback.c, connect()')),
    intermittent: z
      .boolean()
      .exactOptional()
      .meta(key('Whether it needs a race to show, so that a pass is as expected')),
    expires: text
      .refine(isDate, 'must be a date, YYYY-MM-DD')
      .exactOptional()
      .meta(key('The last day on which it is accepted', '2027-06-30')),
    link: z.url().exactOptional().meta(key('Where it is followed up', 'https://bugs.example.org/1234')),
  }),
);

/** Reads an expectations file: a YAML list. Throws YamlFileError. */
export function loadExpectations(path: string): Expectation[] {
  const { data, at } = readYamlFile(path, entries.nullable());
  return (data ?? []).map((entry, index) => ({ ...entry, location: at([index]) }));
}

/** Compares what tests gave with what the expectations file says. */
export class Expectations {
  readonly #entries: readonly { readonly entry: Expectation; readonly test: RegExp; readonly message: RegExp }[];

  constructor(entries: readonly Expectation[]) {
    this.#entries = entries.map((entry) => ({ entry, test: glob(entry.test), message: matcher(entry.message) }));
  }

  /**
   * The record with `expectation`, if an entry names its test; where the deviation did not come as named the message
   * says how. Of several entries the first that is met counts; one whose last day is over is never met, whatever the
   * test gave. A skipped test proves nothing else about an entry that expects it to run.
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
    const note = `expectation at ${entry.location}: ${problem}`;
    return { ...record, expectation, message: record.message === undefined ? note : `${record.message} (${note})` };
  }

  /** The entries whose test is none of `ids`, for people. */
  stale(ids: Iterable<string>): string[] {
    const seen = [...ids];
    return this.#entries
      .filter(({ test }) => !seen.some((id) => test.test(id)))
      .map(({ entry }) => `${entry.location}: no test matches ${entry.test}`);
  }
}

/** Why a record is not what the entry says. */
function mismatch(record: TestRecord, entry: Expectation, message: RegExp): string | undefined {
  if (record.verdict !== entry.verdict)
    return `${entry.verdict} was expected, but the test's verdict is ${record.verdict}`;
  // One known deviation must not hide a second one in the same test.
  const checks = record.checks.filter(({ verdict }) => verdict === record.verdict);
  const said = [record.message ?? record.skip?.reason, ...checks.map((check) => check.message)];
  const other = said.find((each) => each !== undefined && !message.test(each));
  if (other !== undefined) return `"${entry.message}" does not match "${other}"`;
  return said.every((each) => each === undefined)
    ? `"${entry.message}" does not match: there is no message`
    : undefined;
}

function matcher(message: string): RegExp {
  return new RegExp(/^\/(.+)\/$/s.exec(message)?.[1] ?? literally(message), 's');
}

function isMatcher(message: string): boolean {
  try {
    matcher(message);
    return true;
  } catch {
    return false;
  }
}

function isDate(date: string): boolean {
  const time = Date.parse(date);
  return /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(date);
}
