/** The command line and the running lab, for tests that need them. */
import { spawnSync } from 'node:child_process';
import { MAIN } from '../base/root.js';
import type { LabStatus } from './index.js';

/** Longer than any command of a test takes: a command that hangs fails instead of blocking the test. */
const DEADLINE_MS = 240_000;

/** Runs netifspec to its end, in `cwd` or the current directory, with a timeout in milliseconds. */
export function netifspec(args: readonly string[], cwd?: string, timeout = DEADLINE_MS) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd, timeout });
}

/** The options that connect to the lab's dom0, as to any other host. */
export function onLab(): string[] {
  const { handle } = labNow();
  if (!handle) throw new Error('the lab is not up');
  const { user, host, port, identity, knownHosts } = handle.ssh;
  return ['--on', `${user}@${host}:${port}`, '--identity', identity ?? '', '--known-hosts', knownHosts ?? ''];
}

export function labNow(): LabStatus {
  return JSON.parse(netifspec(['lab', 'status']).stdout) as LabStatus;
}
