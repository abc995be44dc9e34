import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stderr, stdout } from '../base/terminal.js';
import { type ArchitectureName, ARCHITECTURES } from '../lab/architecture.js';
import { type Lab, labDown, labSsh, labStatus, labUp } from '../lab/index.js';
import { type Machine, machineFor } from '../lab/machine.js';
import type { Release } from '../lab/release.js';
import { quotePosix } from '../ssh/posix.js';
import { installed } from '../remote/installed.js';
import type { Pack } from '../remote/pack.js';
import { packageRoot } from '../base/root.js';
import { loadTarget } from '../run/target.js';
import { UsageError } from '../base/errors.js';
import { fail } from './exit.js';
import { type ExploreCommandOptions, exploreOnHost, refuseStrengthAlone, scriptOf } from './explore.js';
import { onInterrupt } from './interrupt.js';
import { explained } from './paths.js';
import { repeat } from './repeat.js';
import { verdictArgs } from './options.js';
import { refuseSameNames } from './run.js';
import type { ResultsOptions } from './results.js';
import { runOnHost } from './run-on-host.js';
import { failedIn, type Selection, selectTests, specOf } from './select.js';

export interface LabUpOptions {
  readonly arch: ArchitectureName;
  readonly release: Release;
  readonly install?: boolean;
  readonly fresh?: boolean;
  readonly module?: string;
  readonly guest?: string;
}

type Reporting = Pick<ResultsOptions, 'out' | 'strict' | 'junitProfile' | 'verbose' | 'updateExpectations'>;

export interface LabRunOptions extends LabUpOptions, Selection, Reporting {
  readonly target?: readonly string[];
  readonly keep?: boolean;
  readonly slow?: boolean;
  readonly trace?: 'failed' | 'all';
  readonly repeat?: number;
  readonly maxFailures?: number;
}

export type LabExploreOptions = LabUpOptions & Omit<ExploreCommandOptions, 'on'> & { readonly keep?: boolean };

/** The stock targets, by release: the default of --target. */
const STOCK: Readonly<Record<Release, string[]>> = {
  bookworm: ['linux-netfront', 'linux-netback'],
  trixie: ['linux-netfront-trixie', 'linux-netback-trixie'],
  forky: ['linux-netfront-forky', 'linux-netback-forky'],
};

/**
 * The reference drivers, which run in the same guests after Linux's drivers, and their tests: those of features that
 * Linux's drivers lack, and the connection test.
 */
const REFERENCES: Readonly<Record<string, string[]>> = {
  'reference-frontend': ['frontend.xenbus.connect', 'frontend.multicast.*', 'frontend.control.*', 'frontend.staging.*'],
  'reference-backend': [
    'backend.xenbus.connect',
    'backend.extras.*',
    'backend.gref.*',
    'backend.mapped.*',
    'backend.staging.*',
  ],
};

/** Time limit of the contract tests, under emulation, in milliseconds. */
const CONTRACT_MS = 120_000;

/** Prints a line of progress. */
export const log = (line: string): void => stderr.line(`lab: ${line}`);

/** `netifspec lab up` */
export async function labUpCommand(options: LabUpOptions): Promise<number> {
  await up(options);
  return 0;
}

/** `netifspec lab run`: brings the lab up and runs each target as on any other host. Returns the worst exit code. */
export async function labRunCommand(options: LabRunOptions): Promise<number> {
  const files = selectTargets(options);
  const lab = await up(options, machineOf(files, options));
  const interrupt = onInterrupt();
  try {
    const { repeat: rounds } = options;
    if (rounds !== undefined) {
      const byName = new Map(files.map((file) => [loadTarget(file).name, file]));
      const code = await repeat({
        rounds,
        out: join(options.out, `repeat-${runHash(lab.pack, files, options)}`),
        targets: [...byName.keys()],
        strict: options.strict ?? false,
        log,
        print: (table) => stdout.line(table.trimEnd()),
        run: (folders) =>
          allCodes(
            [...folders].map(([name, out]) =>
              runTarget(byName.get(name) ?? name, { ...options, out }, lab, interrupt.signal),
            ),
          ),
        signal: interrupt.signal,
      });
      return interrupt.signal.aborted ? 3 : code;
    }
    const runs = files.map((file) => runTarget(file, inFolder(options, file), lab, interrupt.signal));
    const codes = await allCodes(runs);
    const { target, test, shard, role, maxFailures, lastFailed } = options;
    const all = !(target ?? test ?? shard ?? role ?? maxFailures ?? lastFailed) && !interrupt.signal.aborted;
    if (all) codes.push(await selfTest(lab, options, interrupt.signal));
    return interrupt.signal.aborted ? 3 : Math.max(...codes);
  } finally {
    interrupt.release();
    if (!options.keep) await labDown(log);
  }
}

