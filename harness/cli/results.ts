import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { stderr, stdout } from '../base/terminal.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { type Describe, traceText } from '../../reports/explain.js';
import type { JunitProfile } from '../../reports/junit.js';
import { encodeRecord, exitCode, type Group, groupSessions, RecordWriter } from '../../reports/records.js';
import { TerminalReporter } from '../../reports/terminal.js';
import { lockFolder } from '../run/lock.js';
import type { ResultRecord, TestRecord } from '../run/record.js';
import { isOnGithub, publishOnGithub, quoteLog } from './github.js';
import { makeFolder, writeWhole } from './paths.js';

export interface ResultsOptions {
  /** Folder of the files. */
  readonly out: string;
  readonly reporter: 'terminal' | 'json';
  /** Writes only records, to stdout: the process that reads them writes the files. */
  readonly stream?: boolean;
  readonly strict?: boolean;
  readonly junitProfile?: JunitProfile;
  readonly verbose?: boolean;
  /** Whether to write a draft of expectations for the failures. */
  readonly updateExpectations?: boolean;
  /** I/N: the part of a run, if this is one of several. */
  readonly shard?: string;
  /** Whether the records are copies of those of earlier runs. */
  readonly isCopy?: boolean;
}

export const describe: Describe = (id) => CATALOGUE.find(id);

const DESTRUCTIVE = new Set(CATALOGUE.tests.filter(({ options }) => options.destructive).map(({ id }) => id));
const destructive = (id: string): boolean => DESTRUCTIVE.has(id);

const RECORDS = 'results.jsonl';
/** The reports that are derived from the records. */
const REPORTS = ['junit.xml', 'report.html'];

/** Writes the records of a run to the file and to stdout immediately, and its reports at the end. */
export class Results {
  readonly #records: ResultRecord[] = [];
  readonly #terminal: TerminalReporter;
  /** Where GitHub's runner reads commands: not from stdout if that is for the records alone. */
  readonly #log: NodeJS.WritableStream;
  #writer: RecordWriter | undefined;

