import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { requirement } from '../../suites/requirements/index.js';
import type { Describe } from '../../reports/explain.js';
import { html } from '../../reports/html.js';
import { junit } from '../../reports/junit.js';
import { encodeRecord, exitCode, groupSessions, RecordWriter } from '../../reports/records.js';
import { TerminalReporter } from '../../reports/terminal.js';
import { Expectations, loadExpectations } from '../run/expectations.js';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord } from '../run/record.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { isSimulated, loadTarget, referenceTarget, type Target } from '../run/target.js';
import { UsageError } from './exit.js';
import { selectTests, type Selection } from './select.js';

export interface RunOptions extends Selection {
  readonly target?: readonly string[];
  readonly on?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly out: string;
  readonly seed: number;
  readonly reporter: 'terminal' | 'json';
  readonly slow?: boolean;
  readonly strict?: boolean;
  readonly verbose?: boolean;
}

const describe: Describe = (id) => {
  try {
    return requirement(id);
  } catch {
    // Records may come from another version of netifspec, with requirements that this one doesn't know.
    return undefined;
  }
};

/** `netifspec run`: answers the exit code. */
export async function runCommand(options: RunOptions): Promise<number> {
  const interrupt = onInterrupt();
  try {
    return options.on === undefined
      ? await runHere(options, interrupt)
      : await runThere(options, options.on, interrupt);
  } finally {
    interrupt.release();
  }
}

async function runHere(options: RunOptions, interrupt: Interrupt): Promise<number> {
  const targets = options.target?.map(loadTarget) ?? [referenceTarget('frontend'), referenceTarget('backend')];
  const tests = selectTests(options);
  const plans = targets
    .map((target) => ({ target, tests: tests.filter((test) => test.role === target.role) }))
    .filter((plan) => plan.tests.length > 0);
  if (plans.length === 0) throw new UsageError('none of the selected tests is for the role of a selected target');
  const results = new Results(options);
  try {
    for (const { target, tests: planned } of plans) {
      const expectations = new Expectations(target.expectations ? loadExpectations(target.expectations) : []);
      await runSession({
        target,
        open: () => openIut(target, options.seed),
        tests: planned,
        expectations,
        seed: options.seed,
        slow: options.slow ?? false,
        onRecord: (record) => results.add(record),
        log: (line) => process.stderr.write(`netifspec: ${line}\n`),
        signal: interrupt.signal,
      });
      if (interrupt.signal.aborted) break;
    }
  } finally {
    results.close();
  }
  return results.report();
}

/** The native adapter is loaded only for a target that needs it. */
async function openIut(target: Target, seed: number) {
  if (isSimulated(target)) return openSimulatedIut(target.role, seed);
  const { openNativeIut } = await import('../run/native-iut.js');
  return openNativeIut(target);
}

async function runThere(options: RunOptions, host: string, interrupt: Interrupt): Promise<number> {
  const [target, ...others] = options.target ?? [];
  if (target === undefined || others.length > 0) throw new UsageError('--on goes with exactly one --target');
  loadTarget(target);
  return runRemotely({ ...options, target, ssh: sshOptions(host, options) }, interrupt.signal);
}

export interface RemoteOptions extends Omit<RunOptions, 'target' | 'on'> {
  readonly target: string;
  readonly ssh: { host: string; port?: number; user?: string; identity?: string; knownHosts: string };
}

/** Runs one target on another host and reports as if it had run here. */
export async function runRemotely(options: RemoteOptions, signal: AbortSignal): Promise<number> {
  const { runRemote } = await import('../remote/remote.js');
  mkdirSync(options.out, { recursive: true });
  const terminal = new TerminalReporter(process.stdout, terminalOptions(options));
  const seen: ResultRecord[] = [];
  const code = await runRemote({
    ssh: options.ssh,
    target: options.target,
    args: [
      ...(options.test ?? []).flatMap((id) => ['--test', id]),
      ...(options.slow ? ['--slow'] : []),
      ...(options.strict ? ['--strict'] : []),
    ],
    out: options.out,
    onRecord: (line) => {
      const record = JSON.parse(line) as ResultRecord;
      seen.push(record);
      if (options.reporter === 'json') process.stdout.write(`${line}\n`);
      else terminal.record(record);
    },
    log: (line) => process.stderr.write(`${line}\n`),
    signal,
  });
  if (seen.length === 0) {
    if (code === 0) throw new EnvironmentError('the remote run ended without a single record');
    return code;
  }
  return Math.max(code, new Report(options, terminal).write(seen));
}

