/** Opens one SSH connection: checks the host key and authenticates, or throws an error with a next step. */
import { messageOf } from '../base/errors.js';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AnyAuthMethod, type Client } from 'ssh2';
import { deadline } from './deadline.js';
import {
  fingerprint,
  hostKeyAlgorithms,
  judgeHostKey,
  keyType,
  knownHostName,
  linesOf,
  parseKnownHosts,
} from './known-hosts.js';
import { SshError } from './ssh-error.js';
import { printableLine } from '../base/text.js';

export interface SshOptions {
  readonly host: string;
  /** Default: 22. */
  readonly port?: number;
  /** Default: root. */
  readonly user?: string;
  /** Path of a private key. Default: ~/.ssh/id_ed25519, ~/.ssh/id_rsa, then the SSH agent. */
  readonly identity?: string;
  /** Path of an OpenSSH known_hosts file that has the host's key. */
  readonly knownHosts: string;
}

/** Opens one connection, unless `stop` aborts it. Throws an {@link SshError}. */
export async function connect(options: SshOptions, deadlineMs: number, stop: AbortSignal): Promise<Client> {
  const { host, port = 22, user = 'root', knownHosts: file } = options;
  const lines = linesOf(parseKnownHosts(await readKnownHosts(file)), host, port);
  const algorithms = hostKeyAlgorithms(lines);
  const methods = await authMethods(options, user);
  return await new Promise<Client>((resolve, reject) => {
    const client = new ssh2.Client();
    // Our own reason (such as a rejected key) is more specific than the error that ssh2 derives from it.
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
          `no SSH session with ${user}@${host}:${port} within ${deadlineMs} ms; check that the host is up and that its sshd responds`,
        ),
      ),
    );
    const onStop = (): void => fail(new SshError('closed', `netifspec has closed the connection to ${host}`));
    stop.addEventListener('abort', onStop);
    if (stop.aborted) return onStop();
    // Many small messages, each with a wait for its response: with Nagle's algorithm a command takes 200 ms instead of
    // 10.
    client.once('connect', () => client.setNoDelay(true));
    client.once('ready', () => {
      disarm();
      stop.removeEventListener('abort', onStop);
      resolve(client);
    });
    // Without this handler an error of an idle connection would end the process; 'close' reports its end.
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
      `cannot read the known_hosts file ${file} (${message(error)}); create it with ssh-keyscan, or give another file`,
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
    `no usable SSH key: neither ~/.ssh/id_ed25519 nor ~/.ssh/id_rsa nor an SSH agent; give a private key as the identity`,
  );
}

async function readIdentity(path: string, user: string): Promise<AnyAuthMethod | SshError> {
  let text: Buffer;
  try {
    text = await readFile(path);
  } catch (error) {
    return new SshError(
      'auth',
      `cannot read the SSH identity ${path} (${message(error)}); give the path of a private key`,
      {
        cause: error,
      },
    );
  }
  const parsed = ssh2.utils.parseKey(text);
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return { type: 'publickey', username: user, key: text };
  const why = parsed instanceof Error ? parsed.message : 'not a private key';
  return new SshError('auth', `cannot use the SSH identity ${path} (${why}); give a private key without a passphrase`);
}

function explain(error: Error & { level?: string }, options: SshOptions, user: string): SshError {
  const { host, port = 22, identity, knownHosts: file } = options;
  const where = `${user}@${host}:${port}`;
  if (error.level === 'client-authentication' || error.level === 'agent') {
    const keys = identity ? `the key ${identity}` : 'any available SSH key';
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

function message(error: unknown): string {
  return printableLine(messageOf(error), 200);
}
