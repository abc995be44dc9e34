/** QEMU: its options, its start, and the snapshot of a whole lab. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import type { Architecture } from './architecture.js';
import { LabError } from './error.js';
import type { Images } from './images.js';
import type { Machine } from './machine.js';
import { TOOL_PATH } from '../base/process.js';
import { poll, run } from './process.js';
import { Qmp } from './qmp.js';
import { runningQemu, type LabPaths } from './state.js';

const XEN_OPTIONS = 'conring_size=1M loglvl=warning guest_loglvl=warning bootscrub=0';
const DOM0_OPTIONS = 'console=hvc0 loglevel=5 mitigations=off lab.name=dom0 lab.ip=10.99.0.1';

/** The options of a machine: everything that its snapshot depends on. */
function machineOptions({ architecture, hardware, dom0 }: Machine): string[] {
  const { board, load, xenOptions, dom0Options } = architecture;
  return [
    ...['-accel', 'tcg,thread=multi,tb-size=512', ...hardware],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none', '-no-reboot'],
    ...load(`${xenOptions} ${XEN_OPTIONS} ${dom0}`, `${DOM0_OPTIONS} ${dom0Options}`),
    ...['-drive', 'if=none,id=root,file=root.squashfs,format=raw,readonly=on', ...board],
  ];
}

/** Version from the first line of `qemu --version`. */
export async function qemuVersion({ qemu }: Architecture, signal: AbortSignal): Promise<string> {
  const text = (await run(qemu, ['--version'], { signal })).toString();
  return /version (.*)/.exec(text)?.[1] ?? text.trim();
}

/** A TCP port of the loopback interface that is currently free. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string')
    throw new LabError('no free TCP port on 127.0.0.1; close some connections');
  return address.port;
}

/**
 * Starts QEMU in the background, where it survives this process; `snapshot` is the file to resume from. dom0's SSH is
 * forwarded from `port` of the host's loopback interface; there is no other network access.
 */