function sshOptions(host: string, options: RunOptions): RemoteOptions['ssh'] {
  const parts = /^(?:([\w.-]+)@)?([\w.-]+|\[[\da-f:.]+\])(?::(\d+))?$/i.exec(host);
  if (!parts?.[2]) throw new UsageError(`--on ${host}: it is [user@]host[:port]`);
  const [, user, name, port] = parts;
  return {
    host: name.replace(/[[\]]/g, ''),
    ...(port ? { port: Number(port) } : {}),
    ...(user ? { user } : {}),
    ...(options.identity ? { identity: options.identity } : {}),
    knownHosts: options.knownHosts ?? join(process.env['HOME'] ?? '', '.ssh', 'known_hosts'),
  };
}

/** Takes the records of a run as they come, to the file and to stdout. */
class Results {
  readonly #records: ResultRecord[] = [];
  readonly #terminal: TerminalReporter;
  readonly #writer: RecordWriter;

  constructor(private readonly options: RunOptions) {
    mkdirSync(options.out, { recursive: true });
    this.#writer = new RecordWriter(join(options.out, 'results.jsonl'));
    this.#terminal = new TerminalReporter(process.stdout, terminalOptions(options));
  }

  add(record: ResultRecord): void {
    this.#records.push(record);
    this.#writer.write(record);
    if (this.options.reporter === 'json') process.stdout.write(encodeRecord(record));
    else this.#terminal.record(record);
  }

  close(): void {
    this.#writer.close();
  }

  report(): number {
    return new Report(this.options, this.#terminal).write(this.#records);
  }
}

/** The files and the summary that are derived from a run's records. */
class Report {
  constructor(
    private readonly options: Pick<RunOptions, 'out' | 'strict' | 'reporter'>,
    private readonly terminal: TerminalReporter,
  ) {}

  /** Writes them and answers the exit code. */
  write(records: readonly ResultRecord[]): number {
    const { out, reporter, strict = false } = this.options;
    const groups = groupSessions(records);
    writeWhole(join(out, 'junit.xml'), junit(groups, { strict, describe }));
    writeWhole(join(out, 'report.html'), html(groups, { strict, describe }));
    if (reporter === 'terminal') {
      this.terminal.summary(groups);
      process.stdout.write(
        `results: ${['results.jsonl', 'junit.xml', 'report.html'].map((f) => join(out, f)).join('  ')}\n`,
      );
    }
    return exitCode(groups, { strict });
  }
}

function terminalOptions(options: Pick<RunOptions, 'verbose' | 'strict'>) {
  const tty = process.stdout.isTTY ?? false;
  return {
    tty,
    color: tty && !process.env['NO_COLOR'],
    verbose: options.verbose ?? false,
    strict: options.strict ?? false,
    describe,
  };
}

/** Under its name a file is whole or not there. */
function writeWhole(path: string, text: string): void {
  const temporary = join(path, '..', `.${basename(path)}.new`);
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

interface Interrupt {
  readonly signal: AbortSignal;
  release(): void;
}

/** The first Ctrl-C ends the run after its current test, so that the driver under test is left clean. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const abort = (): void => {
    process.stderr.write('netifspec: interrupted; ending the current test (once more to stop at once)\n');
    process.once('SIGINT', () => process.exit(130));
    controller.abort();
  };
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: controller.signal,
    release: () => {
      process.removeListener('SIGINT', abort);
      process.removeListener('SIGTERM', abort);
    },
  };
}
