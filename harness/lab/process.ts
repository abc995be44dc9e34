/** Children of this process, and processes known only by their number. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from './error.js';

/** A command failed. `exitCode` is always the lab's, `status` what the command ended with, if not by a signal. */
export class CommandError extends LabError {
  constructor(
    message: string,
    readonly status: number | undefined,
  ) {
    super(message);
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Called with each line of standard error as it comes. */
  readonly onErrorLine?: (line: string) => void;
}

/** Debian keeps system tools in directories that an ordinary user's PATH may lack. */
export const TOOL_PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');

/**
 * Runs a command to its end and answers its standard output. The command has a process group of its own, killed as a
 * whole on abort, and is killed by the kernel if this process dies without a chance to clean up.
 *
 * @throws CommandError with the last lines of standard error, if the command fails; the signal's reason on abort.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const { signal } = options;
  signal?.throwIfAborted();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
    detached: true,
    stdio: 'pipe',
    cwd: options.cwd,
    env: { ...process.env, PATH: TOOL_PATH, LC_ALL: 'C', ...options.env },
  });
  const kill = () => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  signal?.addEventListener('abort', kill);
  const output: Buffer[] = [];
  const errors: string[] = [];
  let partial = '';
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (partial + chunk).split(/\r?\n|\r/);
    partial = lines.pop() ?? '';
    for (const line of lines) {
      errors.push(line);
      options.onErrorLine?.(line);
    }
    errors.splice(0, errors.length - 20);
  });
  // A child that ends without reading all of its input is judged by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  try {
    const [code, by] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...end) => resolve(end));
    });
    signal?.throwIfAborted();
    if (code !== 0) {
      const end = code === null ? `killed by ${by}` : `exit code ${code}`;
      const said = [...errors, partial].filter((line) => line.trim() !== '').slice(-8);
      throw new CommandError(`${command} failed (${end})${['', ...said].join('\n  ')}`, code ?? undefined);
    }
  } finally {
    signal?.removeEventListener('abort', kill);
  }
  return Buffer.concat(output);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Tells one process from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly start: string;
}

export function processId(pid: number): ProcessId | undefined {
  const stat = readProc(pid, 'stat');
  // The command in field 2 may hold blanks and parentheses; what follows the last one can't.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const start = fields?.[19];
  return start === undefined || fields?.[0] === 'Z' ? undefined : { pid, start };
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.start === id.start;
}

/** The arguments of a running process; empty if there is none. */
export function commandLine(pid: number): string[] {
  return readProc(pid, 'cmdline')?.split('\0').slice(0, -1) ?? [];
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/** Ends a process, with force after 3 seconds, and waits until it is gone. */
export async function endProcess(id: ProcessId): Promise<void> {
  for (const [signal, patience] of [
    ['SIGTERM', 3000],
    ['SIGKILL', 10_000],
  ] as const) {
    if (!isAlive(id)) return;
    process.kill(id.pid, signal);
    const end = performance.now() + patience;
    while (isAlive(id) && performance.now() < end) await delay(20);
  }
  if (isAlive(id)) throw new LabError(`Process ${id.pid} does not end, not even by SIGKILL.`);
}

/**
 * Asks again every 100 ms until the answer isn't undefined.
 *
 * @throws LabError made by `late` when `seconds` have passed.
 */
export async function poll<T>(
  seconds: number,
  signal: AbortSignal,
  ask: () => Promise<T | undefined> | T | undefined,
  late: () => LabError,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw late();
    await delay(100);
  }
}
