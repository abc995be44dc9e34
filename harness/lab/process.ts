/** Commands that the lab runs, and processes of which only the number is known. */
import { setTimeout as delay } from 'node:timers/promises';
import { processStat, readProc, run as runCommand, type RunOptions } from '../base/process.js';
import { LabError } from './error.js';

/** Runs a command that does not survive this process. Returns its standard output. Throws like {@link runCommand}. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  return runCommand(command, args, { ...options, tied: true });
}

/** Distinguishes a process from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly start: string;
}

export function processId(pid: number): ProcessId | undefined {
  const fields = processStat(pid);
  const start = fields?.[19];
  return start === undefined || fields?.[0] === 'Z' ? undefined : { pid, start };
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.start === id.start;
}

/** The arguments of a running process; empty if it is not running. */
export function commandLine(pid: number): string[] {
  return readProc(pid, 'cmdline')?.split('\0').slice(0, -1) ?? [];
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
  if (isAlive(id))
    throw new LabError(
      `process ${id.pid} does not end, even by SIGKILL; find out what it waits for (/proc/${id.pid}/stack)`,
    );
}

/**
 * Polls every 100 ms until the result isn't undefined.
 * @throws LabError made by `late` when `seconds` have passed
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
