import { closeSync, constants, fdatasyncSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

import { fileProblem } from '../harness/base/errno.js';
import { safeJson } from '../harness/base/text.js';
import { EnvironmentError } from '../harness/run/environment.js';
import { validRecord } from '../harness/run/record-schema.js';
import {
  asExpected,
  type EndRecord,
  type ResultRecord,
  type SessionRecord,
  type TestRecord,
} from '../harness/run/record.js';
import { withSharedParts } from './shared-parts.js';

const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;

/** One record as a line of results.jsonl. It is safe to print. */
export function encodeRecord(record: ResultRecord): string {
  return `${safeJson(record)}\n`;
}

/**
 * Writes results.jsonl, replacing an older one. Each record is in the file before `write` returns, so that a killed run
 * keeps its results. On a real host it is also synced to disk: the driver under test may crash the host.
 */
export class RecordWriter {
  readonly #path: string;
  readonly #file: number;
  readonly #isCopy: boolean;
  #durable = false;
  #broken: Error | undefined;

  /** `isCopy`: the records are elsewhere as well, so they need not survive a crash of the host. */
  constructor(path: string, isCopy = false) {
    this.#path = path;
    this.#isCopy = isCopy;
    // A link that somebody else placed there is not followed.
    this.#file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
  }

  /** Throws if the line cannot be written, and on every later call: nothing may follow an incomplete line. */
  write(record: ResultRecord): void {
    if (this.#broken) throw this.#broken;
    if (record.type === 'session') this.#durable = record.adapter === 'native' && !this.#isCopy;
    try {
      writeFileSync(this.#file, encodeRecord(record));
      if (this.#durable) fdatasyncSync(this.#file);
    } catch (error) {
      const why = fileProblem(error)?.text ?? (error as Error).message;
      this.#broken = new EnvironmentError(`${this.#path}: ${why}; the results end here`, { cause: error });
      throw this.#broken;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Maximum size of the records of a run, in bytes: a run of all tests that keeps all traces needs a fifth of it. */
export const RESULTS_LIMIT = 256 * 1024 * 1024;

/**
 * The records of a results.jsonl. An incomplete last line (of a killed run) becomes an end record with `complete`
 * false. Without `traces`, the records have no traces and kernel logs. Throws on any other line that is not a record,
 * with file and line.
 */
export function readRecords(path: string, { traces = true }: { readonly traces?: boolean } = {}): ResultRecord[] {
  const { size } = statSync(path);
  if (size > RESULTS_LIMIT) throw new Error(`${path}: larger than 256 MiB; give the results.jsonl of a run`);
  const records: ResultRecord[] = [];
  const session = new SessionCheck();
  for (const { text, number, isEnded } of linesOf(path)) {
    const record = session.check(parseRecord(text));
    if (!('invalid' in record)) records.push(withSharedParts(traces ? record : withoutTraces(record)));
    else if (isEnded)
      throw new Error(`${path}:${number}: not a result record (${record.invalid}); give the results.jsonl of a run`);
    else records.push(cutShort(path, records.at(-1)?.target ?? ''));
  }
  return records;
}

function withoutTraces(record: ResultRecord): ResultRecord {
  if (record.type !== 'test' || !(record.trace ?? record.kernelLog)) return record;
  const kept = Object.entries(record).filter(([key]) => key !== 'trace' && key !== 'kernelLog');
  return Object.fromEntries(kept) as unknown as TestRecord;
}

function cutShort(path: string, target: string): EndRecord {
  const finished = statSync(path).mtime.toISOString();
  return { type: 'end', target, finished, complete: false, reason: 'the last record is incomplete' };
}

/** Characters of the longest line that is read. */
const LINE_LENGTH = 1 << 24;

/** The lines of a file, which is not held in memory as a whole; `isEnded` is whether a line has its line end. */
function* linesOf(path: string): Generator<{ text: string; number: number; isEnded: boolean }> {
  const file = openSync(path, 'r');
  try {
    const decoder = new StringDecoder();
    const chunk = Buffer.alloc(1 << 16);
    let number = 0;
    let pieces: string[] = [];
    let size = 0;
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk)) {
      const [first = '', ...lines] = decoder.write(chunk.subarray(0, length)).split('\n');
      pieces.push(first);
      size += first.length;
      if (size > LINE_LENGTH)
        throw new Error(`${path}:${number + 1}: the line is longer than any record; give the results.jsonl of a run`);
      for (const next of lines) {
        yield { text: pieces.join(''), number: ++number, isEnded: true };
        [pieces, size] = [[next], next.length];
      }
    }
    const rest = pieces.join('') + decoder.end();
    if (rest !== '') yield { text: rest, number: number + 1, isEnded: false };
  } finally {
    closeSync(file);
  }
}

/** Why a line is not a record. */
interface Invalid {
  readonly invalid: string;
}

/** Parses and validates a line of results.jsonl. */
export function parseRecord(line: string): ResultRecord | Invalid {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { invalid: 'no JSON' };
  }
  return validRecord(value);
}

/** Checks each record against the session before it. */
export class SessionCheck {
  #session: SessionRecord | undefined;
  #sessions = 0;
  #tests = 0;

  /** @param most the number of sessions that may follow each other */
  constructor(private readonly most = Infinity) {}

  /** Returns the record, or why it cannot follow the earlier ones. */
  check(record: ResultRecord | Invalid): ResultRecord | Invalid {
    if ('invalid' in record) return record;
    if (record.type === 'session') {
      if (++this.#sessions > this.most) return { invalid: 'another session' };
      this.#session = record;
      this.#tests = 0;
      return record;
    }
    if (!this.#session) return { invalid: 'it comes before the first session record' };
    const { target, planned } = this.#session;
    if (record.target !== target) return { invalid: `target: expected that of the session, ${target}` };
    // An exploration may find failures of requirements that it did not plan to check.
    if (record.type === 'test' && ++this.#tests > planned + UNPLANNED)
      return { invalid: `more tests than the ${planned} that the session planned` };
    return record;
  }
}

/** Number of records that a session may have in addition to those that it planned. */
const UNPLANNED = 1000;

/** The records of one session. A session without `end` was killed. */
export interface Group {
  readonly session: SessionRecord;
  readonly tests: readonly TestRecord[];
  readonly end?: EndRecord;
}

/**
 * Groups records, in the order written, by session. A session after which another one is missing is incomplete. Throws
 * if a record precedes the first session.
 */
export function groupSessions(records: Iterable<ResultRecord>): Group[] {
  const groups: { session: SessionRecord; tests: TestRecord[]; end?: EndRecord }[] = [];
  for (const record of records) {
    const current = groups.at(-1);
    if (record.type === 'session') groups.push({ session: record, tests: [] });
    else if (!current)
      throw new Error(
        `a record of type ${record.type} comes before the first session record; give a complete results.jsonl`,
      );
    else if (record.type === 'test') current.tests.push(record);
    else current.end = record;
  }
  const targets = new Set(groups.map(({ session }) => session.target));
  return groups.map((group) => {
    const { end } = group;
    if (!end?.complete || end.next === undefined || targets.has(end.next)) return group;
    return { ...group, end: { ...end, complete: false, reason: `it ended before the session of ${end.next}` } };
  });
}

/** The outcome of a test for the user: its verdict, after expectations and `strict`. */
export const OUTCOMES = ['error', 'failed', 'warned', 'known', 'skipped', 'passed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** `known` is a deviation that meets an expectation; a deviation from an expectation is `failed` or `error`. */
export function outcome(test: Pick<TestRecord, 'verdict' | 'expectation'>, strict: boolean): Outcome {
  if (test.expectation?.met) return 'known';
  if (test.verdict === 'error') return 'error';
  if (!asExpected(test, strict)) return 'failed';
  return test.verdict === 'skip' ? 'skipped' : test.verdict === 'warn' ? 'warned' : 'passed';
}

/** Counts of a session. `total` is the sum of passed, warned, failed, errors, expected and all of skipped. */
export interface Summary {
  readonly total: number;
  readonly passed: number;
  readonly warned: number;
  readonly failed: number;
  readonly errors: number;
  /** Number of tests by reason, most frequent first. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Number of tests that were executed. */
  readonly executed: number;
  /** Number of requirements with a check, for any result. */
  readonly checked: number;
  /** Number of deviations that met an expectation. */
  readonly expected: number;
  /** failed and errors. */
  readonly unexpected: number;
  /** Whether the run ended regularly and every planned test has a record. */
  readonly complete: boolean;
  /** Whether the run ended as intended: after its last test, or at the limit of failures. */
  readonly finished: boolean;
}

/** Counts the tests of a session. With `strict`, a warn counts as failed. */
export function summarise(group: Group, strict: boolean): Summary {
  const outcomes = group.tests.map((test) => outcome(test, strict));
  const count = (wanted: Outcome): number => outcomes.filter((each) => each === wanted).length;
  const reasons = new Map<string, number>();
  group.tests.forEach((test, index) => {
    if (outcomes[index] !== 'skipped') return;
    const reason = test.skip?.reason ?? 'no reason given';
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  });
  const complete = group.end?.complete === true && group.tests.length >= group.session.planned;
  return {
    total: group.tests.length,
    passed: count('passed'),
    warned: count('warned'),
    failed: count('failed'),
    errors: count('error'),
    skipped: new Map([...reasons].sort((a, b) => b[1] - a[1])),
    // The comparison with a target file is not an executed test.
    executed: group.tests.filter(({ verdict, chapter }) => verdict !== 'skip' && chapter !== 'session').length,
    checked: checkedIn(group.tests).size,
    expected: count('known'),
    unexpected: count('failed') + count('error'),
    complete,
    finished: complete || group.end?.stoppedAfter !== undefined,
  };
}

/** The requirements with a check, for any result. */
function checkedIn(tests: readonly TestRecord[]): Set<string> {
  const checked = new Set<string>();
  for (const { checks } of tests) {
    for (const { verdict, requirements } of checks) {
      if (verdict !== 'error') for (const id of requirements) checked.add(id);
    }
  }
  return checked;
}

/** Why a session is not a success, whatever the results of its tests; undefined if it can be one. */
export function shortfall(group: Group): string | undefined {
  const { complete, executed, total } = summarise(group, false);
  if (!group.end) return 'the run was killed: it has no end record';
  if (!group.end.complete) return `the run was cut short: ${group.end.reason ?? 'no reason given'}`;
  if (!complete) return `${total} of ${group.session.planned} planned tests have a result`;
  return executed === 0 ? 'no test was executed' : undefined;
}

/**
 * 0: every session is as expected. 1: a driver failed, or a session executed no test. 3: the environment failed, so
 * that results are missing. 3 takes precedence over 1: a run that must be repeated says so even if a driver failed as
 * well, unless the driver took its guest down: then the errors may be consequences.
 */
export function exitCode(groups: readonly Group[], { strict }: { strict: boolean }): 0 | 1 | 3 {
  const summaries = groups.map((group) => summarise(group, strict));
  if (groups.length === 0 || summaries.some(({ finished }) => !finished)) return 3;
  const crashed = (test: TestRecord): boolean => test.class === 'guest-crash' && outcome(test, strict) === 'failed';
  if (groups.some(({ tests }) => tests.some(crashed))) return 1;
  if (summaries.some(({ errors }) => errors > 0)) return 3;
  return summaries.every(({ failed, executed, complete }) => failed === 0 && executed > 0 && complete) ? 0 : 1;
}
