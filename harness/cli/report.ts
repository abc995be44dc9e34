/** `netifspec report`: reports from the records of finished runs. */
import { dirname, resolve } from 'node:path';
import { stderr, stdout } from '../base/terminal.js';
import { diff, isRegression, printDiff } from '../../reports/diff.js';
import type { JunitProfile } from '../../reports/junit.js';
import { merge } from '../../reports/merge.js';
import { type Group, groupSessions } from '../../reports/records.js';
import type { ResultRecord, TestRecord } from '../run/record.js';
import { UsageError } from '../base/errors.js';
import { NoRecords, recordFiles, runIn } from './record-files.js';
import { atPath, writeWhole } from './paths.js';
import { attachmentsIn, describe, Results } from './results.js';

export interface MergeOptions {
  readonly out: string;
  readonly strict?: boolean;
  readonly junitProfile?: JunitProfile;
}

export interface RenderOptions extends Omit<MergeOptions, 'out'> {
  /** Output file (default: stdout). */
  readonly out?: string;
}

/**
 * `report merge`: merges runs into one result, with all their files. Returns the exit code of the merged run. If a run
 * has no records, for example because its host was down, the others are merged all the same, and the exit code is 3.
 */
export async function mergeCommand(folders: readonly string[], options: MergeOptions): Promise<number> {
  const { out } = options;
  const lost: string[] = [];
  const readUnlessLost = <T>(read: () => T[]): T[] => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof NoRecords)) throw error;
      lost.push(error.message);
      return [];
    }
  };
  const files = folders.flatMap((folder) => readUnlessLost(() => recordFiles(folder)));
  if (files.includes(resolve(out, 'results.jsonl'))) {
    throw new UsageError(`--out ${out}: this folder is one of those to merge; give another folder`);
  }
  const runs = files.flatMap((file) => readUnlessLost(() => [runIn(file)]));
  if (runs.length === 0) throw new UsageError(lost.join('\n'));
  const groups = merged(runs);
  const results = new Results({ ...options, reporter: 'terminal' });
  const code = await results.runAndReport(() => {
    for (const record of groups.flatMap(recordsOf)) results.add(record);
    return Promise.resolve();
  });
  for (const message of lost) stderr.line(`netifspec: ${message}; merged the others without it`);
  return lost.length > 0 ? 3 : code;
}

/** `report diff`: returns 1 if there is a regression. */
export function diffCommand(before: string, now: string, { strict = false }: { readonly strict?: boolean }): number {
  const [old, present] = [before, now].map((folder) => merged(recordFiles(folder).map(runIn)));
  const changes = diff(old ?? [], present ?? [], strict);
  stdout.line(printDiff(changes).trimEnd());
  return changes.some(isRegression) ? 1 : 0;
}

/** `report html` and `report junit`: write a report to a file, or to stdout. */
export async function renderCommand(
  format: 'html' | 'junit',
  folders: readonly string[],
  { out, strict = false, junitProfile = 'rich' }: RenderOptions,
): Promise<number> {
  const runs = folders.flatMap(recordFiles).map((file) => ({ folder: dirname(file), records: runIn(file) }));
  const groups = merged(runs.map(({ records }) => records));
  const text =
    format === 'html'
      ? (await import('../../reports/html.js')).html(groups, { strict, describe })
      : (await import('../../reports/junit.js')).junit(groups, {
          profile: junitProfile,
          strict,
          describe,
          attachments: attachmentsOf(runs),
        });
  if (out === undefined) stdout.data(text);
  else atPath(`--out ${out}`, () => writeWhole(out, text));
  return 0;
}

/** The records of a run, and their folder. */
interface Run {
  readonly folder: string;
  readonly records: readonly ResultRecord[];
}

/** Looks attachments up by trace: merging can rename a target, but not its files. */
function attachmentsOf(runs: readonly Run[]): (test: TestRecord) => string[] {
  const files = new Map<TestRecord['trace'], string[]>();
  for (const { folder, records } of runs) {
    for (const record of records) {
      if (record.type === 'test' && record.trace) files.set(record.trace, attachmentsIn(folder, record));
    }
  }
  return ({ trace }) => (trace && files.get(trace)) ?? [];
}

function merged(runs: readonly ResultRecord[][]): Group[] {
  try {
    return merge(runs.flatMap((records) => groupSessions(records)));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function recordsOf({ session, tests, end }: Group): ResultRecord[] {
  return [session, ...tests, ...(end ? [end] : [])];
}
