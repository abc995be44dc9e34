/** The C program of native/bench, here and in guests. */
import { execFile, type PromiseWithChild } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { LineSplitter } from '../guest/text.js';

const DEADLINE_MS = 60_000;

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
  /** Ends its input, which ends what waits for that. */
  stop(): void;
}

/** The program at `path` of this machine; `first` are the first of its arguments. */
export function yardstickHere(path: string, first: readonly string[] = []): Yardstick {
  const begin = (args: readonly (string | number)[]): PromiseWithChild<{ stdout: string }> =>
    promisify(execFile)(path, [...first, ...args.map(String)], { timeout: DEADLINE_MS });
  return {
    run: async (...args) => numberOf((await begin(args)).stdout),
    async start(...args) {
      const running = begin(args);
      const said = await new Promise<string>((resolve, reject) => {
        running.child.stdout?.once('data', (chunk: Buffer | string) => resolve(String(chunk).trim()));
        running.catch(reject);
      });
      return { said, result: running.then(({ stdout }) => numberOf(stdout)), stop: () => running.child.stdin?.end() };
    },
  };
}

/** Copies the program at `path` into a guest. */
export async function yardstickThere(ssh: Ssh, path: string): Promise<Yardstick> {
  const script = 'file=$(mktemp /tmp/netifspec-bench-XXXXXX) && cat > "$file" && chmod 700 "$file" && echo "$file"';
  const { code, stdout, stderr } = await ssh.exec(script, { deadlineMs: DEADLINE_MS, stdin: createReadStream(path) });
  if (code !== 0) throw new Error(`the guest takes no program: ${stderr}`);
  const command = (args: readonly (string | number)[]): string =>
    [stdout.trim(), ...args].map((word) => quotePosix(String(word))).join(' ');
  const ended = async (running: ReturnType<Ssh['exec']>): Promise<number> => {
    const { code, stdout, stderr } = await running;
    if (code !== 0) throw new Error(`${path} in the guest: ${stderr}`);
    return numberOf(stdout);
  };
  return {
    run: (...args) => ended(ssh.exec(command(args), { deadlineMs: DEADLINE_MS })),
    async start(...args) {
      const stdin = new PassThrough();
      const lines: string[] = [];
      let begun: (line: string) => void = () => undefined;
      const first = new Promise<string>((resolve) => (begun = resolve));
      const splitter = new LineSplitter(
        1024,
        (line) => {
          lines.push(line);
          begun(line);
        },
        () => undefined,
      );
      const onStdout = (chunk: Buffer): void => splitter.push(chunk);
      const running = ssh.exec(command(args), { deadlineMs: Infinity, stdin, onStdout });
      const result = ended(running.then((end) => ({ ...end, stdout: lines.join('\n') })));
      // Whoever waits for its first line hears of its end, too.
      const said = await Promise.race([first, result.then(String)]);
      return { said, result, stop: () => void stdin.end() };
    },
  };
}

/** The last line as a number. */
function numberOf(text: string): number {
  const value = Number(text.trim().split('\n').at(-1));
  if (!Number.isFinite(value)) throw new Error(`no number: ${text}`);
  return value;
}
