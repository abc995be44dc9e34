/** The process of a driver's program. It runs only while this process waits for its next call. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../run/record.js';
import { decodeHeader, Fields, HEADER_LENGTH } from './wire.js';

/** One call of the program. */
export interface Call {
  readonly operation: number;
  readonly fields: Fields;
}

/** Both ends of a pipe, as descriptors. */
interface Pipe {
  readonly from: number;
  readonly to: number;
}

/** Opens a pipe. Node offers none by itself, so that it is a FIFO whose name is removed at once. */
function openPipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-'));
  try {
    const name = join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', name]);
    // With this one open, opening either end does not wait for the other.
    const both = openSync(name, 'r+');
    const pipe = { from: openSync(name, 'r'), to: openSync(name, 'w') };
    closeSync(both);
    return pipe;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A program whose descriptors 3, 4 and 5 are the shared memory, its calls and their answers. */
export class DriverProcess {
  readonly #child: ChildProcess;
  readonly #calls: Pipe;
  readonly #answers: Pipe;
  readonly #exited: Promise<string>;
  #closed = false;

  /** Starts `file` with the role as its argument. */
  constructor(file: string, role: Role, memory: number) {
    this.#calls = openPipe();
    this.#answers = openPipe();
    this.#child = spawn(file, [role], { stdio: ['ignore', 2, 2, memory, this.#calls.to, this.#answers.from] });
    closeSync(this.#calls.to);
    closeSync(this.#answers.from);
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`it does not start: ${error.message}`));
      this.#child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How the process ended, as words; settles when it has ended. */
  get exited(): Promise<string> {
    return this.#exited;
  }

  /** Lets the program run up to its next call, which it returns; undefined if the program has ended. */
  nextCall(): Call | undefined {
    const header = this.#read(HEADER_LENGTH);
    if (!header) return undefined;
    const { operation, length } = decodeHeader(header);
    const body = this.#read(length);
    return body && { operation, fields: new Fields(body) };
  }

  /** Returns false if the program has ended. */
  answer(bytes: Uint8Array): boolean {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#answers.to, bytes, at);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false;
      throw error;
    }
  }

  /** Kills the program and waits for its end. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#calls.from);
    closeSync(this.#answers.to);
  }

  #read(length: number): Buffer | undefined {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const count = readSync(this.#calls.from, bytes, at, length - at, null);
      if (count === 0) return undefined;
      at += count;
    }
    return bytes;
  }
}
