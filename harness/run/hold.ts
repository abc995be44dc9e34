import type { SshOptions } from '../ssh/ssh.js';

/**
 * Keeps the state of a failed test until `signal`, and prints the commands that show it.
 *
 * @param failure the failure, in one line
 * @param paths the xenstore directories of the current vifs
 * @param ssh the SSH access to the guest, if configured
 */
export async function hold(
  failure: string,
  paths: readonly string[],
  ssh: SshOptions | undefined,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  log(failure);
  log('the vifs and the guest are kept in this state; to inspect them, run on the test host:');
  for (const path of paths) log(`  xenstore-ls -fp ${path}`);
  if (ssh) {
    const { identity, knownHosts, port = 22, user = 'root', host } = ssh;
    const key = identity === undefined ? '' : `-i ${identity} `;
    log(`  ssh ${key}-o UserKnownHostsFile=${knownHosts} -p ${port} ${user}@${host} 'ip addr; dmesg | tail -50'`);
  }
  log('press Ctrl-C to remove them and end the run');
  // A timer keeps the process alive, since a wait for a signal alone does not.
  const awake = setInterval(() => undefined, 0x7fffffff);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(awake);
}
