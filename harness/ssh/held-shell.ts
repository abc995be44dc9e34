import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { quotePosix } from './posix.js';
import { type ExecResult, type Ssh, SshError } from './ssh.js';

/** Maximum output of a script, in bytes. */
const OUTPUT_LIMIT = 1024 * 1024;

/**
 * A POSIX shell that is kept open on an SSH connection. It runs scripts one after the other, each in a subshell with
 * empty stdin. This avoids the start of a login shell by sshd, which is most of the time of a short script.
 */
export class HeldShell {
  #session: ShellSession | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(private readonly ssh: Ssh) {}

  /**
   * Runs a script. Throws an {@link SshError}, of kind `deadline` if the script takes longer than `deadlineMs`
   * milliseconds.
   */
  run(script: string, deadlineMs: number): Promise<ExecResult> {
    const result = this.#last.then(() => this.#run(script, deadlineMs));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Drops the connection to a guest that was re-created: the next script gets a new shell over a new connection. */
  renew(): void {
    this.#session?.end();
    this.ssh.renew();
  }

  close(): void {
    this.#closed = true;
    this.#session?.end();
  }

  async #run(script: string, deadlineMs: number): Promise<ExecResult> {
    if (this.#closed) throw new SshError('closed', 'netifspec has closed the shell');
    if (!this.#session?.open) this.#session = new ShellSession(this.ssh);
    const session = this.#session;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // A hanging script cannot be stopped; the next script gets a new shell.
        session.end();
        reject(new SshError('deadline', `a script did not end within ${deadlineMs} ms; check the load of the guest`));
      }, deadlineMs);
    });
    try {
      return await Promise.race([session.run(script), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

class ShellSession {
  open = true;
  /** The end mark of a script's output, which no script can predict. */
  readonly #mark = randomBytes(16).toString('hex');
  readonly #stdin = new PassThrough();
  readonly #stop = new AbortController();
  readonly #ended: Promise<never>;
  readonly #output = { stdout: '', stderr: '' };
  #onOutput = (): void => {};

  constructor(ssh: Ssh) {
    const take = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      this.#output[stream] += chunk.toString('latin1');
      if (this.#output[stream].length > OUTPUT_LIMIT)
        throw new SshError(
          'closed',
          `a script printed more than ${OUTPUT_LIMIT} bytes; check the commands for the guest`,
        );
      this.#onOutput();
    };
    this.#ended = ssh
      .exec('exec /bin/sh', {
        deadlineMs: Infinity,
        stdin: this.#stdin,
        onStdout: take('stdout'),
        onStderr: take('stderr'),
        signal: this.#stop.signal,
      })
      .then(({ code }) => {
        throw new SshError(
          'closed',
          `the shell in the guest ended by itself (status ${code}); check that the guest still runs`,
        );
      })
      .finally(() => (this.open = false));
    // The caller of a running script handles the error; between scripts it has no consequence.
    this.#ended.catch(() => undefined);
  }

  end(): void {
    this.open = false;
    this.#stop.abort();
  }

  async run(script: string): Promise<ExecResult> {
    this.#output.stdout = this.#output.stderr = '';
    const tail = `printf '\\n${this.#mark} %s\\n' $? ; printf '\\n${this.#mark} \\n' >&2`;
    this.#stdin.write(`(eval ${quotePosix(script)}) < /dev/null; ${tail}\n`);
    return await Promise.race([this.#readResult(), this.#ended]);
  }

  #readResult(): Promise<ExecResult> {
    const ends = (status: string): RegExp => new RegExp(`^([^]*)\\n${this.#mark} ${status}\\n$`);
    const [ended, endedErrors] = [ends('(\\d{1,3})'), ends('')];
    return new Promise((resolve) => {
      this.#onOutput = () => {
        if (!this.#output.stdout.endsWith('\n') || !this.#output.stderr.endsWith('\n')) return;
        const [stdout, stderr] = [ended.exec(this.#output.stdout), endedErrors.exec(this.#output.stderr)];
        if (!stdout || !stderr) return;
        this.#onOutput = () => {};
        const text = (latin1 = ''): string => Buffer.from(latin1, 'latin1').toString('utf8');
        resolve({ code: Number(stdout[2]), stdout: text(stdout[1]), stderr: text(stderr[1]) });
      };
    });
  }
}
