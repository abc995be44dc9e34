/** netifspec in the lab's dom0. */
import { RemoteError } from '../remote/error.js';
import { type HostOptions, installed } from '../remote/installed.js';
import type { Pack } from '../remote/pack.js';
import { runScript } from '../remote/script.js';

/** Timeout of the first run, under emulation. */
const RUN_MS = 120_000;

/**
 * Copies this netifspec to dom0 and runs it once, on a simulated Xen, so that the snapshot includes Node and the
 * compiled code in memory.
 */
export async function takeNetifspec(dom0: HostOptions, archive: Pack): Promise<void> {
  const { log, signal } = dom0;
  const run = "run --stream --test '*.xenbus.connect' > /dev/null";
  try {
    await installed(dom0, archive, (ssh, { netifspec }) =>
      runScript(ssh, 'dom0', 'run netifspec', `${netifspec} ${run}`, { deadlineMs: RUN_MS, signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    // A real run would fail for the same reason; the lab is still useful for other purposes.
    if (!(error instanceof RemoteError)) throw error;
    log(error.message);
  }
}