export async function startQemu(
  paths: LabPaths,
  images: Images,
  machine: Machine,
  port: number,
  snapshot: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (Buffer.byteLength(paths.monitor) > 107) {
    throw new LabError(`${paths.monitor} is too long for a socket name; set NETIFSPEC_LAB to a shorter directory`);
  }
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  // Relative names, so that a blank or comma in the path does not affect QEMU's option syntax.
  const at = (file: string) => relative(images.directory, file);
  const args = [
    ...machineOptions(machine),
    ...['-netdev', `user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:${port}-10.0.2.15:22`],
    ...['-serial', `file:${at(paths.console)}`, '-qmp', `unix:${at(paths.monitor)},server=on,wait=off`],
    ...['-pidfile', paths.pidFile],
    ...(snapshot === undefined ? [] : ['-incoming', 'fd:3']),
  ];
  signal.throwIfAborted();
  const log = openSync(paths.qemuLog, 'w');
  const source = snapshot === undefined ? undefined : openSync(snapshot, 'r');
  const child = spawn(machine.architecture.qemu, args, {
    cwd: images.directory,
    detached: true,
    stdio: ['ignore', log, log, ...(source === undefined ? [] : [source])],
    env: { ...process.env, PATH: TOOL_PATH },
  });
  closeSync(log);
  if (source !== undefined) closeSync(source);
  const started = new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  await started;
  child.unref();
  // With the pid file, any process can find QEMU and end it.
  try {
    await poll(
      30,
      new AbortController().signal,
      () => {
        if (child.exitCode !== null || child.signalCode !== null) throw ended(paths);
        return runningQemu(paths);
      },
      () =>
        new LabError('QEMU wrote no pid file within 30 s; the host may be overloaded: run again when it is less busy'),
    );
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function ended(paths: LabPaths): LabError {
  return new LabError(`QEMU ended unexpectedly${tail(paths.qemuLog, 5)}${tail(paths.console, 15)}`);
}

/** The last lines of a log, with its name; empty if there is no log. */
export function tail(file: string, lines: number): string {
  if (!existsSync(file)) return '';
  const text = readFileSync(file, 'utf8').trimEnd();
  return text === '' ? '' : `\nThe end of ${file}:\n  ${text.split(/\r?\n/).slice(-lines).join('\n  ')}`;
}

/** Waits until dom0 reports on its console that it is up. */
export async function waitForBoot(paths: LabPaths, signal: AbortSignal): Promise<void> {
  await poll(
    180,
    signal,
    () => {
      checkRunning(paths);
      const text = existsSync(paths.console) ? readFileSync(paths.console, 'latin1') : '';
      if (/Panic on CPU|Kernel panic|Domain 0 crashed|lab: no disk/.test(text)) {
        throw new LabError(`the lab crashed during boot; run "netifspec lab up --fresh"${tail(paths.console, 25)}`);
      }
      return text.includes('lab: dom0 is ready') ? true : undefined;
    },
    () =>
      new LabError(
        `dom0 did not boot within 180 s; the host may be overloaded: run again when it is less busy${tail(paths.console, 25)}`,
      ),
  );
}

/** @throws LabError if QEMU is gone. */
export function checkRunning(paths: LabPaths): void {
  if (!runningQemu(paths)) throw ended(paths);
}

/** The path of the snapshot for this configuration, if it exists. `extra` identifies what was added after boot. */
export function snapshotFile(images: Images, qemu: string, machine: Machine, extra: string): string {
  const made = [qemu, machineOptions(machine), images.key, images.manifest, extra];
  const hash = createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 16);
  return join(images.directory, `snapshot-${extra === '' ? machine.name : 'module'}-${hash}`);
}

/** Saves the running machine to `file`, replaces older snapshots of the same kind, and resumes the machine. */
export async function saveSnapshot(paths: LabPaths, images: Images, file: string, signal: AbortSignal): Promise<void> {
  const kind = /snapshot-[a-z]+-/.exec(file)?.[0] ?? 'snapshot-';
  for (const name of readdirSync(images.directory)) {
    if (name.startsWith(kind)) rmSync(join(images.directory, name));
  }
  const monitor = await Qmp.open(paths.monitor);
  try {
    await monitor.execute('migrate-set-parameters', { 'max-bandwidth': 16 * 1024 ** 3 });
    await monitor.execute('stop');
    await monitor.execute('migrate', { uri: 'exec:cat > snapshot.new' });
    await settleMigration(monitor, signal);
    await monitor.execute('cont');
  } finally {
    monitor.close();
  }
  renameSync(join(images.directory, 'snapshot.new'), file);
}

/** Waits until QEMU has loaded its snapshot, and resumes the machine. */
export async function waitForResume(paths: LabPaths, signal: AbortSignal): Promise<void> {
  const monitor = await poll(
    30,
    signal,
    async () => {
      checkRunning(paths);
      try {
        return await Qmp.open(paths.monitor);
      } catch (error) {
        if (['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
        throw error;
      }
    },
    () =>
      new LabError(
        `QEMU's monitor does not respond; run "netifspec lab down", then start the lab again${tail(paths.qemuLog, 5)}`,
      ),
  );
  try {
    await settleMigration(monitor, signal);
    // A snapshot is saved paused.
    await monitor.execute('cont');
  } finally {
    monitor.close();
  }
}

async function settleMigration(monitor: Qmp, signal: AbortSignal): Promise<void> {
  await poll(
    60,
    signal,
    async () => {
      const info = (await monitor.execute('query-migrate')) as { status?: string; 'error-desc'?: string };
      if (info.status === 'failed')
        throw new LabError(`QEMU failed to save the snapshot: ${info['error-desc'] ?? 'no reason given'}`);
      return info.status === 'completed' ? true : undefined;
    },
    () =>
      new LabError(
        'QEMU did not save the snapshot within 60 s; the host may be overloaded: run again when it is less busy',
      ),
  );
}
