/** Runs one command over SSH. Its output is untrusted, so its size is limited. */
import { constants } from 'node:os';
import { Readable } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { deadline } from './deadline.js';
import { SshError } from './ssh-error.js';
import { printableLine } from '../base/text.js';

/** Maximum number of bytes of stdout, and of stderr, that are collected. */
export const OUTPUT_LIMIT = 8 * 1024 * 1024;
const TRUNCATED = '\n[netifspec: the rest of the output was omitted]\n';

export interface ExecOptions {
  /** Time limit of the command in milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  /** Input of the command (default: empty). */
  readonly stdin?: Uint8Array | NodeJS.ReadableStream;
  /** Called with each chunk of stdout, which is then not collected. */
  readonly onStdout?: (chunk: Buffer) => void;
  /** Called with each chunk of stderr, which is then not collected. */
  readonly onStderr?: (chunk: Buffer) => void;
  /** Aborts the command (kind `closed`): it gets a TERM if the server forwards signals. */
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** Exit status; 128 + the number of the signal that ended the command, as in a shell. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command on one connection. */
export class Execution {
  /** Whether the deadline passed before the server opened a channel. */
  silent = false;
  #code: number | undefined;
  readonly #stdout: Collector;
  readonly #stderr: Collector;

  constructor(
    private readonly host: string,
    private readonly command: string,
    private readonly options: ExecOptions,
  ) {
    this.#stdout = new Collector(options.onStdout);
    this.#stderr = new Collector(options.onStderr);
  }

  on(client: Client): Promise<ExecResult | SshError> {
    const { deadlineMs, signal } = this.options;
    return new Promise((resolve, reject) => {
      let channel: ClientChannel | undefined;
      let settled = false;
      const settle = (end: () => void): void => {
        if (settled) return;
        settled = true;
        disarm();
        signal?.removeEventListener('abort', onAbort);
        end();
      };
      const giveUp = (error: SshError): void =>
        settle(() => {
          this.silent = channel === undefined && error.kind === 'deadline';
          channel?.signal('TERM');
          channel?.close();
          resolve(error);
        });
      const onAbort = (): void => giveUp(aborted(this.host));
      const disarm = deadline(deadlineMs, () =>
        giveUp(
          new SshError(
            'deadline',
            `the command "${printableLine(this.command, 60)}" on ${this.host} did not end within ${this.options.deadlineMs} ms; check the load of the host`,
          ),
        ),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      const lost = (cause?: Error): SshError =>
        new SshError(
          'closed',
          `the connection to ${this.host} was lost during "${printableLine(this.command, 60)}"; check that the host still runs`,
          { cause },
        );
      const started = (error: Error | undefined, opened: ClientChannel): void => {
        if (error) return settle(() => resolve(lost(error)));
        channel = opened;
        if (settled) {
          opened.close();
          return;
        }
        opened.on('close', () =>
          settle(() => {
            if (this.#code === undefined) return resolve(lost());
            resolve({ code: this.#code, stdout: this.#stdout.text(), stderr: this.#stderr.text() });
          }),
        );
        // An exception in a callback or in stdin is the caller's error: passes it to the caller instead of ending the
        // process.
        const guard = (error: unknown): void =>
          settle(() => {
            opened.close();
            reject(error instanceof Error ? error : new Error(String(error)));
          });
        this.#wire(opened, guard);
      };
      try {
        client.exec(this.command, started);
      } catch (error) {
        settle(() => resolve(lost(error as Error)));
      }
    });
  }

  #wire(channel: ClientChannel, guard: (error: unknown) => void): void {
    channel.on('exit', (code: number | null, name?: string) => {
      this.#code = code ?? 128 + signalNumber(name ?? '');
    });
    const collect = (collector: Collector) => (chunk: Buffer) => {
      try {
        collector.push(chunk);
      } catch (error) {
        guard(error);
      }
    };
    channel.on('data', collect(this.#stdout));
    channel.stderr.on('data', collect(this.#stderr));
    const { stdin } = this.options;
    if (stdin === undefined || stdin instanceof Uint8Array) {
      channel.end(stdin);
      return;
    }
    const source = stdin instanceof Readable ? stdin : new Readable().wrap(stdin);
    source.once('error', guard);
    // A command may end without reading all of its input; the rest is dropped.
    channel.once('close', () => source.destroy());
    source.pipe(channel);
  }
}

class Collector {
  readonly #parts: Buffer[] = [];
  #length = 0;
  #cut = false;

  constructor(private readonly taker: ((chunk: Buffer) => void) | undefined) {}

  push(chunk: Buffer): void {
    if (this.taker) return this.taker(chunk);
    const part = chunk.subarray(0, OUTPUT_LIMIT - this.#length);
    if (part.length < chunk.length) this.#cut = true;
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  text(): string {
    return Buffer.concat(this.#parts).toString('utf8') + (this.#cut ? TRUNCATED : '');
  }
}

/** The error of a command that its caller aborted. */
export function aborted(host: string): SshError {
  return new SshError('closed', `netifspec aborted the command on ${host}`);
}

function signalNumber(name: string): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return numbers[name.startsWith('SIG') ? name : `SIG${name}`] ?? 0;
}
