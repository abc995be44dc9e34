import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { labDown, type LabHandle, labSsh, labStatus, labUp } from '../lab/index.js';
import type { Release } from '../lab/release.js';
import { installed } from '../remote/installed.js';
import { type Pack, pack } from '../remote/pack.js';
import { packageRoot } from '../root.js';
import { loadTarget } from '../run/target.js';
import { fail, UsageError } from './exit.js';
import { onInterrupt } from './interrupt.js';
import { repeat } from './repeat.js';
import { claims, refuseSameNames } from './run.js';
import type { ResultsOptions } from './results.js';
import { runThere } from './run-there.js';
import { type Selection, selectTests, specOf } from './select.js';

export interface LabUpOptions {
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
}

/** The stock targets that run unless others are named. */
const STOCK: Readonly<Record<Release, string[]>> = {
  bookworm: ['linux-netfront', 'linux-netback'],
  trixie: ['linux-netfront-trixie', 'linux-netback-trixie'],
};

/**
 * The embedded reference drivers, in the same guests once those are free, and what they are tested for there: what
 * Linux's drivers don't have. The connection test comes along, on which the others stand.
 */
const REFERENCES: Readonly<Record<string, string[]>> = {
  'reference-frontend': [
    'frontend.xenbus.connect',
    'frontend.gso.*',
    'frontend.multicast.*',
    'frontend.control.*',
    'frontend.staging.*',
  ],
  'reference-backend': [
    'backend.xenbus.connect',
    'backend.gso.*',
    'backend.extras.*',
    'backend.multicast.*',
    'backend.control.*',
    'backend.hash.*',
    'backend.gref.*',
    'backend.staging.*',
  ],
};

/** How long the contract tests may take under emulation. */
const CONTRACT_MS = 120_000;

/** Tells the user something, a line. */
export const log = (line: string): void => void process.stderr.write(`lab: ${line}\n`);

/** `netifspec lab up` */
export async function labUpCommand(options: LabUpOptions): Promise<number> {
  await up(options);
  return 0;
}

