/** An SSH server inside the test's process; its commands run on this machine, in a home folder of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import type { SshOptions } from './ssh.js';

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

export function newKey(): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    // About one in some hundred keys that ssh2 generates cannot be parsed by ssh2.
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/** Sends a signal to the process group; ignores one that has just ended. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export class FakeSshd {
  /** HOME of the commands; removed at the end, like `files`. */
  readonly home: string;
  readonly files: string;
  readonly hostKey = newKey();
  readonly userKey = newKey();
  /** Number of connections so far. */
  connections = 0;
  /** Additional environment of the commands. */
  readonly env: Record<string, string> = {};
  /** Whether requests for channels get no response. */
  deaf = false;
  readonly #server: ssh2.Server;
  readonly #open = new Set<Connection>();
  readonly #children = new Set<number>();

  private constructor() {
    this.home = mkdtempSync(join(tmpdir(), 'netifspec-home-'));
    this.files = mkdtempSync(join(tmpdir(), 'netifspec-files-'));
    this.#server = new ssh2.Server({ hostKeys: [this.hostKey.private] }, (connection) => this.#serve(connection));
  }

  static async start(): Promise<FakeSshd> {
    const sshd = new FakeSshd();
    sshd.#server.listen(0, '127.0.0.1');
    await once(sshd.#server, 'listening');
    sshd.write('id', sshd.userKey.private);
    sshd.write('known_hosts', sshd.knownHostsLine());
    return sshd;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get options(): SshOptions {
    const [identity, knownHosts] = [join(this.files, 'id'), join(this.files, 'known_hosts')];
    return { host: '127.0.0.1', port: this.port, user: 'root', identity, knownHosts };
  }

  knownHostsLine(key = this.hostKey): string {
    return `[127.0.0.1]:${this.port} ${key.public}\n`;
  }

  /** Writes a file next to the key. Returns its path. */
  write(name: string, text: string): string {
    const path = join(this.files, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Cuts all connections, like a host that dies. */
  drop(): void {
    for (const connection of this.#open) (connection as unknown as { _sock: { destroy(): void } })._sock.destroy();
  }

  async stop(): Promise<void> {
    this.drop();
    for (const pid of this.#children) signalGroup(pid, 'SIGKILL');
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.home, { recursive: true, force: true });
    rmSync(this.files, { recursive: true, force: true });
  }

  #serve(connection: Connection): void {
    this.connections++;
    this.#open.add(connection);
    // The method exists, but is missing from the types.
    (connection as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    connection.on('close', () => this.#open.delete(connection));
    // Clients disconnect on purpose in these tests.
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      const allowed = ssh2.utils.parseKey(this.userKey.public);
      if (allowed instanceof Error || context.method !== 'publickey') return context.reject(['publickey']);
      const { algo, data } = context.key;
      const same = algo === allowed.type && data.equals(allowed.getPublicSSH());
      const signed =
        !context.signature || !context.blob || allowed.verify(context.blob, context.signature, context.hashAlgo);
      if (same && signed) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('session', (accept) => {
      if (this.deaf) return;
      const session = accept();
      let pid: number | undefined;
      session.on('signal', (acceptSignal, _reject, info) => {
        acceptSignal?.();
        if (pid !== undefined && this.#children.has(pid)) signalGroup(pid, `SIG${info.name}` as NodeJS.Signals);
      });
      session.on('exec', (acceptExec, _reject, info) => {
        pid = this.#run(info.command, acceptExec());
      });
    });
  }

  #run(command: string, channel: ServerChannel): number | undefined {
    // A process group of its own, as sshd creates it: a signal reaches all of it.
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true,
      env: { PATH: process.env['PATH'], HOME: this.home, ...this.env },
    });
    const { pid } = child;
    if (pid !== undefined) this.#children.add(pid);
    child.stdin.on('error', () => undefined);
    channel.on('error', () => undefined);
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    child.once('close', (code, signal) => {
      if (pid !== undefined) this.#children.delete(pid);
      if (signal) channel.exit(signal.replace('SIG', ''));
      else channel.exit(code ?? 0);
      channel.end();
    });
    return pid;
  }
}
