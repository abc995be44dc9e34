import { closeSync, openSync, readFileSync, statSync, writeFileSync, fdatasyncSync } from 'node:fs';

import {
  asExpected,
  type EndRecord,
  type ResultRecord,
  type SessionRecord,
  type TestRecord,
} from '../harness/run/record.js';

/** One record as a line of results.jsonl. */
export function encodeRecord(record: ResultRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * Writes results.jsonl, replacing an older one. Each record is in the file before `write` returns, so that a killed
 * run keeps what it found. On a real host it is on the disk too: the driver under test may take the host down.
 */
export class RecordWriter {
  readonly #path: string;
  readonly #file: number;
  #durable = false;
  #broken: Error | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, 'w');
  }

  /** Throws if the line can't be written, and from then on: after half a line nothing may follow. */
  write(record: ResultRecord): void {
    if (this.#broken) throw this.#broken;
    if (record.type === 'session') this.#durable = record.adapter === 'native';
    try {
      writeFileSync(this.#file, encodeRecord(record));
      if (this.#durable) fdatasyncSync(this.#file);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === 'ENOSPC' ? 'no space left on the device' : message;
      this.#broken = new Error(`${this.#path}: ${why}; the results end here`, { cause: error });
      throw this.#broken;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * The records of a results.jsonl. A last line that was cut (a killed run) gives an end record with `complete` false in
 * its place. Throws on any other line that is no record, naming file and line.
 */
export function readRecords(path: string): ResultRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const rest = lines.pop();
  const records = lines.map((line, index) => {
    const record = parseRecord(line);
    if (!record) throw new Error(`${path}:${index + 1}: not a result record`);
    return record;
  });
  if (!rest) return records;
  const last = parseRecord(rest);
  if (last) return [...records, last];
  const target = records.at(-1)?.target ?? '';
  const finished = statSync(path).mtime.toISOString();
  return [...records, { type: 'end', target, finished, complete: false, reason: 'the last record is cut' }];
}

/** The record that a line of results.jsonl holds; undefined if it holds none. */
export function parseRecord(line: string): ResultRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined;
  if (value.type === 'session') return 'schema' in value && value.schema === 1 ? (value as SessionRecord) : undefined;
  return value.type === 'test' || value.type === 'end' ? (value as TestRecord | EndRecord) : undefined;
}

/** What one session left behind. Without `end` it was killed. */
export interface Group {
  readonly session: SessionRecord;
  readonly tests: readonly TestRecord[];
  readonly end?: EndRecord;
}

/** Records in the order written, by session. Throws if a record comes before the first session. */
export function groupSessions(records: Iterable<ResultRecord>): Group[] {
  const groups: { session: SessionRecord; tests: TestRecord[]; end?: EndRecord }[] = [];
  for (const record of records) {
    const current = groups.at(-1);
    if (record.type === 'session') groups.push({ session: record, tests: [] });
    else if (!current) throw new Error(`a record of type ${record.type} comes before the first session record`);
    else if (record.type === 'test') current.tests.push(record);
    else current.end = record;
  }
  return groups;
}

/** How a test came out for whoever asked: its verdict, seen through expectations and `strict`. */
export const OUTCOMES = ['error', 'failed', 'warned', 'known', 'skipped', 'passed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** `known` is a deviation that the expectations file names; one that came otherwise is `failed` or `error`. */
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
  /** Reason to number of tests, most frequent first. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Tests that really ran. */
  readonly executed: number;
  /** Statements that some check was really about, whatever came out. */
  readonly checked: number;
  /** Deviations that came as the expectations file says. */
  readonly expected: number;
  /** failed and errors. */
  readonly unexpected: number;
  /** The run came to its end, and every planned test has a record. */
  readonly complete: boolean;
}

/** Counts the tests of a session. `strict` makes a warn count as failed. */
export function summarise(group: Group, strict: boolean): Summary {
  const outcomes = group.tests.map((test) => outcome(test, strict));
  const count = (wanted: Outcome): number => outcomes.filter((each) => each === wanted).length;
  const reasons = new Map<string, number>();
  group.tests.forEach((test, index) => {
    if (outcomes[index] !== 'skipped') return;
    const reason = test.skip?.reason ?? 'no reason given';
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  });
  return {
    total: group.tests.length,
    passed: count('passed'),
    warned: count('warned'),
    failed: count('failed'),
    errors: count('error'),
    skipped: new Map([...reasons].sort((a, b) => b[1] - a[1])),
    // What a target file says of its driver is compared, but is no test that was executed.
    executed: group.tests.filter(({ verdict, chapter }) => verdict !== 'skip' && chapter !== 'session').length,
    checked: new Set(
      group.tests
        .flatMap((test) => test.checks)
        .flatMap(({ verdict, requirements }) => (verdict === 'error' ? [] : requirements)),
    ).size,
    expected: count('known'),
    unexpected: count('failed') + count('error'),
    complete: group.end?.complete === true && group.tests.length >= group.session.planned,
  };
}

/** Why a session can't be called a success whatever its tests say; undefined if it can. */
export function shortfall(group: Group): string | undefined {
  const { complete, executed, total } = summarise(group, false);
  if (!group.end) return 'the run was killed: it has no end record';
  if (!group.end.complete) return `the run was cut short: ${group.end.reason ?? 'no reason given'}`;
  if (!complete) return `${total} of ${group.session.planned} planned tests have a result`;
  return executed === 0 ? 'no test was executed' : undefined;
}

/**
 * 0: every session came as expected. 1: an IUT failed, or a session executed no test. 3: the environment failed, so
 * that results are missing. The worst wins: a run that has to be repeated says so even if an IUT failed as well.
 */
export function exitCode(groups: readonly Group[], { strict }: { strict: boolean }): 0 | 1 | 3 {
  const summaries = groups.map((group) => summarise(group, strict));
  if (summaries.some(({ errors, complete }) => errors > 0 || !complete)) return 3;
  return groups.length === 0 || summaries.some(({ failed, executed }) => failed > 0 || executed === 0) ? 1 : 0;
}
