/**
 * A shell process for local commands. A process that forks must copy each page of its memory on the next write, which
 * takes as long as many of the measured operations; this process therefore forks once, at the start.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { quotePosix } from '../ssh/posix.js';
import { linesOf, ProgramOutput } from './program-output.js';

/** Timeout of a command in milliseconds. */
export const LONGEST_MS = 60_000;
const END = /^netifspec-end (\d+)$/;

interface Running {
  readonly output: ProgramOutput;
  /** @param problem why it failed, if it did */
  end(problem?: string): void;
}

/** Runs commands one after the other. */
export class Shell {
  readonly #process: ChildProcessByStdio<Writable, Readable, null> = spawn('sh', [], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  #running: Running | undefined;
  /** Settles at the end of the most recent command. */
  #last: Promise<unknown> = Promise.resolve();
  #whyEnded: string | undefined;

  constructor() {
    const lines = linesOf((line) => this.#readLine(line));
    this.#process.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    this.#process.on('error', ({ message }) => this.#shellEnded(message));
    this.#process.on('close', () => this.#shellEnded('the shell has ended'));
    // The end of the shell is reported by `close`.
    this.#process.stdin.on('error', () => undefined);
  }

  /** Runs a command after all earlier ones; returns promises of its first line and, at its end, of all its lines. */
  start(words: readonly (string | number)[]): { first: Promise<string>; lines: Promise<string[]> } {
    const output = new ProgramOutput();
    const lines = this.#last.then(() => this.#run(words, output));
    this.#last = lines.catch(() => undefined);
    const first = output.firstBefore(lines);
    // A caller that awaits only `lines` gets the error from there.
    first.catch(() => undefined);
    return { first, lines };
  }

  close(): void {
    this.#process.stdin.end();
  }

  #run(words: readonly (string | number)[], output: ProgramOutput): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const end = (problem?: string): void => {
        this.#running = undefined;
        if (problem === undefined) resolve(output.lines);
        else reject(new Error(`${words.join(' ')}: ${problem}: ${output.lines.join(' ')}`));
      };
      if (this.#whyEnded !== undefined) return end(this.#whyEnded);
      this.#running = { output, end };
      const command = words.map((word) => quotePosix(String(word))).join(' ');
      // On a line of its own, even if the command left its last line unfinished.
      const mark = `printf '\\nnetifspec-end %d\\n' $?`;
      this.#process.stdin.write(`timeout ${LONGEST_MS / 1000} ${command} < /dev/null; ${mark}\n`);
    });
  }

  #shellEnded(why: string): void {
    this.#whyEnded ??= why;
    this.#running?.end(why);
  }

  #readLine(line: string): void {
    const [, code] = END.exec(line) ?? [];
    if (code !== undefined) this.#running?.end(code === '0' ? undefined : `exit code ${code}`);
    else if (line !== '') this.#running?.output.add(line);
  }
}
