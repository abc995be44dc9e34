/** Short scripts on another host. */
import { quotePosix } from '../guest/profile.js';
import type { ExecOptions, Ssh } from '../guest/ssh.js';
import { printable } from '../guest/text.js';
import { RemoteError } from './error.js';

const COMMAND_MS = 30_000;

/** Runs a short script; its stdout. Throws if it fails; `purpose` completes "host cannot …". */
export async function runScript(
  ssh: Ssh,
  host: string,
  purpose: string,
  script: string,
  options: Partial<ExecOptions>,
): Promise<string> {
  const { code, stdout, stderr } = await ssh.exec(posix(script), { deadlineMs: COMMAND_MS, ...options });
  if (code === 0) return stdout;
  throw new RemoteError(3, `${host} cannot ${purpose} (status ${code}): ${printable(stderr, 300).trim()}`);
}

/** A script for `sh`, whatever the user's login shell is. */
export function posix(script: string): string {
  return `exec /bin/sh -c ${quotePosix(script)}`;
}
