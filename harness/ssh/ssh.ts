/**
 * Runs commands in a guest or on a host, over one SSH connection that is kept open. Their output is untrusted, so its
 * size is limited.
 */
import type { Client } from 'ssh2';
import { connect, type SshOptions } from './ssh-connect.js';
import { aborted, type ExecOptions, type ExecResult, Execution } from './ssh-execution.js';
import { SshError } from './ssh-error.js';

export type { SshOptions } from './ssh-connect.js';
export { SshError } from './ssh-error.js';
export { type ExecOptions, type ExecResult, OUTPUT_LIMIT } from './ssh-execution.js';

/** Time limit of a reconnection inside an exec with a longer deadline, in milliseconds. */
const RECONNECT_MS = 30_000;

export class Ssh {
  /** Undefined after the loss of the connection; the next exec opens a new one. */
  #client: Client | undefined;
  readonly #stop = new AbortController();

  private constructor(private readonly options: SshOptions) {}

  /** Connects. Throws an {@link SshError}; for a guest that is still booting, of kind `unreachable` or `deadline`. */
  static async open(options: SshOptions, deadlineMs: number): Promise<Ssh> {
    const ssh = new Ssh(options);
    await ssh.#connected(deadlineMs);
    return ssh;
  }

  /**
   * Runs `command` in the login shell of the user. A command that fails is not an error: check `code`. If the
   * connection was lost before, opens a new one. Throws an {@link SshError}.
   */
  async exec(command: string, options: ExecOptions): Promise<ExecResult> {
    if (this.#stop.signal.aborted)
      throw new SshError('closed', `netifspec has closed the connection to ${this.options.host}`);
    if (options.signal?.aborted) throw aborted(this.options.host);
    const started = Date.now();
    const client = await this.#connected(Math.min(options.deadlineMs, RECONNECT_MS));
    const left = Math.max(1, options.deadlineMs - (Date.now() - started));
    const run = new Execution(this.options.host, command, { ...options, deadlineMs: left });
    const result = await run.on(client);
    if (run.silent) {
      // Not even a channel was opened in time: the connection is lost without a notification.
      client.destroy();
      this.#client = undefined;
    }
    if (result instanceof SshError) throw result;
    return result;
  }

  /** Drops a connection to a guest that no longer exists: the next exec opens a new one. */
  renew(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  close(): void {
    this.#stop.abort();
    // Not end(), which waits for the other side: a guest that no longer exists does not respond, so the process would
    // not exit.
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
