import type { SshOptions } from '../guest/ssh.js';

/**
 * Lets everything be as a failed test left it, and says where to look, until `signal`.
 *
 * @param failure what failed, in a line
 * @param paths the xenstore directories of the vifs that are there
 * @param ssh the way into the guest, where there is one
 */
export async function hold(
  failure: string,
  paths: readonly string[],
  ssh: SshOptions | undefined,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  log(failure);
  log('its vifs and the guest are left as they are; to look at them, on the host of this run:');
  for (const path of paths) log(`  xenstore-ls -fp ${path}`);
  if (ssh) {
    const { identity, knownHosts, port = 22, user = 'root', host } = ssh;
    const key = identity === undefined ? '' : `-i ${identity} `;
    log(`  ssh ${key}-o UserKnownHostsFile=${knownHosts} -p ${port} ${user}@${host} 'ip addr; dmesg | tail -50'`);
  }
  log('Ctrl-C clears them and ends the run');
  // A process that only waits for a signal would end.
  const awake = setInterval(() => undefined, 0x7fffffff);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(awake);
}
