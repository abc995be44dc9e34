import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { labDown, type LabHandle, labSsh, labStatus, labUp } from '../lab/index.js';
import { install } from '../remote/install.js';
import { type Pack, pack } from '../remote/pack.js';
import { Ssh } from '../guest/ssh.js';
import { packageRoot } from '../root.js';
import { loadTarget } from '../run/target.js';
import { fail } from './exit.js';
import { onInterrupt } from './interrupt.js';
import { runThere } from './run-there.js';
import type { Selection } from './select.js';

export interface LabUpOptions {
  readonly install?: boolean;
  readonly fresh?: boolean;
  readonly module?: string;
  readonly guest?: string;
}

export interface LabRunOptions extends LabUpOptions, Selection {
  readonly target?: readonly string[];
  readonly keep?: boolean;
  readonly out: string;
  readonly slow?: boolean;
  readonly strict?: boolean;
  readonly verbose?: boolean;
}

/** The stock targets that run unless others are named. */
const STOCK = ['linux-netfront', 'linux-netback'];

const CONNECT_MS = 30_000;

/** How long the contract tests may take under emulation. */
const CONTRACT_MS = 120_000;

const log = (line: string): void => void process.stderr.write(`lab: ${line}\n`);

/** `netifspec lab up` */
export async function labUpCommand(options: LabUpOptions): Promise<number> {
  await up(options);
  return 0;
}

/** `netifspec lab run`: the lab comes up, and each target runs the way that any lab host's would. */
export async function labRunCommand(options: LabRunOptions): Promise<number> {
  const named = (options.target ?? STOCK).map(targetFile).map((file) => ({ file, name: loadTarget(file).name }));
  const lab = await up(options);
  const interrupt = onInterrupt();
  try {
    const archive = await pack();
    // Once, and not by each run.
    await installed(lab, archive, interrupt.signal, () => Promise.resolve());
    const runs = named.map(async ({ file, name }) => {
      const started = performance.now();
      const code = await runThere(
        { ...options, target: file, ssh: lab.ssh, out: join(options.out, name), reporter: 'terminal' },
        interrupt.signal,
      );
      log(`${name} took ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return code;
    });
    // Each in a guest of its own, so they go on side by side; one that can't even start leaves the others their end.
    const ended = await Promise.allSettled(runs);
    const codes = ended.map((end) => (end.status === 'fulfilled' ? end.value : fail(end.reason)));
    const all = !options.target && !options.test && !interrupt.signal.aborted;
    if (all) codes.push(await contract(lab, archive, interrupt.signal));
    return interrupt.signal.aborted ? 3 : Math.max(...codes);
  } finally {
    interrupt.release();
    if (!options.keep) await labDown(log);
  }
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

async function up(options: LabUpOptions): Promise<LabHandle> {
  return labUp({
    install: options.install ?? false,
    log,
    ...(options.fresh ? { fresh: true } : {}),
    ...(options.module ? { module: options.module } : {}),
    ...(options.guest ? { guest: options.guest } : {}),
  });
}

/**
 * Runs the contract tests of the native adapter, and those of the addon, in dom0: a fault there would be one of every
 * result. What kept it once in such a lab isn't asked again. Answers 3 if a test fails.
 */
async function contract(lab: LabHandle, archive: Pack, signal: AbortSignal): Promise<number> {
  const kept = join(dirname(lab.ssh.identity), `contract-kept-by-${archive.key}`);
  if (existsSync(kept)) {
    log('contract of the port, native: kept when this build ran here first');
    return 0;
  }
  return installed(lab, archive, signal, async (ssh, place) => {
    const { code, stdout, stderr } = await ssh.exec(
      `cd ${place} && NETIFSPEC_REQUIRE_XEN=1 node --expose-gc dist/bundle/harness/lab/contract.js`,
      { deadlineMs: CONTRACT_MS, signal },
    );
    const passed = /^ *\d+ passing.*$/m.exec(stdout)?.[0].trim() ?? '';
    log(`contract of the port, native: ${code === 0 ? `kept (${passed})` : `BROKEN\n${stdout}${stderr}`}`);
    if (code === 0) writeFileSync(kept, '');
    return code === 0 ? 0 : 3;
  });
}

/** Does something in the lab's dom0 with netifspec's pack there, at `place`. */
async function installed<T>(
  lab: LabHandle,
  archive: Pack,
  signal: AbortSignal,
  work: (ssh: Ssh, place: string) => Promise<T>,
): Promise<T> {
  const ssh = await Ssh.open(lab.ssh, CONNECT_MS);
  try {
    const home = await install(ssh, archive, { ssh: lab.ssh, log, signal });
    return await work(ssh, `${home}/${archive.key}`);
  } finally {
    ssh.close();
  }
}

/** A target's file: one of the lab's own by its name, any other by its path. */
function targetFile(target: string): string {
  const own = join(packageRoot, 'harness/lab/targets', `${target}.yaml`);
  return existsSync(own) ? own : target;
}