/** `netifspec lab explore`: explores each target as on any other host. Returns the worst exit code. */
export async function labExploreCommand(options: LabExploreOptions): Promise<number> {
  refuseStrengthAlone(options);
  const script = scriptOf(options);
  const files = (options.target ?? STOCK[options.release])
    .map(targetFile)
    .filter((file) => script === undefined || loadTarget(file).role === script.role);
  if (files.length === 0) throw new UsageError(`--replay: no target is a ${script?.role}; check --target`);
  refuseSameNames(files.map(loadTarget));
  const lab = await up(options, machineOf(files, options));
  const interrupt = onInterrupt();
  try {
    const runs = files.map((file) => {
      const { name } = loadTarget(file);
      const command = ['netifspec', 'lab', 'explore', ...chosen(options), '--target', name];
      return exploreOnHost(
        file,
        { ...options, out: join(options.out, name) },
        { command, ssh: lab.ssh, pack: lab.pack },
        interrupt.signal,
      );
    });
    const codes = await allCodes(runs);
    return interrupt.signal.aborted ? 3 : Math.max(...codes);
  } finally {
    interrupt.release();
    if (!options.keep) await labDown(log);
  }
}

/** The target files to run. Checks the options before the lab boots, which takes long. Throws a UsageError. */
function selectTargets(options: LabRunOptions): string[] {
  const { role, module, guest, repeat: rounds, maxFailures, lastFailed } = options;
  if (rounds !== undefined && (maxFailures !== undefined || lastFailed)) {
    throw new UsageError('--repeat compares whole rounds; omit --max-failures and --last-failed');
  }
  if (module !== undefined && !existsSync(module))
    throw new UsageError(`--module ${module}: no such file; give the path of a .ko file`);
  if (guest !== undefined && !existsSync(join(guest, 'domain.cfg'))) {
    throw new UsageError(`--guest ${guest}: no domain.cfg in this folder; give a folder with an xl configuration`);
  }
  specOf(options);
  const files = (options.target ?? STOCK[options.release])
    .map(targetFile)
    .filter((file) => role === undefined || loadTarget(file).role === role);
  if (files.length === 0) throw new UsageError(`--role ${role}: no target has this role; check --target`);
  refuseSameNames(files.map(loadTarget));
  const due = lastFailed ? files.filter((file) => hasFailed(inFolder(options, file).out, options.strict)) : files;
  if (due.length === 0) {
    throw new UsageError(`--last-failed: no test failed in ${options.out}; there is nothing to run again`);
  }
  for (const file of due) selectTests({ ...inFolder(options, file), role: loadTarget(file).role });
  return due;
}

/** Whether the last run of a target, with its results in a folder, had a failure. */
function hasFailed(out: string, strict = false): boolean {
  return existsSync(out) && failedIn(out, strict).size > 0;
}

/** A hash of everything that affects the results: rounds with the same hash can be compared. */
function runHash(archive: Pack, files: readonly string[], options: LabRunOptions): string {
  const { arch, release, spec, slow, module, guest } = options;
  const hash = createHash('sha256').update(JSON.stringify([archive.key, arch, release, spec, slow]));
  for (const name of guest === undefined ? [] : readdirSync(guest, { recursive: true, encoding: 'utf8' }).sort()) {
    // Disk images may be too large to hash.
    const { size, mtimeMs } = statSync(join(guest ?? '', name), { throwIfNoEntry: false }) ?? {};
    hash.update(JSON.stringify([name, size, mtimeMs]));
  }
  for (const file of files) {
    const { role, expectations } = loadTarget(file);
    hash.update(JSON.stringify(selectTests({ ...options, role }).map(({ id }) => id)));
    for (const part of [file, expectations, module]) if (part !== undefined) hash.update(readFileSync(part));
  }
  return hash.digest('hex').slice(0, 8);
}

/** Waits for runs in parallel, each with its own guest; a run that cannot start does not end the others. */
async function allCodes(runs: readonly Promise<number>[]): Promise<number[]> {
  const ended = await Promise.allSettled(runs);
  return ended.map((end) => (end.status === 'fulfilled' ? end.value : fail(explained(end.reason))));
}

