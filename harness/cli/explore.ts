import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stderr } from '../base/terminal.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { UsageError } from '../base/errors.js';
import type { Explorer } from '../explore/explorer.js';
import { SEQUENCES } from '../explore/model/index.js';
import { type ExploreWork, exploreSession, scriptIn } from '../explore/session.js';
import type { ResultRecord, Script } from '../run/record.js';
import { NEWEST_TEXT } from '../run/requirement.js';
import { loadTarget, referenceTarget, type Target } from '../run/target.js';
import { onInterrupt } from './interrupt.js';
import { type DoctorOptions, verdictArgs } from './options.js';
import type { HostWork } from './run-on-host.js';
import { makeFolder, writeWhole } from './paths.js';
import { RewrittenLine } from './progress-line.js';
import { Results } from './results.js';
import { driverModule, expectationsOf, openIut, refuseSameNames } from './run.js';
import { roleOf } from './select.js';

export interface ExploreCommandOptions extends DoctorOptions {
  readonly role?: string;
  readonly target?: readonly string[];
  readonly iut?: string;
  readonly minutes?: number;
  readonly runs?: number;
  readonly seed: number;
  readonly pairs?: boolean;
  readonly strength?: number;
  readonly replay?: string;
  /** The text of the file of --replay, from the host that has it. */
  readonly sequence?: string;
  readonly stream?: boolean;
  readonly out: string;
  readonly strict?: boolean;
}

/** How long an exploration lasts if neither --minutes nor --runs is given. */
const DEFAULT_MINUTES = 1;
const MS_PER_MINUTE = 60_000;

/** `netifspec explore`. Returns the exit code. */
export async function exploreCommand(options: ExploreCommandOptions): Promise<number> {
  refuseStrengthAlone(options);
  const script = scriptOf(options);
  const interrupt = onInterrupt({ output: options.stream ?? false });
  try {
    if (options.iut !== undefined) return await exploreModule(options.iut, options, script, interrupt.signal);
    if (options.on === undefined) return await exploreHere(options, script, interrupt.signal);
    const [file, ...others] = options.target ?? [];
    if (file === undefined || others.length > 0) throw new UsageError('--on needs exactly one --target');
    const { sshOptions } = await import('./run-on-host.js');
    const command = ['netifspec', 'explore', '--on', options.on, '--target', file];
    return await exploreOnHost(file, options, { command, ssh: sshOptions(options.on, options) }, interrupt.signal);
  } finally {
    interrupt.release();
  }
}

/** Rejects --strength where it would be ignored. */
export function refuseStrengthAlone({ pairs, strength }: Pick<ExploreCommandOptions, 'pairs' | 'strength'>): void {
  if (strength !== undefined && !pairs) throw new UsageError('--strength has no effect without --pairs; add --pairs');
}

async function exploreHere(
  options: ExploreCommandOptions,
  script: Script | undefined,
  signal: AbortSignal,
): Promise<number> {
  const { out, seed, strict = false, stream = false } = options;
  const targets = targetsOf(options, script);
  const results = new Results({ out, reporter: 'terminal', strict, stream });
  const scripts = new Scripts(out);
  const log = (line: string): void => stderr.line(`netifspec: ${line}`);
  const code = await results.runAndReport(async () => {
    for (const [n, { target, words }] of targets.entries()) {
      const progress = new Progress(target.name);
      await exploreSession(
        {
          target,
          catalogue: CATALOGUE,
          monitored: true,
          next: targets[n + 1]?.target.name,
          command: ['netifspec', 'explore', ...words, ...verdictArgs({ strict })],
          open: () => openIut(target, seed, log),
          tests: [],
          expectations: expectationsOf(target),
          seed,
          slow: false,
          spec: NEWEST_TEXT,
          onRecord: (record) => {
            results.add(record);
            scripts.add(record);
          },
          log,
          signal,
        },
        { ...workOf(options, script), signal, onProgress: (explorer) => progress.update(explorer) },
      ).finally(() => progress.end());
      if (signal.aborted) break;
    }
  });
  if (!stream) scripts.write();
  return code;
}

/** Explores a driver module on the simulated Xen. */
async function exploreModule(
  file: string,
  options: ExploreCommandOptions,
  script: Script | undefined,
  signal: AbortSignal,
): Promise<number> {
  const { module, name, role } = driverModule(file, { ...options, role: script?.role ?? options.role });
  const { out, seed, strict = false } = options;
  const { exploreWatched } = await import('../module-driver/explored.js');
  const results = new Results({ out, reporter: 'terminal', strict });
  const scripts = new Scripts(out);
  const job = {
    module,
    name,
    command: ['netifspec', 'explore', '--iut', file, '--role', role, ...verdictArgs({ strict })],
    role,
    tests: [],
    seed,
    slow: false,
    spec: NEWEST_TEXT,
    traceAll: false,
    explore: workOf(options, script),
  };
  const add = (record: ResultRecord): void => {
    results.add(record);
    scripts.add(record);
  };
  const code = await results.runAndReport(() => exploreWatched(job, add, signal));
  scripts.write();
  return code;
}

