/** The lab's directory: images and snapshots, which are kept, and the record of a running lab. */
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { LabError } from './error.js';
import { commandLine, endProcess, isAlive, processId, type ProcessId } from './process.js';

export interface LabPaths {
  readonly directory: string;
  /** One directory for each set of images, named by the hash of its inputs. */
  readonly images: string;
  /** Scratch directory of image builds. */
  readonly build: string;
  /** Files of the running lab. */
  readonly run: string;
  readonly record: string;
  readonly pidFile: string;
  readonly console: string;
  readonly qemuLog: string;
  readonly monitor: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
  readonly lock: string;
}

/** `$NETIFSPEC_LAB`, or netifspec/lab in the user's cache directory. */
export function labPaths(): LabPaths {
  const chosen = process.env['NETIFSPEC_LAB'];
  const directory = resolve(chosen !== undefined && chosen !== '' ? chosen : join(homedir(), '.cache/netifspec/lab'));
  const run = join(directory, 'run');
  return {
    directory,
    images: join(directory, 'images'),
    build: join(directory, 'build'),
    run,
    record: join(run, 'lab.json'),
    pidFile: join(run, 'qemu.pid'),
    console: join(run, 'console.log'),
    qemuLog: join(run, 'qemu.log'),
    monitor: join(run, 'qmp.sock'),
    sshConfig: join(run, 'ssh_config'),
    knownHosts: join(run, 'known_hosts'),
    lock: join(directory, 'lock'),
  };
}

/** How to connect to a running lab, and its versions. */
export interface LabHandle {
  /** dom0, over the host's loopback interface. */
  readonly ssh: {
    readonly host: '127.0.0.1';
    readonly port: number;
    readonly user: 'root';
    /** File of the private key. */
    readonly identity: string;
    /**
     * File in OpenSSH's format, with dom0's key under `[127.0.0.1]:port` and the guests' keys under their addresses.
     */
    readonly knownHosts: string;
    /** File for `ssh -F`, with the hosts `dom0`, `netfront` and `netback`. */
    readonly config: string;
  };
  readonly facts: {
    readonly architecture: string;
    readonly xen: string;
    readonly dom0Kernel: string;
    readonly qemu: string;
  };
  /** Seconds per step of the `labUp` that created it. */
  readonly timings: Readonly<Record<string, number>>;
}

/** The record of a running lab. */
export interface LabRecord {
  /** The process that started the lab, and uses it while it lives. */
  readonly owner: ProcessId;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly handle: LabHandle;
}

export function writeRecord(paths: LabPaths, record: LabRecord): void {
  writeFileSync(`${paths.record}.new`, JSON.stringify(record, undefined, 2) + '\n');
  renameSync(`${paths.record}.new`, paths.record);
}

/** The record of the last lab that came up, running or not. */
export function readRecord(paths: LabPaths): LabRecord | undefined {
  return existsSync(paths.record) ? (JSON.parse(readFileSync(paths.record, 'utf8')) as LabRecord) : undefined;
}

/**
 * The lab's QEMU, if it runs: the number in the pid file counts only if that process has this pid file in its
 * arguments.
 */
export function runningQemu(paths: LabPaths): ProcessId | undefined {
  if (!existsSync(paths.pidFile)) return undefined;
  const pid = Number.parseInt(readFileSync(paths.pidFile, 'utf8'), 10);
  if (!(pid > 1) || !commandLine(pid).includes(paths.pidFile)) return undefined;
  return processId(pid);
}

/**
 * Ends the lab's QEMU and removes leftovers of a build. Returns the number of the process that was ended. Keeps the
 * logs.
 */
export async function stop(paths: LabPaths): Promise<number | undefined> {
  const qemu = runningQemu(paths);
  if (qemu) await endProcess(qemu);
  rmSync(paths.build, { recursive: true, force: true });
  return qemu?.pid;
}

/** Like {@link stop}, but keeps only images and snapshots. */
export async function clear(paths: LabPaths): Promise<number | undefined> {
  const pid = await stop(paths);
  rmSync(paths.run, { recursive: true, force: true });
  return pid;
}

/**
 * Runs `work` with the lock of the lab. The lock of a process that has ended is ignored.
 * @throws LabError if another process has the lock
 */
export async function locked<T>(paths: LabPaths, work: () => Promise<T>): Promise<T> {
  mkdirSync(paths.directory, { recursive: true });
  // It holds images with the keys of the lab, also if the user made it.
  chmodSync(paths.directory, 0o700);
  const me = processId(process.pid);
  if (!me) throw new LabError('/proc is not mounted, and the lab needs it; mount it');
  // A link is created atomically with its target, unlike a file and its contents.
  const mine = `${paths.lock}.${me.pid}`;
  writeFileSync(mine, JSON.stringify(me));
  for (;;) {
    try {
      linkSync(mine, paths.lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = lockHolder(paths);
    if (holder && isAlive(holder)) {
      rmSync(mine);
      throw new LabError(
        `the lab in ${paths.directory} is being changed by process ${holder.pid}; wait for it, or end it`,
      );
    }
    rmSync(paths.lock, { force: true });
  }
  rmSync(mine);
  try {
    return await work();
  } finally {
    rmSync(paths.lock, { force: true });
  }
}

function lockHolder(paths: LabPaths): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(paths.lock, 'utf8')) as ProcessId;
  } catch (error) {
    // The lock was released in the meantime.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
