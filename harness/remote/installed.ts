/** A connection to a host with netifspec. */
import { Ssh, type SshOptions } from '../ssh/ssh.js';
import { install, type Installed, type InstallOptions } from './install.js';
import type { Pack } from './pack.js';

/** An emulated host takes seconds for its first connection. */
const CONNECT_MS = 30_000;

export interface HostOptions extends InstallOptions {
  readonly ssh: SshOptions;
}

/**
 * Runs `work` on a host, after copying netifspec to it if necessary. Throws a {@link RemoteError} or an SshError if it
 * cannot be copied, and the signal's reason if that fires first.
 */
export async function installed<T>(
  options: HostOptions,
  archive: Pack,
  work: (ssh: Ssh, there: Installed) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  signal.throwIfAborted();
  const ssh = await Ssh.open(options.ssh, CONNECT_MS);
  try {
    return await work(ssh, await unlessAborted(signal, install(ssh, archive, options)));
  } finally {
    ssh.close();
  }
}

/** Throws the signal's reason for any failure after an abort, since the abort caused it. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