/** The options with the folder of results of one target. */
function inFolder(options: LabRunOptions, file: string): LabRunOptions {
  return { ...options, out: join(options.out, loadTarget(file).name) };
}

/** Runs one target from dom0, with its results in `options.out`. Returns the exit code. */
async function runTarget(file: string, options: LabRunOptions, lab: Lab, signal: AbortSignal): Promise<number> {
  const { name } = loadTarget(file);
  const started = performance.now();
  const { module, guest } = options;
  const command = [
    ...['netifspec', 'lab', 'run', ...chosen(options), '--target', targetFile(name) === file ? name : file],
    ...(module === undefined ? [] : ['--module', module]),
    ...(guest === undefined ? [] : ['--guest', guest]),
    ...verdictArgs(options),
  ];
  // The --keep of `lab run` keeps the lab, not vifs.
  const code = await runOnHost(
    { ...options, keep: false, target: file, command, ssh: lab.ssh, pack: lab.pack, reporter: 'terminal' },
    signal,
  );
  log(`${name} took ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return code;
}

/** `netifspec lab status`: returns 0, whether or not the lab runs. */
export async function labStatusCommand(): Promise<number> {
  stdout.line(JSON.stringify(await labStatus(), null, 2));
  return 0;
}

/** `netifspec lab ssh`: returns the exit code of ssh. */
export function labSshCommand(command: string[]): Promise<number> {
  return labSsh(command);
}

/** `netifspec lab down` */
export async function labDownCommand(): Promise<number> {
  await labDown(log);
  return 0;
}

/** The machine that these target files need. Throws a UsageError if no machine fits. */
function machineOf(files: readonly string[], { arch, release, module }: LabUpOptions): Machine {
  const names = files.map((file) => loadTarget(file).name);
  return machineFor(names, { architecture: ARCHITECTURES[arch], release, module });
}

/** The options that say which lab a command used. */
function chosen({ arch, release }: LabUpOptions): string[] {
  return ['--arch', arch, '--release', release];
}

/** Brings the lab up with these options. */
export async function up(options: LabUpOptions, machine = machineOf([], options)): Promise<Lab> {
  return labUp({
    release: options.release,
    machine,
    install: options.install ?? false,
    log,
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.module ? { module: options.module } : {}),
    ...(options.guest ? { guest: options.guest } : {}),
  });
}

/**
 * Tests netifspec itself on the lab's Xen: the contract of its port, and its reference drivers, which support features
 * that no other driver has. A bug there would affect every result. A build that passed once is not tested again.
 */
async function selfTest(lab: Lab, options: LabRunOptions, signal: AbortSignal): Promise<number> {
  const proven = join(dirname(lab.ssh.identity), `proven-${lab.pack.key}`);
  if (existsSync(proven)) {
    log('self-test (contract of the port, reference drivers): this build passed earlier');
    return 0;
  }
  // The options apply to other drivers only: the reference drivers run all of their tests.
  const { arch, release, out, verbose = false } = options;
  const references = Object.entries(REFERENCES).map(([name, test]) =>
    runTarget(targetFile(name), inFolder({ arch, release, out, verbose, test }, targetFile(name)), lab, signal),
  );
  const codes = await allCodes(references);
  if (!signal.aborted) codes.push(await contract(lab, signal));
  const worst = Math.max(...codes);
  if (worst === 0) writeFileSync(proven, '');
  return worst;
}

/** Runs the tests of the native adapter and of the addon in dom0. Returns 3 if a test fails. */
async function contract(lab: Lab, signal: AbortSignal): Promise<number> {
  const { pack: archive } = lab;
  return installed({ ssh: lab.ssh, log, signal }, archive, async (ssh, { home, node }) => {
    const { code, stdout, stderr } = await ssh.exec(
      `cd ${quotePosix(`${home}/${archive.key}`)} && NETIFSPEC_REQUIRE_XEN=1 ${node} --expose-gc dist/bundle/harness/lab/contract.js`,
      { deadlineMs: CONTRACT_MS, signal },
    );
    const passed = /^ *\d+ passing.*$/m.exec(stdout)?.[0].trim() ?? '';
    log(
      `self-test: contract of the port ${code === 0 ? `passed (${passed})` : `FAILED; please report it:\n${stdout}${stderr}`}`,
    );
    return code === 0 ? 0 : 3;
  });
}

/** The file of a target: targets of the lab are given by name, others by path. */
function targetFile(target: string): string {
  const own = join(packageRoot, 'harness/lab/targets', `${target}.yaml`);
  return existsSync(own) ? own : target;
}
