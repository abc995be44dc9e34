/** `netifspec report`: reports from the records of finished runs. */
import { dirname, resolve } from 'node:path';
import { badge } from '../../reports/badge.js';
import { stderr, stdout } from '../base/terminal.js';
import type { DiffFormat } from '../../reports/diff-formats.js';
import { type Change, diff, isRegression, resultsOf } from '../../reports/diff.js';
import type { JunitProfile } from '../../reports/junit.js';
import { joined, merge } from '../../reports/merge.js';
import { type Group, groupSessions } from '../../reports/records.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import type { ResultRecord, TestRecord } from '../run/record.js';
import { UsageError } from '../base/errors.js';
import { safeJson } from '../base/text.js';
import { NoRecords, recordFiles, runIn } from './record-files.js';
import { isOnGithub, publishOnGithub } from './github.js';
import { atPath, makeFolder, writeWhole } from './paths.js';
import { attachmentsIn, describe, fileName, linksFrom, Results, writeFiles } from './results.js';
import { resultsUrl } from './results-url.js';

export interface MergeOptions {
  readonly out: string;
  readonly strict?: boolean;
  readonly junitProfile?: JunitProfile;
}

export interface OutputOptions {
  /** Output file (default: stdout). */
  readonly out?: string;
  readonly strict?: boolean;
}

export interface RenderOptions extends OutputOptions {
  readonly junitProfile?: JunitProfile;
}

export interface DiffOptions extends OutputOptions {
  readonly format: DiffFormat;
}

export interface MarkdownCommandOptions extends OutputOptions {
  /** Folder with the results to compare with. */
  readonly baseline?: string;
  /** Address of the folder with the results. */
  readonly url?: string;
}

export interface HistoryOptions extends OutputOptions {
  readonly format: 'html' | 'json';
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
  const results = new Results({ ...options, reporter: 'terminal', isCopy: true });
  const code = await results.runAndReport(() => {
    for (const record of groups.flatMap(recordsOf)) results.add(record);
    return Promise.resolve();
  });
  for (const message of lost) stderr.line(`netifspec: ${message}; merged the others without it`);
  return lost.length > 0 ? 3 : code;
}

/** `report diff`: returns 1 if there is a regression. */
export async function diffCommand(
  before: string,
  now: string,
  { format, out, strict = false }: DiffOptions,
): Promise<number> {
  const { DIFF_FORMATS } = await import('../../reports/diff-formats.js');
  const changes = diff(resultsOf(groupsIn([before]), strict), resultsOf(groupsIn([now]), strict));
  write(DIFF_FORMATS[format](changes), out);
  return changes.some(isRegression) ? 1 : 0;
}

/** `report markdown`: on GitHub to the summary of the step, with annotations; else to a file or to stdout. */
export async function markdownCommand(
  folders: readonly string[],
  { baseline, out, strict = false, url }: MarkdownCommandOptions,
): Promise<number> {
  const [folder = '', ...others] = folders;
  const address = others.length > 0 && url === undefined ? undefined : resultsUrl(folder, url);
  const old = baseline === undefined ? undefined : resultsOf(groupsIn([baseline]), strict);
  const groups = groupsIn(folders);
  const changes: readonly Change[] | undefined = old && diff(old, resultsOf(groups, strict));
  const options = { strict, describe, ...(changes && { changes }), ...(address && { url: address }) };
  if (isOnGithub()) await publishOnGithub(groups, options, process.stdout);
  if (isOnGithub() && out === undefined) return 0;
  const { markdown } = await import('../../reports/markdown.js');
  write(markdown(groups, options), out);
  return 0;
}

/** `report history`: each folder is a run, or has several. */
export async function historyCommand(
  folders: readonly string[],
  { format, out, strict = false }: HistoryOptions,
): Promise<number> {
  const { history } = await import('../../reports/history.js');
  const { historyHtml } = await import('../../reports/history-html.js');
  const targets = history(sessionsIn(folders), strict);
  write(format === 'html' ? historyHtml(targets, describe) : `${safeJson({ schema: 1, targets })}\n`, out);
  return 0;
}

/** The sessions in each folder, with the parts of a run joined; one folder at a time is in memory. */
function* sessionsIn(folders: readonly string[]): Generator<Group> {
  for (const folder of folders) {
    const files = recordFiles(folder);
    const parts: Group[] = [];
    for (const file of files) {
      for (const group of groupSessions(runIn(file, { traces: false }))) {
        if (group.session.shard === undefined) yield group;
        else parts.push(group);
      }
    }
    yield* asUsage(() => joined(parts));
  }
}

/** `report badge`: a picture for each target, with its role in its name if targets of both roles have the same name. */
export function badgeCommand(
  folders: readonly string[],
  { out, strict = false }: { readonly out: string; readonly strict?: boolean },
): number {
  const groups = groupsIn(folders);
  const isShared = (name: string): boolean => groups.filter(({ session }) => session.target === name).length > 1;
  const pictures = groups.map((group): [string, string] => {
    const { target, role } = group.session;
    return [`${fileName(isShared(target) ? `${target}-${role}` : target)}.svg`, badge(group, strict)];
  });
  makeFolder(out);
  writeFiles(out, Object.fromEntries(pictures));
  return 0;
}

/** `report html` and `report junit`: write a report to a file, or to stdout. */
export async function renderCommand(
  format: 'html' | 'junit',
  folders: readonly string[],
  { out, strict = false, junitProfile = 'rich' }: RenderOptions,
): Promise<number> {
  const runs = folders.flatMap(recordFiles).map((file) => ({ folder: dirname(file), records: runIn(file) }));
  const groups = merged(runs.map(({ records }) => records));
  const attachments = attachmentsOf(runs);
  const links = linksFrom(out === undefined ? '.' : dirname(out), attachments);
  const text =
    format === 'html'
      ? (await import('../../reports/html.js')).html(groups, { strict, catalogue: CATALOGUE, attachments: links })
      : (await import('../../reports/junit.js')).junit(groups, {
          profile: junitProfile,
          strict,
          describe,
          attachments,
        });
  write(text, out);
  return 0;
}

/** Writes a report to a file, or to stdout. */
function write(text: string | Iterable<string>, out: string | undefined): void {
  if (out !== undefined) atPath(`--out ${out}`, () => writeWhole(out, text));
  else for (const piece of typeof text === 'string' ? [text] : text) stdout.data(piece);
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

/** The merged sessions in several folders, without traces. */
function groupsIn(folders: readonly string[]): Group[] {
  return merged(folders.flatMap(recordFiles).map((file) => runIn(file, { traces: false })));
}

function merged(runs: readonly ResultRecord[][]): Group[] {
  return asUsage(() => merge(runs.flatMap((records) => groupSessions(records))));
}

/** Runs work that fails only if runs do not fit together. Throws a UsageError. */
function asUsage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function recordsOf({ session, tests, end }: Group): ResultRecord[] {
  return [session, ...tests, ...(end ? [end] : [])];
}
