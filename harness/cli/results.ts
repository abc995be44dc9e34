import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { requirement } from '../../suites/requirements/index.js';
import { type Describe, traceText } from '../../reports/explain.js';
import type { JunitProfile } from '../../reports/junit.js';
import { encodeRecord, exitCode, type Group, groupSessions, RecordWriter } from '../../reports/records.js';
import { TerminalReporter } from '../../reports/terminal.js';
import type { ResultRecord, TestRecord } from '../run/record.js';

export interface ResultsOptions {
  /** Folder for the files. */
  readonly out: string;
  readonly reporter: 'terminal' | 'json';
  /** Records go to stdout alone: whoever reads them there makes the files. */
  readonly stream?: boolean;
  readonly strict?: boolean;
  readonly junitProfile?: JunitProfile;
  readonly verbose?: boolean;
  /** Whether to write a draft of expectations for what failed. */
  readonly updateExpectations?: boolean;
}

export const describe: Describe = (id) => {
  try {
    return requirement(id);
  } catch {
    // Records may come from another version of netifspec, with requirements that this one doesn't know.
    return undefined;
  }
};

/** Takes the records of a run as they come, to the file and to stdout, and makes its reports at the end. */
export class Results {
  readonly #records: ResultRecord[] = [];
  readonly #terminal: TerminalReporter;
  #writer: RecordWriter | undefined;

  constructor(private readonly options: ResultsOptions) {
    if (!options.stream) makeFolder(options.out);
    const tty = process.stdout.isTTY ?? false;
    this.#terminal = new TerminalReporter(process.stdout, {
      tty,
      color: tty && !process.env['NO_COLOR'],
      verbose: options.verbose ?? false,
      strict: options.strict ?? false,
      describe,
    });
  }

  /** Whether nothing has come yet. */
  get empty(): boolean {
    return this.#records.length === 0;
  }

  add(record: ResultRecord): void {
    this.#records.push(record);
    // Not before: a run that can't even begin leaves the results of the one before it.
    if (!this.options.stream) this.#writer ??= new RecordWriter(join(this.options.out, 'results.jsonl'));
    this.#writer?.write(record);
    if (this.options.stream || this.options.reporter === 'json') process.stdout.write(encodeRecord(record));
    else this.#terminal.record(record);
  }

  /**
   * Lets `work` add the records of a run, and reports them: also where it fails in the middle, so that no reports of an
   * earlier run stand beside records of this one. Answers the exit code of the reports.
   */
  async of(work: () => Promise<unknown>): Promise<number> {
    try {
      await work();
    } catch (error) {
      this.#writer?.close();
      if (this.#records.length > 0) await this.#report();
      throw error;
    }
    this.#writer?.close();
    return this.#report();
  }

  /** Writes the files and the summary that are derived from the records; answers the exit code. */
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
      writeWhole(join(out, 'report.html'), html(groups, { strict, describe }));
      if (reporter === 'terminal') {
        this.#terminal.summary(groups);
        sayResults(out, ['results.jsonl', 'junit.xml', 'report.html']);
        if (traces > 0) process.stdout.write(`traces: ${traces} in ${join(out, 'traces')}\n`);
      }
      if (this.options.updateExpectations) await this.#draft(groups);
    }
    return exitCode(groups, { strict });
  }

  /** Writes each trace as text, and the frames in it as a capture, in the place of an earlier run's; answers how many. */
  async #traces(groups: readonly Group[]): Promise<number> {
    const { pcapng } = await import('../../reports/pcapng.js');
    let written = 0;
    const folderOf = ({ session }: Group): string => tracesOf(this.options.out, session.target);
    for (const folder of new Set(groups.map(folderOf))) {
      const old = existsSync(folder) ? readdirSync(folder).filter((name) => /\.(txt|pcapng)$/.test(name)) : [];
      for (const name of old) rmSync(join(folder, name));
    }
    for (const group of groups) {
      const folder = folderOf(group);
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
      process.stderr.write(`netifspec: ${file} has an entry for each failure: give each a reason and a source\n`);
    }
  }
}

/**
 * The files of a test's trace that are in the folder `out`, as seen from the working directory where they lie below it.
 */
export function attachmentsIn(out: string, test: TestRecord): string[] {
  if (!test.trace?.length) return [];
  return traceFiles(out, test)
    .filter((file) => existsSync(file))
    .map(fromHere);
}

const tracesOf = (out: string, target: string): string => join(out, 'traces', fileName(target));

/** Where a test's trace is written, as text and the frames in it as a capture. */
function traceFiles(out: string, { target, id }: TestRecord): [text: string, frames: string] {
  const path = join(tracesOf(out, target), fileName(id));
  return [`${path}.txt`, `${path}.pcapng`];
}

/** A name in a record as one of a file: records may come from a host that lies. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '_').replace(/\.{2,}/g, '_');
}

/** A path relative to the working directory, absolute where it leads out of there. */
function fromHere(path: string): string {
  const here = relative('.', path);
  return here.startsWith('..') ? resolve(path) : here;
}

/** Makes the folder of results, before the work for them: that nothing can be written is better known at once. */
export function makeFolder(out: string): void {
  mkdirSync(out, { recursive: true });
}

/** Writes files into the folder of results, and says where they are. */
export function writeFiles(out: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) writeWhole(join(out, file), text);
  sayResults(out, Object.keys(files));
}

function sayResults(out: string, files: readonly string[]): void {
  process.stdout.write(`results: ${files.map((file) => join(out, file)).join('  ')}\n`);
}

/** Under its name a file is whole or not there. */
export function writeWhole(path: string, text: string | Buffer): void {
  const temporary = join(path, '..', `.${basename(path)}.new`);
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
