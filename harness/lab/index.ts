/** The lab: Xen, dom0 and two guests inside QEMU, on any Linux host. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Pack } from '../remote/pack.js';
import { packFor } from './addon.js';
import { LabError } from './error.js';
import { ensureImages, type Images } from './images.js';
import type { Machine } from './machine.js';
import { readModule } from './module.js';
import { takeNetifspec } from './netifspec.js';
import { isAlive, processId } from './process.js';
import { Progress } from './progress.js';
import * as qemu from './qemu.js';
import type { Release } from './release.js';
import { copyToDom0, firstInDom0, inDom0, interactive, writeSshFiles } from './ssh.js';
import {
  clear,
  labPaths,
  locked,
  readRecord,
  runningQemu,
  stop,
  writeRecord,
  type LabHandle,
  type LabPaths,
} from './state.js';
import { ensureTools } from './tools.js';

export { LabError } from './error.js';
export type { LabHandle } from './state.js';

/** A lab that is up. */
export interface Lab extends LabHandle {
  /** This netifspec, with the addon for the lab's architecture. */
  readonly pack: Pack;
}

export interface LabOptions {
  readonly release: Release;
  readonly machine: Machine;
  /** Whether to install missing packages on the host. */
  readonly install: boolean;
  /** Prints a line of progress. */
  log(line: string): void;
  /** A .ko that replaces the stock xen-netfront or xen-netback in its guest. */
  readonly module?: string;
  /** A directory with an xl configuration `domain.cfg` and the files that it names: an additional guest. */
  readonly guest?: string;
  /** Whether to build and boot even if images or a snapshot are stored. */
  readonly fresh?: boolean;
}

export interface LabStatus {
  readonly running: boolean;
  /** Directory of images, logs and SSH files. */
  readonly directory: string;
  /** QEMU's process. */
  readonly pid?: number;
  /** When the lab came up, ISO 8601, UTC; absent during start-up. */
  readonly started?: string;
  readonly handle?: LabHandle;
}

/**
 * Starts the lab: from a snapshot of the same lab if there is one, else from images, which are built if they are
 * missing. A lab whose process has ended is stopped first. SIGINT, SIGTERM and SIGHUP undo a partial start.
 * @throws LabError with the problem and its remedy
 */
export async function labUp(options: LabOptions): Promise<Lab> {
  const paths = labPaths();
  const progress = new Progress((line) => options.log(line));
  return interruptible((signal) =>
    locked(paths, async () => {
      refuseIfUsed(paths);
      const left = await clear(paths);
      if (left !== undefined) options.log(`stopped a lab that an earlier process left running (QEMU, process ${left})`);
      if (options.guest !== undefined) checkGuest(options.guest);
      try {
        const { architecture } = options.machine;
        await ensureTools(architecture, options.install, progress, signal);
        const pack = await packFor(architecture, progress, signal);
        const images = await ensureImages(
          paths,
          options.release,
          architecture,
          options.fresh ?? false,
          progress,
          signal,
        );
        const handle = await start(paths, images, pack, options, progress, signal);
        const owner = processId(process.pid);
        if (owner) writeRecord(paths, { owner, started: new Date().toISOString(), handle });
        return { ...handle, pack };
      } catch (error) {
        await stop(paths);
        throw error;
      }
    }),
  ).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    const advice = 'free some, or set NETIFSPEC_LAB to another directory';
    throw new LabError(`${paths.directory}: no space left on the device; ${advice}`, { cause: error });
  });
}

