/** Commands in a guest or on a host, over one held SSH connection. What comes back is hostile: bounded, never trusted. */
import type { Client } from 'ssh2';
import { connect, type SshOptions } from './ssh-connect.js';
import { aborted, type ExecOptions, type ExecResult, Execution } from './ssh-execution.js';
import { SshError } from './ssh-error.js';

export type { SshOptions } from './ssh-connect.js';
export { SshError } from './ssh-error.js';
export { type ExecOptions, type ExecResult, OUTPUT_LIMIT } from './ssh-execution.js';

/** Milliseconds that a new connection may take inside an exec of a longer deadline. */
const RECONNECT_MS = 30_000;

export class Ssh {
  /** Undefined once the connection is gone; the next exec makes a new one. */
  #client: Client | undefined;
  readonly #stop = new AbortController();

  private constructor(private readonly options: SshOptions) {}

  /** Connects. Throws an {@link SshError}; a guest that is still booting gives `unreachable` or `deadline`. */
  static async open(options: SshOptions, deadlineMs: number): Promise<Ssh> {
    const ssh = new Ssh(options);
    await ssh.#connected(deadlineMs);
    return ssh;
  }

  /**
   * Runs `command` by the user's login shell there. A command that fails is no error: look at `code`. If the
   * connection died before, one new one is made. Throws an {@link SshError}.
   */
  async exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (this.#stop.signal.aborted)
      throw new SshError('closed', `the connection to ${this.options.host} was closed by us`);
    if (options.signal?.aborted) throw aborted(this.options.host);
    const started = Date.now();
    const client = await this.#connected(Math.min(options.deadlineMs, RECONNECT_MS));
    const left = Math.max(1, options.deadlineMs - (Date.now() - started));
    const run = new Execution(this.options.host, command, { ...options, deadlineMs: left });
    const result = await run.on(client);
    if (run.silent) {
      // Not even the channel was opened in time: the connection is dead without having been told so.
      client.destroy();
      this.#client = undefined;
    }
    if (result instanceof SshError) throw result;
    return result;
  }

  /** Gives up a connection whose other end is known to be gone: the next exec makes a new one. */
  renew(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  close(): void {
    this.#stop.abort();
    // Not by an end that waits for the other side: a guest that is gone doesn't answer, and would keep us here.
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #connected(deadlineMs: number): Promise<Client> {
    if (this.#client) return this.#client;
    const client = await connect(this.options, deadlineMs, this.#stop.signal);
    this.#client = client;
    client.once('close', () => {
      if (this.#client === client) this.#client = undefined;
    });
    return client;
  }
}