  constructor(private readonly options: ResultsOptions) {
    if (!options.stream) makeFolder(options.out);
    this.#log = options.reporter === 'terminal' ? process.stdout : process.stderr;
    if (isOnGithub() && !options.stream) quoteLog(this.#log);
    const tty = process.stdout.isTTY ?? false;
    this.#terminal = new TerminalReporter(process.stdout, {
      tty,
      color: tty && !process.env['NO_COLOR'],
      verbose: options.verbose ?? false,
      strict: options.strict ?? false,
      describe,
      destructive,
    });
  }

  /** Whether there is no record yet. */
  get empty(): boolean {
    return this.#records.length === 0;
  }

  add(record: ResultRecord): void {
    this.#records.push(record);
    // Opened late: a run that cannot start keeps the results of the previous run.
    if (!this.options.stream) this.#writer ??= this.#replaceOldResults();
    this.#writer?.write(record);
    if (this.options.stream || this.options.reporter === 'json') stdout.data(encodeRecord(record));
    else this.#terminal.record(record);
  }

  /**
   * Removes the reports and traces of an earlier run, which must not remain next to the records of this one, however it
   * ends.
   */
  #replaceOldResults(): RecordWriter {
    const { out } = this.options;
    for (const name of REPORTS) rmSync(join(out, name), { force: true });
    const traces = join(out, 'traces');
    const old = existsSync(traces) ? readdirSync(traces, { recursive: true, encoding: 'utf8' }) : [];
    for (const name of old.filter((each) => /\.(txt|pcapng)$/.test(each))) rmSync(join(traces, name), { force: true });
    return new RecordWriter(join(out, RECORDS), this.options.isCopy);
  }

  /**
   * Runs `work`, which adds the records of a run, then writes the reports, even if `work` fails. Returns the exit code of
   * the reports. Throws the error of `work`, and an EnvironmentError if another run writes to the same folder.
   */
  async runAndReport(work: () => Promise<unknown>): Promise<number> {
    const { stream, out } = this.options;
    const unlock = stream ? undefined : await lockFolder(out);
    try {
      return await this.#runAndReport(work);
    } finally {
      unlock?.();
    }
  }

  async #runAndReport(work: () => Promise<unknown>): Promise<number> {
    try {
      await work();
    } catch (error) {
      this.#writer?.close();
      // On a full disk the reports fail as well; only the first error is shown.
      if (this.#records.length > 0) await this.#report().catch(() => undefined);
      throw error;
    }
    this.#writer?.close();
    return this.#report();
  }

  /** Writes the files and prints the summary that are derived from the records. Returns the exit code. */
  async #report(): Promise<number> {
    const { out, reporter, stream = false, strict = false, junitProfile: profile = 'rich' } = this.options;
    const groups = groupSessions(this.#records);
    if (!stream) {
      const [{ junit }, { html }] = await Promise.all([
        import('../../reports/junit.js'),
        import('../../reports/html.js'),
      ]);
      const traces = await this.#traces(groups);
      const attachments = (test: TestRecord): string[] => attachmentsIn(out, test);
      writeWhole(join(out, 'junit.xml'), junit(groups, { profile, strict, describe, attachments }));
      writeWhole(
        join(out, 'report.html'),
        html(groups, { strict, catalogue: CATALOGUE, attachments: linksFrom(out, attachments) }),
      );
      if (reporter === 'terminal') {
        this.#terminal.summary(groups);
        printPaths(out, [RECORDS, ...REPORTS]);
        if (traces > 0) stdout.line(`traces: ${traces} in ${join(out, 'traces')}`);
      }
      if (this.options.updateExpectations) await this.#draft(groups);
      const isWholeRun = this.options.shard === undefined && !this.options.isCopy;
      if (isOnGithub() && isWholeRun) await publishOnGithub(groups, { strict, describe }, this.#log);
    }
    return exitCode(groups, { strict });
  }

  /** Writes each trace as text and its frames as a capture. Returns their number. */
  async #traces(groups: readonly Group[]): Promise<number> {
    const { pcapng } = await import('../../reports/pcapng.js');
    let written = 0;
    for (const group of groups) {
      const folder = tracesOf(this.options.out, group.session.target);
      for (const test of group.tests) {
        if (!test.trace?.length) continue;
        mkdirSync(folder, { recursive: true });
        const capture = pcapng(test.trace);
        const [text, frames] = traceFiles(this.options.out, test);
        writeWhole(text, traceText(test.trace));
        if (capture) writeWhole(frames, capture);
        written++;
      }
    }
    return written;
  }

  async #draft(groups: readonly Group[]): Promise<void> {
    const { expectationsDraft } = await import('../../reports/draft.js');
    for (const group of groups) {
      const text = expectationsDraft(group, this.options.strict ?? false);
      if (text === undefined) continue;
      const file = join(this.options.out, `${fileName(group.session.target)}.expectations.draft.yaml`);
      writeWhole(file, text);
      stderr.line(`netifspec: wrote ${file}: give each entry a reason and a source`);
    }
  }
}

/** The files of a test's trace in the folder `out`, relative to the working directory if they are below it. */
export function attachmentsIn(out: string, test: TestRecord): string[] {
  if (!test.trace?.length) return [];
  return traceFiles(out, test)
    .filter((file) => existsSync(file))
    .map(displayPath);
}

/** The addresses of a test's files, relative to a page in `folder`. */
export function linksFrom(folder: string, attachments: (test: TestRecord) => string[]): typeof attachments {
  return (test) => attachments(test).map((file) => relative(folder, file).split(sep).map(encodeURIComponent).join('/'));
}

const tracesOf = (out: string, target: string): string => join(out, 'traces', fileName(target));

/** The files of a test's trace: the text, and a capture of its frames. */
function traceFiles(out: string, { target, id }: TestRecord): [text: string, frames: string] {
  const path = join(tracesOf(out, target), fileName(id));
  return [`${path}.txt`, `${path}.pcapng`];
}

/** A name in a record as the name of a file: the records may come from an untrusted host. */
export function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '_').replace(/\.{2,}/g, '_');
}

/** A path relative to the working directory if it is below it, else absolute. */
function displayPath(path: string): string {
  const here = relative('.', path);
  return here.startsWith('..') ? resolve(path) : here;
}

/** Writes files to the folder of results, and prints their paths. */
export function writeFiles(out: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) writeWhole(join(out, file), text);
  printPaths(out, Object.keys(files));
}

function printPaths(out: string, files: readonly string[]): void {
  stdout.line(`results: ${files.map((file) => join(out, file)).join('  ')}`);
}
