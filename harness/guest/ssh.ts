/** Commands in a guest or on a host, over one held SSH connection. What comes back is hostile: bounded, never trusted. */
import { readFile } from 'node:fs/promises';
import { constants, homedir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import ssh2, { type AnyAuthMethod, type Client, type ClientChannel } from 'ssh2';
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
  keyType,
  knownHostName,
  linesOf,
  parseKnownHosts,
} from './known-hosts.js';
import { printable } from './text.js';

/** Bytes of stdout, and of stderr, that {@link Ssh.exec} collects at most. */
export const OUTPUT_LIMIT = 8 * 1024 * 1024;
/** Milliseconds that a new connection may take inside an exec of a longer deadline. */
const RECONNECT_MS = 30_000;
const TRUNCATED = '\n[netifspec: the rest of the output was cut off]\n';

export interface SshOptions {
  readonly host: string;
  /** 22 if absent. */
  readonly port?: number;
  /** root if absent. */
  readonly user?: string;
  /** Path of a private key. If absent: ~/.ssh/id_ed25519, ~/.ssh/id_rsa, then the SSH agent. */
  readonly identity?: string;
  /** Path of an OpenSSH known_hosts file, which must hold the host's key. */
  readonly knownHosts: string;
}

export interface ExecOptions {
  /** Milliseconds until the command is given up; Infinity for none. */
  readonly deadlineMs: number;
  /** What the command reads; nothing if absent. */
  readonly stdin?: Uint8Array | NodeJS.ReadableStream;
  /** Takes stdout as it comes; none of it is collected then. */
  readonly onStdout?: (chunk: Buffer) => void;
  /** Takes stderr as it comes; none of it is collected then. */
  readonly onStderr?: (chunk: Buffer) => void;
  /** Gives the command up (kind `closed`): it gets a TERM where the server passes signals on. */
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** Exit status; 128 + the number of the signal that ended the command, as in a shell. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `unreachable`: no SSH session could be had. `auth`: no key was accepted. `hostkey`: the host's key is unknown or
 * another one. `deadline`: it took too long. `closed`: the connection or the command was cut.
 */
export type SshErrorKind = 'unreachable' | 'auth' | 'hostkey' | 'deadline' | 'closed';

/** SSH failed. The message is one sentence for people that says what to do. */
export class SshError extends Error {
  constructor(
    readonly kind: SshErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SshError';
  }
}

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

/** Makes one connection, with the host's key checked. */
async function connect(options: SshOptions, deadlineMs: number, stop: AbortSignal): Promise<Client> {
  const { host, port = 22, user = 'root', knownHosts: file } = options;
  const lines = linesOf(parseKnownHosts(await readKnownHosts(file)), host, port);
  const algorithms = hostKeyAlgorithms(lines);
  const methods = await authMethods(options, user);
  return await new Promise<Client>((resolve, reject) => {
    const client = new ssh2.Client();
    // An answer of our own (a refused key) is more to the point than the error that ssh2 makes of it.
    let refusal: SshError | undefined;
    const fail = (error: SshError): void => {
      disarm();
      stop.removeEventListener('abort', onStop);
      client.destroy();
      reject(refusal ?? error);
    };
    const disarm = deadline(deadlineMs, () =>
      fail(
        new SshError(
          'deadline',
          `no SSH session with ${user}@${host}:${port} within ${deadlineMs} ms; check that it is up and that its sshd answers`,
        ),
      ),
    );
    const onStop = (): void => fail(new SshError('closed', `the connection to ${host} was closed by us`));
    stop.addEventListener('abort', onStop);
    if (stop.aborted) return onStop();
    // Many small messages and each waited for: with Nagle's algorithm a command takes 200 ms instead of 10.
    client.once('connect', () => client.setNoDelay(true));
    client.once('ready', () => {
      disarm();
      stop.removeEventListener('abort', onStop);
      resolve(client);
    });
    // Also keeps an error of the held connection from ending the process: its end is seen by 'close'.
    client.on('error', (error) => fail(explain(error, options, user)));
    client.once('close', () =>
      fail(
        new SshError('unreachable', `${host}:${port} closed the connection before the session was up; check its sshd`),
      ),
    );
    client.connect({
      host,
      port,
      username: user,
      readyTimeout: 0,
      keepaliveInterval: 10_000,
      keepaliveCountMax: 3,
      authHandler: methods,
      ...(algorithms && { algorithms: { serverHostKey: algorithms } }),
      hostVerifier: (key: Buffer) => {
        refusal = refuse(key, lines, options);
        return refusal === undefined;
      },
    });
  });
}

async function readKnownHosts(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SshError(
      'hostkey',
      `cannot read the known_hosts file ${file} (${message(error)}); make it with ssh-keyscan, or name another one`,
      { cause: error },
    );
  }
}

