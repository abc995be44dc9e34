/** The program of the reference driver in another domain. */
import { PassThrough } from 'node:stream';
import { LineSplitter } from '../base/lines.js';
import { printableLine } from '../base/text.js';
import { READY } from '../reference/program.js';
import { posix } from '../remote/script.js';
import type { Ssh } from '../ssh/ssh.js';
import { Expired, type Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';

/** Time for the program to start (it is loaded in its domain first) or to end, in milliseconds before scaling. */
const START_MS = 30_000;

/** A timeout of netifspec's own program is an error of the environment, not a failure of the driver that it plays. */
export async function asEnvironmentError<T>(wait: Promise<T>, message: string): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    throw error instanceof Expired ? new EnvironmentError(message) : error;
  }
}

/** The program; it can be started again after each stop. */
export class ReferenceProgram {
  #running: Running;

  private constructor(
    private readonly ssh: Ssh,
    private readonly command: string,
    private readonly patience: Patience,
  ) {
    this.#running = new Running(ssh, command, patience);
  }

  /** Starts the program. Throws an EnvironmentError if it is not ready in time. */
  static async start(ssh: Ssh, command: string, patience: Patience): Promise<ReferenceProgram> {
    const program = new ReferenceProgram(ssh, command, patience);
    await program.#running.ready();
    return program;
  }

  /** Starts it again. */
  async start(): Promise<void> {
    this.#running = new Running(this.ssh, this.command, this.patience);
    await this.#running.ready();
  }

  /** Throws if the program has ended by itself. */
  check(): void {
    this.#running.check();
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

/** One process of the program; it runs while its input is open. */
class Running {
  readonly #input = new PassThrough();
  readonly #kill = new AbortController();
  readonly #ended: Promise<void>;
  #ready = false;
  #isOver = false;
  #fault: Error | undefined;

  constructor(
    ssh: Ssh,
    command: string,
    private readonly patience: Patience,
  ) {
    const errorLines: string[] = [];
    const pass = (): void => undefined;
    const stdout = new LineSplitter(1024, (line) => (this.#ready ||= line === READY), pass);
    const stderr = new LineSplitter(4096, (line) => errorLines.push(printableLine(line, 500)), pass);
    const running = ssh.exec(posix(command), {
      deadlineMs: Infinity,
      stdin: this.#input,
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      signal: this.#kill.signal,
    });
    this.#ended = running
      .then(({ code }) => {
        this.#fault = new EnvironmentError(`the reference driver ended with status ${code}: ${errorLines.join('; ')}`);
      })
      .catch((error: unknown) => {
        this.#fault = error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => (this.#isOver = true));
  }

  /** Throws if the program has ended by itself. */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Waits until the program is ready. Throws an EnvironmentError if it is not in time. */
  async ready(): Promise<void> {
    const isReady = (): boolean => {
      this.check();
      return this.#ready;
    };
    try {
      await asEnvironmentError(
        this.patience.until('reference driver in its domain', isReady, { ms: START_MS }),
        'the reference driver does not start in its domain; check the console of the domain',
      );
    } catch (error) {
      this.#kill.abort();
      throw error;
    }
  }

  /** Ends the program, by force if it does not end by itself. */
  async stop(): Promise<void> {
    this.#input.end();
    try {
      await this.patience.until('end of the reference driver', () => this.#isOver, { ms: START_MS });
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      this.#kill.abort();
    }
    await this.#ended;
  }
}
