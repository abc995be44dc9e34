import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { labDown, type LabHandle, labSsh, labStatus, labUp } from '../lab/index.js';
import { pack } from '../remote/pack.js';
import { Ssh } from '../guest/ssh.js';
import { packageRoot } from '../root.js';
import { loadTarget } from '../run/target.js';
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
  let worst = 0;
  try {
    for (const { file, name } of named) {
      if (interrupt.signal.aborted) break;
      const started = performance.now();
      const code = await runThere(
        { ...options, target: file, ssh: lab.ssh, out: join(options.out, name), reporter: 'terminal' },
        interrupt.signal,
      );
      log(`${name} took ${((performance.now() - started) / 1000).toFixed(1)} s`);
      worst = Math.max(worst, code);
    }
    // The port's contract on the real Xen: a fault there would be one of every result above.
    if (!options.target && !options.test && !interrupt.signal.aborted) worst = Math.max(worst, await contract(lab));
  } finally {
    interrupt.release();
    if (!options.keep) await labDown(log);
  }
  return interrupt.signal.aborted ? 3 : worst;
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

/** Runs the contract tests of the native adapter, and those of the addon, in dom0; answers 3 if one fails. */
async function contract(lab: LabHandle): Promise<number> {
  const { key } = await pack();
  const ssh = await Ssh.open(lab.ssh, CONTRACT_MS);
  try {
    const { code, stdout } = await ssh.exec(
      `cd ~/.cache/netifspec/remote/${key} && ` +
        'NETIFSPEC_REQUIRE_XEN=1 node --expose-gc dist/bundle/harness/lab/contract.js',
      { deadlineMs: CONTRACT_MS },
    );
    log(`contract of the port, native: ${code === 0 ? 'kept' : 'BROKEN'}`);
    process.stdout.write(stdout);
    return code === 0 ? 0 : 3;
  } finally {
    ssh.close();
  }
}

/** A target's file: one of the lab's own by its name, any other by its path. */
function targetFile(target: string): string {
  const own = join(packageRoot, 'harness/lab/targets', `${target}.yaml`);
  return existsSync(own) ? own : target;
}