/** `netifspec lab run`: the lab comes up, and each target runs the way that any lab host's would. */
export async function labRunCommand(options: LabRunOptions): Promise<number> {
  const { role } = options;
  const files = (options.target ?? STOCK[options.release])
    .map(targetFile)
    .filter((file) => role === undefined || loadTarget(file).role === role);
  // What is asked for is looked at before the lab takes its time to come up.
  specOf(options);
  refuseSameNames(files.map(loadTarget));
  for (const file of files) selectTests({ ...options, role: loadTarget(file).role });
  if (files.length === 0) throw new UsageError(`--role ${role}: none of the targets is one`);
  const lab = await up(options);
  const interrupt = onInterrupt();
  try {
    const archive = await pack();
    const { repeat: rounds } = options;
    if (rounds !== undefined) {
      const byName = new Map(files.map((file) => [loadTarget(file).name, file]));
      const code = await repeat({
        rounds,
        out: join(options.out, `repeat-${whatRuns(archive, files, options)}`),
        targets: [...byName.keys()],
        strict: options.strict ?? false,
        log,
        print: (table) => void process.stdout.write(table),
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
    const all = !options.target && !options.test && !options.shard && !role && !interrupt.signal.aborted;
    if (all) codes.push(await proveOurselves(lab, archive, options, interrupt.signal));
    return interrupt.signal.aborted ? 3 : Math.max(...codes);
  } finally {
    interrupt.release();
    if (!options.keep) await labDown(log);
  }
}

/** Names all that decides what a run finds: rounds of one name are rounds of the same. */
function whatRuns(archive: Pack, files: readonly string[], options: LabRunOptions): string {
  const { release, spec, slow, module, guest } = options;
  const hash = createHash('sha256').update(JSON.stringify([archive.key, release, spec, slow]));
  for (const name of guest === undefined ? [] : readdirSync(guest, { recursive: true, encoding: 'utf8' }).sort()) {
    // Disks may be larger than what can be read.
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

/** Each run has a guest of its own, so they go on side by side; one that can't even start leaves the others their end. */
async function allCodes(runs: readonly Promise<number>[]): Promise<number[]> {
  const ended = await Promise.allSettled(runs);
  return ended.map((end) => (end.status === 'fulfilled' ? end.value : fail(end.reason)));
}

/** Each target has a folder of its own. */
function inFolder(options: LabRunOptions, file: string): LabRunOptions {
  return { ...options, out: join(options.out, loadTarget(file).name) };
}

/** Runs one target from dom0, with its results in `options.out`; answers the exit code there. */
async function runTarget(file: string, options: LabRunOptions, lab: LabHandle, signal: AbortSignal): Promise<number> {
  const { name } = loadTarget(file);
  const started = performance.now();
  const { release, module, guest } = options;
  const command = [
    ...['netifspec', 'lab', 'run', '--release', release, '--target', targetFile(name) === file ? name : file],
    ...(module === undefined ? [] : ['--module', module]),
    ...(guest === undefined ? [] : ['--guest', guest]),
    ...claims(options),
  ];
  // To keep the lab is not to keep a run's vifs.
  const code = await runThere(
    { ...options, keep: false, target: file, command, ssh: lab.ssh, reporter: 'terminal' },
    signal,
  );
  log(`${name} took ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return code;
}

/** `netifspec lab status` */
export async function labStatusCommand(): Promise<number> {
  const status = await labStatus();
  process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
  return status.running ? 0 : 1;
}

/** `netifspec lab ssh` */
export function labSshCommand(command: string[]): Promise<number> {
  return labSsh(command);
}

/** `netifspec lab down` */
export async function labDownCommand(): Promise<number> {
  await labDown(log);
  return 0;
}

/** Brings the lab up as the options say. */
export async function up(options: LabUpOptions): Promise<LabHandle> {
  return labUp({
    release: options.release,
    install: options.install ?? false,
    log,
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.module ? { module: options.module } : {}),
    ...(options.guest ? { guest: options.guest } : {}),
  });
}

/**
 * Proves netifspec itself on the lab's Xen: by the contract of its port there, and by its reference drivers, which do
 * what no other does. A fault there would be one of every result. What was proven once of this build isn't again.
 */
async function proveOurselves(
  lab: LabHandle,
  archive: Pack,
  options: LabRunOptions,
  signal: AbortSignal,
): Promise<number> {
  const proven = join(dirname(lab.ssh.identity), `proven-${archive.key}`);
  if (existsSync(proven)) {
    log('contract of the port and reference drivers: proven when this build ran here first');
    return 0;
  }
  // Whatever a driver is held to, our own are proven in full.
  const { release, out, verbose = false } = options;
  const references = Object.entries(REFERENCES).map(([name, test]) =>
    runTarget(targetFile(name), inFolder({ release, out, verbose, test }, targetFile(name)), lab, signal),
  );
  const codes = await allCodes(references);
  if (!signal.aborted) codes.push(await contract(lab, archive, signal));
  const worst = Math.max(...codes);
  if (worst === 0) writeFileSync(proven, '');
  return worst;
}

/** Runs the contract tests of the native adapter, and those of the addon, in dom0. Answers 3 if a test fails. */
async function contract(lab: LabHandle, archive: Pack, signal: AbortSignal): Promise<number> {
  return installed({ ssh: lab.ssh, log, signal }, archive, async (ssh, { home, node }) => {
    const { code, stdout, stderr } = await ssh.exec(
      `cd ${home}/${archive.key} && NETIFSPEC_REQUIRE_XEN=1 ${node} --expose-gc dist/bundle/harness/lab/contract.js`,
      { deadlineMs: CONTRACT_MS, signal },
    );
    const passed = /^ *\d+ passing.*$/m.exec(stdout)?.[0].trim() ?? '';
    log(`contract of the port, native: ${code === 0 ? `kept (${passed})` : `BROKEN\n${stdout}${stderr}`}`);
    return code === 0 ? 0 : 3;
  });
}

/** A target's file: one of the lab's own by its name, any other by its path. */
function targetFile(target: string): string {
  const own = join(packageRoot, 'harness/lab/targets', `${target}.yaml`);
  return existsSync(own) ? own : target;
}
