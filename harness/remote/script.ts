/** Short scripts on another host. */
import { quotePosix } from '../ssh/posix.js';
import type { ExecOptions, Ssh } from '../ssh/ssh.js';
import { printableLine } from '../base/text.js';
import { RemoteError } from './error.js';

const COMMAND_MS = 30_000;

/** Runs a short script. Returns its stdout. Throws if it fails; `purpose` completes "host cannot …". */
export async function runScript(
  ssh: Ssh,
  host: string,
  purpose: string,
  script: string,
  options: Partial<ExecOptions>,
): Promise<string> {
  const { code, stdout, stderr } = await ssh.exec(posix(script), { deadlineMs: COMMAND_MS, ...options });
  if (code === 0) return stdout;
  throw new RemoteError(3, `${host} cannot ${purpose} (status ${code}): ${printableLine(stderr, 300).trim()}`);
}

/** A command that runs a script with `sh`, for any login shell of the user. */
export function posix(script: string): string {
  return `exec /bin/sh -c ${quotePosix(script)}`;
}
