/** Runs commands on this machine, and reads the state of its processes. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { NetifspecError } from './errors.js';

/** A command failed. `status` is its exit code, undefined after a signal; `exitCode` is the exit code of netifspec. */
export class CommandError extends NetifspecError {
  override readonly name = 'CommandError';
  readonly exitCode = 3;

  constructor(
    message: string,
    readonly status: number | undefined,
    readonly stdout: Buffer,
    /** The last lines of standard error. */
    readonly stderr: string,
  ) {
    super(message);
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Whether the kernel kills the command if this process is killed; needs util-linux 2.33. */
  readonly tied?: boolean;
  /** Called with each line of standard error as it arrives. */
  readonly onErrorLine?: (line: string) => void;
}

/** Debian installs system tools in directories that may be missing in an ordinary user's PATH. */
export const TOOL_PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].filter((part) => part !== '').join(':');

/**
 * Runs a command to its end and returns its standard output. The command has its own process group, which is killed as
 * a whole on abort.
 *
 * @throws CommandError with the last lines of standard error, if the command fails; the signal's reason on abort
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const { signal } = options;
  signal?.throwIfAborted();
  const words = [...(options.tied ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []), command, ...args];
  const child = spawn(words[0] ?? command, words.slice(1), {
    detached: true,
    stdio: 'pipe',
    cwd: options.cwd,
    env: { ...process.env, PATH: TOOL_PATH, LC_ALL: 'C', ...options.env },
  });
  const kill = () => {
    if (child.pid !== undefined) killIfAlive(-child.pid);
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
  // A child may end without reading all of its input; only its exit code decides.
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
      const lastLines = [...errors, partial].filter((line) => line.trim() !== '').slice(-8);
      const message = `${command} failed (${end})${['', ...lastLines].join('\n  ')}`;
      throw new CommandError(message, code ?? undefined, Buffer.concat(output), lastLines.join('\n'));
    }
  } finally {
    signal?.removeEventListener('abort', kill);
  }
  return Buffer.concat(output);
}

/** Kills a process, or with `-pid` a group, which may have ended. */
export function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A file of /proc/PID; undefined if the process or /proc does not exist. */
export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

/**
 * The fields of /proc/PID/stat after the command name, which may contain blanks and parentheses. The first one is field
 * 3.
 */
export function processStat(pid: number): readonly string[] | undefined {
  const stat = readProc(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The state and CPU time of a process. */
export interface ProcessUse {
  /** R: running or runnable, S: sleeping, T: stopped; see proc(5). */
  readonly state: string;
  /** CPU time of all threads, in milliseconds. */
  readonly cpuMs: number;
}

/** Milliseconds per clock tick: Linux reports times to user space in units of 1/100 s. */
const CLOCK_TICK_MS = 10;

/** The state and CPU time of a process; undefined if it does not exist or the system does not report them. */
export function processUse(pid: number): ProcessUse | undefined {
  const [state, ...rest] = processStat(pid) ?? [];
  return state === undefined ? undefined : { state, cpuMs: (Number(rest[10]) + Number(rest[11])) * CLOCK_TICK_MS };
}
