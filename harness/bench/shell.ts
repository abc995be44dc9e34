/**
 * A shell beside this process, for commands of this machine. A process that forks has each page of its memory copied
 * when it's written next, which takes as long as much of what is measured; this one forks once, before.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { quotePosix } from '../guest/profile.js';
import { linesOf, Said } from './said.js';

/** Nothing that is measured takes longer, in milliseconds. */
export const LONGEST_MS = 60_000;
const END = /^netifspec-end (\d+)$/;

interface Running {
  readonly said: Said;
  /** @param problem why it failed, if it did */
  end(problem?: string): void;
}

/** Runs one command after the other. */
export class Shell {
  readonly #process: ChildProcessByStdio<Writable, Readable, null> = spawn('sh', [], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  #running: Running | undefined;
  /** Settles when the command that was asked for last has ended. */
  #last: Promise<unknown> = Promise.resolve();
  #gone: string | undefined;

  constructor() {
    const lines = linesOf((line) => this.#hear(line));
    this.#process.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    this.#process.on('error', ({ message }) => this.#lose(message));
    this.#process.on('close', () => this.#lose('the shell has ended'));
    // A shell that has gone is told of by its end.
    this.#process.stdin.on('error', () => undefined);
  }

  /** Runs a command when those before it have ended; answers its first line when it comes, and all at its end. */
  start(words: readonly (string | number)[]): { first: Promise<string>; lines: Promise<string[]> } {
    const said = new Said();
    const lines = this.#last.then(() => this.#run(words, said));
    this.#last = lines.catch(() => undefined);
    const first = said.firstBefore(lines);
    // Who waits for the end alone hears of a failure there.
    first.catch(() => undefined);
    return { first, lines };
  }

  close(): void {
    this.#process.stdin.end();
  }

  #run(words: readonly (string | number)[], said: Said): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const end = (problem?: string): void => {
        this.#running = undefined;
        if (problem === undefined) resolve(said.lines);
        else reject(new Error(`${words.join(' ')}: ${problem}: ${said.lines.join(' ')}`));
      };
      if (this.#gone !== undefined) return end(this.#gone);
      this.#running = { said, end };
      const command = words.map((word) => quotePosix(String(word))).join(' ');
      // On a line of its own, whatever the command left unfinished.
      const mark = `printf '\\nnetifspec-end %d\\n' $?`;
      this.#process.stdin.write(`timeout ${LONGEST_MS / 1000} ${command} < /dev/null; ${mark}\n`);
    });
  }

  #lose(why: string): void {
    this.#gone ??= why;
    this.#running?.end(why);
  }

  #hear(line: string): void {
    const [, code] = END.exec(line) ?? [];
    if (code !== undefined) this.#running?.end(code === '0' ? undefined : `exit code ${code}`);
    else if (line !== '') this.#running?.said.add(line);
  }
}
