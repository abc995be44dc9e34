/** The command line and the running lab, for tests that need one. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../root.js';
import type { LabStatus } from './index.js';

export const MAIN = join(packageRoot, 'dist/harness/cli/main.js');
/** Longer than any command of a test; one that is held up for so long fails instead of the test standing still. */
const DEADLINE_MS = 240_000;

/** Runs netifspec to its end, in `cwd` or here, for so many milliseconds at most. */
export function netifspec(args: readonly string[], cwd?: string, timeout = DEADLINE_MS) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd, timeout });
}

/** The options that lead to the lab's dom0, as another host would be reached. */
export function onLab(): string[] {
  const { handle } = labNow();
  if (!handle) throw new Error('the lab is not up');
  const { user, host, port, identity, knownHosts } = handle.ssh;
  return ['--on', `${user}@${host}:${port}`, '--identity', identity ?? '', '--known-hosts', knownHosts ?? ''];
}

export function labNow(): LabStatus {
  return JSON.parse(netifspec(['lab', 'status']).stdout) as LabStatus;
}
