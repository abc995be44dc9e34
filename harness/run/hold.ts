/**
 * Lets everything be as a failed test left it, and says where to look, until `signal`.
 *
 * @param failure what failed, in a line
 * @param paths the xenstore directories of the vifs that are there
 */
export async function hold(
  failure: string,
  paths: readonly string[],
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  log(failure);
  log('its vifs and the guest are left as they are; to look at them:');
  for (const path of paths) log(`  xenstore-ls -fp ${path}`);
  log('Ctrl-C clears them and ends the run');
  // A process that only waits for a signal would end.
  const awake = setInterval(() => undefined, 0x7fffffff);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(awake);
}
