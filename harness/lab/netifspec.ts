/** netifspec in the lab's dom0. */
import { RemoteError } from '../remote/error.js';
import { type HostOptions, installed } from '../remote/installed.js';
import { pack } from '../remote/pack.js';
import { runScript } from '../remote/script.js';

/** A first run under emulation takes seconds. */
const RUN_MS = 120_000;

/**
 * Puts this netifspec into dom0, so that a snapshot has it, and what it takes to start it is in memory there: Node, and
 * what a run leaves of compiled code. On a simulated Xen, which the lab's guests don't see.
 */
export async function takeNetifspec(dom0: HostOptions): Promise<void> {
  const { log, signal } = dom0;
  const run = "run --stream --test '*.xenbus.connect' > /dev/null";
  try {
    await installed(dom0, await pack(), (ssh, { netifspec }) =>
      runScript(ssh, 'dom0', 'run netifspec', `${netifspec} ${run}`, { deadlineMs: RUN_MS, signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    // A run there will fail of it; the lab is good for other things.
    if (!(error instanceof RemoteError)) throw error;
    log(error.message);
  }
}
