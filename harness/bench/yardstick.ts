/** The C program of native/bench, run locally and in guests. */
import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { quotePosix } from '../ssh/posix.js';
import type { ExecResult, Ssh } from '../ssh/ssh.js';
import { linesOf, ProgramOutput } from './program-output.js';
import { LONGEST_MS, type Shell } from './shell.js';

/** A place where the program can run. Each run returns the number that the program prints. */
export interface Yardstick {
  run(...args: readonly (string | number)[]): Promise<number>;
  /** Starts a run and waits for its first line. */
  start(...args: readonly (string | number)[]): Promise<Started>;
}

export interface Started {
  readonly firstLine: string;
  /** The last line as a number, after the run has ended. */
  readonly result: Promise<number>;
}

/** The program in a guest. */
export interface GuestYardstick extends Yardstick {
  /** `stop` closes the input of the run, which ends commands that wait for that. */
  start(...args: readonly (string | number)[]): Promise<Started & { stop(): void }>;
}

/** A local program, run by a shell; `words` are its path and its first arguments. */
export function localYardstick(shell: Shell, ...words: readonly string[]): Yardstick {
  return {
    run: async (...args) => numberOf(await shell.start([...words, ...args]).lines),
    async start(...args) {
      const { first, lines } = shell.start([...words, ...args]);
      const result = lines.then(numberOf);
      result.catch(() => undefined);
      return { firstLine: await first, result };
    },
  };
}

/** Copies the program at `path` into a guest. */
export async function guestYardstick(ssh: Ssh, path: string): Promise<GuestYardstick> {
  const script = 'file=$(mktemp /tmp/netifspec-bench-XXXXXX) && cat > "$file" && chmod 700 "$file" && echo "$file"';
  const { code, stdout, stderr } = await ssh.exec(script, { deadlineMs: LONGEST_MS, stdin: createReadStream(path) });
  if (code !== 0) throw new Error(`cannot copy the program into the guest: ${stderr}`);
  const command = (args: readonly (string | number)[]): string =>
    [stdout.trim(), ...args].map((word) => quotePosix(String(word))).join(' ');
  const checked = (end: ExecResult): ExecResult => {
    if (end.code !== 0) throw new Error(`${path} in the guest: ${end.stderr}`);
    return end;
  };
  return {
    async run(...args) {
      const { stdout } = checked(await ssh.exec(command(args), { deadlineMs: LONGEST_MS }));
      return numberOf(stdout.trim().split('\n'));
    },
    async start(...args) {
      const stdin = new PassThrough();
      const output = new ProgramOutput();
      const splitter = linesOf((line) => output.add(line));
      const onStdout = (chunk: Buffer): void => splitter.push(chunk);
      const running = ssh.exec(command(args), { deadlineMs: Infinity, stdin, onStdout });
      const result = running.then((end) => {
        checked(end);
        return numberOf(output.lines);
      });
      return { firstLine: await output.firstBefore(result), result, stop: () => void stdin.end() };
    },
  };
}

/** The last line as a number. */
function numberOf(lines: readonly string[]): number {
  const value = Number(lines.at(-1));
  if (!Number.isFinite(value)) throw new Error(`the last line is not a number: ${lines.join(' ')}`);
  return value;
}
