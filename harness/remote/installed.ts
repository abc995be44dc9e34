/** A connection to a host that has netifspec. */
import { Ssh, type SshOptions } from '../guest/ssh.js';
import { install, type Installed, type InstallOptions } from './install.js';
import type { Pack } from './pack.js';

/** An emulated host takes seconds for its first connection. */
const CONNECT_MS = 30_000;

export interface HostOptions extends InstallOptions {
  readonly ssh: SshOptions;
}

/**
 * Does something on a host with netifspec there, which is put there if need be. Throws a {@link RemoteError} or an
 * SshError where it can't be put there, and the signal's reason if it fires before it is.
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

/** What fails after an abort is the user's doing, whatever it broke: the signal's reason is thrown then. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
