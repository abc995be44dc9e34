/** netifspec in the lab's dom0. */
import { Ssh } from '../guest/ssh.js';
import { RemoteError } from '../remote/error.js';
import { install, type Installed, type InstallOptions } from '../remote/install.js';
import { pack, type Pack } from '../remote/pack.js';
import { runScript } from '../remote/script.js';
import type { LabHandle } from './state.js';

const CONNECT_MS = 30_000;
/** A first start under emulation takes seconds. */
const START_MS = 120_000;

/** Does something in dom0 with netifspec there, which is put there if need be. Throws a RemoteError or an SshError. */
export async function installed<T>(
  dom0: LabHandle['ssh'],
  archive: Pack,
  options: Pick<InstallOptions, 'log' | 'signal'>,
  work: (ssh: Ssh, there: Installed) => Promise<T>,
): Promise<T> {
  const ssh = await Ssh.open(dom0, CONNECT_MS);
  try {
    return await work(ssh, await install(ssh, archive, { ssh: dom0, ...options }));
  } finally {
    ssh.close();
  }
}

/**
 * Puts this netifspec into dom0, so that a snapshot has it, and what it takes to start it is in memory there: Node, and
 * what a run leaves of compiled code. On a simulated Xen, which the lab's guests don't see.
 */
export async function takeNetifspec(
  dom0: LabHandle['ssh'],
  options: Pick<InstallOptions, 'log' | 'signal'>,
): Promise<void> {
  const { log, signal } = options;
  try {
    const run = "run --stream --test '*.xenbus.connect' > /dev/null";
    await installed(dom0, await pack(), options, (ssh, { netifspec }) =>
      runScript(ssh, 'dom0', 'run netifspec', `${netifspec} ${run}`, { deadlineMs: START_MS, signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    // A run there will fail of it; the lab is good for other things.
    if (!(error instanceof RemoteError)) throw error;
    log(error.message);
  }
}