async function start(
  paths: LabPaths,
  images: Images,
  pack: Pack,
  options: LabOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<LabHandle> {
  const { machine } = options;
  const replacement =
    options.module === undefined
      ? undefined
      : await readModule(resolve(options.module), images.manifest.kernel, signal);
  const version = await qemu.qemuVersion(machine.architecture, signal);
  const snapshot = qemu.snapshotFile(
    images,
    version,
    machine,
    replacement ? `${replacement.guest} ${replacement.hash}` : '',
  );
  const resumes = existsSync(snapshot);
  const begin = performance.now();
  const port = await qemu.freePort();
  await qemu.startQemu(paths, images, machine, port, resumes ? snapshot : undefined, signal);
  const ssh = writeSshFiles(paths, port, join(images.directory, 'id'), images.manifest.hostKey);
  // dom0's clock dates the runs; the guests' clocks may keep the snapshot's time, since nothing reads them.
  const setClock = () => `date -s @${Math.round(Date.now() / 1000)}`;
  if (resumes) {
    await qemu.waitForResume(paths, signal);
    await firstInDom0(paths, setClock(), signal);
    progress.add('resumed from snapshot', performance.now() - begin);
  } else {
    await progress.step('dom0 booted', () => qemu.waitForBoot(paths, signal));
    await firstInDom0(paths, setClock(), signal);
    if (replacement) {
      await copyToDom0(paths, replacement.file, '/lab/module.ko', signal);
      await inDom0(paths, `/lab/replace-module ${replacement.guest} /lab/module.ko ${replacement.path}`, signal);
    }
    await progress.step('guests booted', () => inDom0(paths, machine.start, signal));
    const log = (line: string) => options.log(line);
    await progress.step('copied netifspec to dom0', () => takeNetifspec({ ssh, log, signal }, pack));
    await progress.step('saved snapshot', () => qemu.saveSnapshot(paths, images, snapshot, signal));
    await inDom0(paths, setClock(), signal);
  }
  if (options.guest !== undefined) {
    const directory = resolve(options.guest);
    await progress.step('started the additional guest', async () => {
      await copyToDom0(paths, directory, '/lab/user', signal);
      await inDom0(paths, 'cd /lab/user && xl create -q domain.cfg', signal);
    });
  }
  progress.add('up', performance.now() - begin);
  const facts = {
    architecture: machine.architecture.name,
    xen: images.manifest.xen,
    dom0Kernel: images.manifest.kernel,
    qemu: version,
  };
  return { ssh, facts, timings: progress.timings };
}

/** Stops the lab, if it runs. Images and snapshots stay. */
export async function labDown(log: (line: string) => void): Promise<void> {
  const paths = labPaths();
  await locked(paths, async () => {
    const pid = await clear(paths);
    log(pid === undefined ? 'the lab was not running' : `the lab is down (QEMU was process ${pid})`);
  });
}

export function labStatus(): Promise<LabStatus> {
  const paths = labPaths();
  const running = runningQemu(paths);
  if (!running) return Promise.resolve({ running: false, directory: paths.directory });
  const record = readRecord(paths);
  return Promise.resolve({
    running: true,
    directory: paths.directory,
    pid: running.pid,
    ...(record ? { started: record.started, handle: record.handle } : {}),
  });
}

/**
 * Runs the system's ssh on this process's terminal, in dom0, or in a guest if the first word is `netfront` or
 * `netback`. Returns ssh's exit code.
 */
export async function labSsh(args: string[]): Promise<number> {
  const paths = labPaths();
  if (!runningQemu(paths) || !readRecord(paths)) throw new LabError('the lab is not up; run "netifspec lab up" first');
  return interactive(paths, args);
}

/** A lab belongs to the process that started it while that process lives. */
function refuseIfUsed(paths: LabPaths): void {
  if (!runningQemu(paths)) return;
  const owner = readRecord(paths)?.owner;
  if (owner && owner.pid !== process.pid && isAlive(owner)) {
    throw new LabError(
      `the lab in ${paths.directory} is in use by process ${owner.pid}; wait for it, or run "netifspec lab down"`,
    );
  }
}

function checkGuest(directory: string): void {
  if (!existsSync(directory) || !statSync(directory).isDirectory() || !existsSync(join(directory, 'domain.cfg'))) {
    throw new LabError(`${directory}: no domain.cfg in this directory; give one with an xl configuration`);
  }
}

/** Turns the signals that end a process into an abort, so that a partial start is undone. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const interrupt = (name: string) => controller.abort(new LabError(`interrupted by ${name}; the lab is not up`));
  for (const name of signals) process.on(name, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of signals) process.off(name, interrupt);
  }
}
