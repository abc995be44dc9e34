/** The C program of native/bench, here and in guests. */
import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { quotePosix } from '../guest/profile.js';
import type { ExecResult, Ssh } from '../guest/ssh.js';
import { linesOf, Said } from './said.js';
import { LONGEST_MS, type Shell } from './shell.js';

/** Where the program can be run. Each run answers the number that it prints. */
export interface Yardstick {
  run(...args: readonly (string | number)[]): Promise<number>;
  /** Starts a run and waits for its first line. */
  start(...args: readonly (string | number)[]): Promise<Started>;
}

export interface Started {
  readonly said: string;
  /** The last line as a number, once it has ended. */
  readonly result: Promise<number>;
}

/** The program in a guest. */
export interface YardstickThere extends Yardstick {
  /** `stop` ends the run's input, which ends what waits for that. */
  start(...args: readonly (string | number)[]): Promise<Started & { stop(): void }>;
}

/** A program of this machine, run by a shell; `words` are its path and the first of its arguments. */
export function yardstickHere(shell: Shell, ...words: readonly string[]): Yardstick {
  return {
    run: async (...args) => numberOf(await shell.start([...words, ...args]).lines),
    async start(...args) {
      const { first, lines } = shell.start([...words, ...args]);
      const result = lines.then(numberOf);
      result.catch(() => undefined);
      return { said: await first, result };
    },
  };
}

/** Copies the program at `path` into a guest. */
export async function yardstickThere(ssh: Ssh, path: string): Promise<YardstickThere> {
  const script = 'file=$(mktemp /tmp/netifspec-bench-XXXXXX) && cat > "$file" && chmod 700 "$file" && echo "$file"';
  const { code, stdout, stderr } = await ssh.exec(script, { deadlineMs: LONGEST_MS, stdin: createReadStream(path) });
  if (code !== 0) throw new Error(`the guest takes no program: ${stderr}`);
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
      const said = new Said();
      const splitter = linesOf((line) => said.add(line));
      const onStdout = (chunk: Buffer): void => splitter.push(chunk);
      const running = ssh.exec(command(args), { deadlineMs: Infinity, stdin, onStdout });
      const result = running.then((end) => {
        checked(end);
        return numberOf(said.lines);
      });
      return { said: await said.firstBefore(result), result, stop: () => void stdin.end() };
    },
  };
}

/** The last line as a number. */
function numberOf(lines: readonly string[]): number {
  const value = Number(lines.at(-1));
  if (!Number.isFinite(value)) throw new Error(`no number: ${lines.join(' ')}`);
  return value;
}
