/**
 * A shell beside this process, for commands of this machine. A process that forks has each page of its memory copied
 * when it's written next, which takes as long as much of what is measured; this one forks once, before.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { quotePosix } from '../guest/profile.js';
import { LineSplitter } from '../guest/text.js';

/** Nothing that is measured takes longer. */
const DEADLINE_S = 60;
const MAX_LINE = 1024;
const END = /^netifspec-end (\d+)$/;

interface Running {
  readonly lines: string[];
  begun(line: string): void;
  ended(code: number): void;
}

/** Runs one command at a time. */
export class Shell {
  readonly #process: ChildProcessByStdio<Writable, Readable, null> = spawn('sh', [], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  #running: Running | undefined;

  constructor() {
    const splitter = new LineSplitter(
      MAX_LINE,
      (line) => this.#hear(line),
      () => undefined,
    );
    this.#process.stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
    this.#process.on('exit', () => this.#hear('netifspec-end 127'));
  }

  /** Starts a command; answers its first line when it comes, and all of them when it has ended. */
  start(words: readonly (string | number)[]): { first: Promise<string>; lines: Promise<string[]> } {
    if (this.#running) throw new Error('the shell runs a command already');
    const lines: string[] = [];
    let begun: Running['begun'] = () => undefined;
    const first = new Promise<string>((resolve) => (begun = resolve));
    const ended = new Promise<string[]>((resolve, reject) => {
      this.#running = {
        lines,
        begun,
        ended: (code) =>
          code === 0 ? resolve(lines) : reject(new Error(`${words.join(' ')}: exit code ${code}: ${lines.join(' ')}`)),
      };
    });
    const command = words.map((word) => quotePosix(String(word))).join(' ');
    this.#process.stdin.write(`timeout ${DEADLINE_S} ${command} < /dev/null; echo "netifspec-end $?"\n`);
    // Whoever waits for the first line hears of the end, too; who waits for the end needs no first line.
    const said = Promise.race([first, ended.then((all) => all.join(' '))]);
    said.catch(() => undefined);
    return { first: said, lines: ended };
  }

  close(): void {
    this.#process.stdin.end();
  }

  #hear(line: string): void {
    const running = this.#running;
    if (!running) return;
    const [, code] = END.exec(line) ?? [];
    if (code === undefined) {
      running.lines.push(line);
      running.begun(line);
      return;
    }
    this.#running = undefined;
    running.ended(Number(code));
  }
}