/** Explores one target on another host. Returns the exit code. */
export async function exploreOnHost(
  target: string,
  options: ExploreCommandOptions,
  host: Pick<HostWork, 'command' | 'ssh' | 'pack'>,
  signal: AbortSignal,
): Promise<number> {
  const { workOnHost } = await import('./run-on-host.js');
  const { out, strict = false, node, replay } = options;
  const scripts = new Scripts(out);
  const sequence = replay === undefined ? [] : ['--sequence', readFileSync(replay, 'utf8')];
  const code = await workOnHost(
    {
      ...host,
      target,
      command: [...host.command, ...verdictArgs({ strict })],
      ...(node === undefined ? {} : { node }),
      out,
      reporter: 'terminal',
      strict,
      verb: 'explore',
      args: [...limitArgs(options), ...sequence],
      onRecord: (record) => scripts.add(record),
    },
    signal,
  );
  scripts.write();
  return code;
}

/** What an exploration does, and when it ends. */
function workOf(options: ExploreCommandOptions, script: Script | undefined): ExploreWork {
  const { minutes, runs, seed, pairs, strength } = options;
  const time = minutes ?? (runs === undefined ? DEFAULT_MINUTES : undefined);
  return {
    limits: {
      seed,
      ...(time === undefined ? {} : { ms: time * MS_PER_MINUTE }),
      ...(runs === undefined ? {} : { sequences: runs }),
    },
    ...(script ? { script } : {}),
    ...(pairs ? { strength: strength ?? 2 } : {}),
  };
}

/** The options that decide what an exploration does. */
function limitArgs({ minutes, runs, seed, pairs, strength, strict }: ExploreCommandOptions): string[] {
  const number = (name: string, value: number | undefined): string[] =>
    value === undefined ? [] : [name, String(value)];
  return [
    ...number('--minutes', minutes),
    ...number('--runs', runs),
    ...number('--seed', seed),
    ...(pairs ? ['--pairs'] : []),
    ...number('--strength', strength),
    ...(strict ? ['--strict'] : []),
  ];
}

function targetsOf({ target, role }: ExploreCommandOptions, script?: Script): { target: Target; words: string[] }[] {
  if (target) {
    const targets = target.map((file) => ({ target: loadTarget(file), words: ['--target', file] }));
    refuseSameNames(targets.map((each) => each.target));
    const other = targets.find((each) => script && each.target.role !== script.role);
    if (other) throw new UsageError(`--replay: the sequence is for a ${script?.role}, not for ${other.target.name}`);
    return targets;
  }
  const roles = script ? [script.role] : role === undefined ? (['frontend', 'backend'] as const) : [roleOf(role)];
  return roles.map((each) => ({ target: referenceTarget(each), words: ['--role', each] }));
}

/** The sequence to run again, if one is given. Throws a UsageError if this version does not know it. */
export function scriptOf({ replay, sequence }: Pick<ExploreCommandOptions, 'replay' | 'sequence'>): Script | undefined {
  if (replay !== undefined && !existsSync(replay)) throw new UsageError(`--replay ${replay}: no such file; ${FROM}`);
  const text = replay === undefined ? sequence : readFileSync(replay, 'utf8');
  if (text === undefined) return undefined;
  const where = `--replay ${replay ?? 'of another host'}`;
  const script = scriptIn(text);
  if (!script) throw new UsageError(`${where}: it holds no sequence; ${FROM}`);
  try {
    SEQUENCES[script.role].parse(script);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${where}: ${error.message}; ${FROM}`) : error;
  }
  return script;
}

const FROM = '"netifspec explore" writes one for each failure to the folder "sequences"';

/** The shortest sequences of the failures, as files that `--replay` runs again. */
class Scripts {
  readonly #found: { readonly file: string; readonly script: Script }[] = [];

  constructor(private readonly out: string) {}

  add(record: ResultRecord): void {
    if (record.type !== 'test' || !record.script) return;
    this.#found.push({ file: join(this.out, 'sequences', `${record.id}.json`), script: record.script });
  }

  write(): void {
    if (this.#found.length > 0) makeFolder(join(this.out, 'sequences'));
    for (const { file, script } of this.#found) {
      writeWhole(file, `${JSON.stringify(script, null, 2)}\n`);
      stderr.line(`netifspec: to run it again: netifspec explore --replay ${file}`);
    }
  }
}

/** Seconds between two lines of progress if stderr is not a terminal. */
const LINE_S = 10;

/** Prints the progress to stderr. */
class Progress {
  readonly #line = new RewrittenLine(process.stderr);
  #next = 0;

  constructor(private readonly target: string) {}

  update({ sequences, steps, found }: Explorer): void {
    const { seconds } = this.#line;
    const due = seconds >= this.#next;
    if (due) this.#next = seconds + LINE_S;
    const rate = seconds < 1 ? '' : `, ${Math.round(steps / seconds)} steps/s`;
    this.#line.show(
      `${this.target}: ${sequences} sequences, ${steps} steps${rate}, ${found.length} kinds of failure`,
      due,
    );
  }

  end(): void {
    this.#line.end();
  }
}