function refuse(key: Buffer, lines: ReturnType<typeof linesOf>, options: SshOptions): SshError | undefined {
  const { host, port = 22, knownHosts: file } = options;
  const verdict = judgeHostKey(lines, key);
  if (verdict.kind === 'known') return undefined;
  const name = knownHostName(host, port);
  const shown = `${keyType(key) ?? 'unknown type'} ${fingerprint(key)}`;
  const what = {
    unknown: `the host key of ${name} (${shown}) is not in ${file}; compare it with the host's, then: ssh-keyscan -p ${port} ${host} >> ${file}`,
    different: `the host key of ${name} (${shown}) is not the one in ${file}; if the host was reinstalled: ssh-keygen -R '${name}' -f ${file}, then add its new key`,
    revoked: `the host key of ${name} (${shown}) is revoked in ${file}; give the host a new key`,
  }[verdict.kind];
  return new SshError('hostkey', 'line' in verdict ? `${what} (line ${verdict.line})` : what);
}

async function authMethods(options: SshOptions, user: string): Promise<AnyAuthMethod[]> {
  if (options.identity !== undefined) {
    const found = await readIdentity(options.identity, user);
    if (found instanceof SshError) throw found;
    return [found];
  }
  const defaults = await Promise.all(
    ['id_ed25519', 'id_rsa'].map((name) => readIdentity(join(homedir(), '.ssh', name), user)),
  );
  const methods: AnyAuthMethod[] = defaults.filter((found) => 'type' in found);
  const agent = process.env['SSH_AUTH_SOCK'];
  if (agent) methods.push({ type: 'agent', username: user, agent });
  if (methods.length > 0) return methods;
  throw new SshError(
    'auth',
    `no usable SSH key: neither ~/.ssh/id_ed25519 nor ~/.ssh/id_rsa nor an SSH agent; name a private key as the identity`,
  );
}

async function readIdentity(path: string, user: string): Promise<AnyAuthMethod | SshError> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    return new SshError('auth', `cannot read the SSH identity ${path} (${message(error)}); name a private key`, {
      cause: error,
    });
  }
  const parsed = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return { type: 'publickey', username: user, key: text };
  const why = parsed instanceof Error ? parsed.message : 'not a private key';
  return new SshError('auth', `cannot use the SSH identity ${path} (${why}); name a private key without passphrase`);
}

function explain(error: Error & { level?: string }, options: SshOptions, user: string): SshError {
  const { host, port = 22, identity, knownHosts: file } = options;
  const where = `${user}@${host}:${port}`;
  if (error.level === 'client-authentication' || error.level === 'agent') {
    const keys = identity ? `the key ${identity}` : 'our SSH keys';
    return new SshError('auth', `${where} does not accept ${keys}; add the public key to its authorized_keys`, {
      cause: error,
    });
  }
  if (error.level === 'handshake' && /host key/.test(error.message)) {
    return new SshError(
      'hostkey',
      `${where} has no host key of the type that ${file} names for it; compare its key with the host's, then: ssh-keyscan -p ${port} ${host} >> ${file}`,
      { cause: error },
    );
  }
  return new SshError(
    'unreachable',
    `cannot reach ${where} (${message(error)}); check the address and that its sshd runs`,
    { cause: error },
  );
}

/** One command on one connection. */
class Execution {
  /** The deadline passed before the server opened a channel. */
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
            `the command "${printable(this.command, 60)}" on ${this.host} did not end in time; check the host's load or raise the deadline`,
          ),
        ),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      const lost = (cause?: Error): SshError =>
        new SshError(
          'closed',
          `the connection to ${this.host} ended before "${printable(this.command, 60)}" did; check that the host still runs`,
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
        // A callback or a stdin that throws is the caller's error: hand it to the caller, not to the process.
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
    // A command may end without having read all: the rest goes nowhere.
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

function aborted(host: string): SshError {
  return new SshError('closed', `the command on ${host} was given up by us`);
}

function signalNumber(name: string): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return numbers[name.startsWith('SIG') ? name : `SIG${name}`] ?? 0;
}

/** Calls `expired` after `ms` milliseconds, if finite; the answer cancels it. */
function deadline(ms: number, expired: () => void): () => void {
  if (!Number.isFinite(ms)) return () => undefined;
  const timer = setTimeout(expired, Math.min(ms, 0x7fff_ffff));
  return () => clearTimeout(timer);
}

function message(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 200);
}
