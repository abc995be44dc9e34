import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HeldShell } from '../guest/held-shell.js';
import { type ExecResult, Ssh, SshError } from '../guest/ssh.js';
import type { Target } from './target.js';

const DEADLINE_MS = 15_000;

/** The way that commands run in the guest. */
export interface GuestShell {
  /** Throws an SshError if the guest can't be reached. */
  run(script: string): Promise<ExecResult>;
  /** For a guest that was made anew. */
  renew(): void;
  close(): void;
  /** Present where commands go over SSH. */
  readonly ssh?: Ssh;
  /** Why no command can be run although the target tells how: what needs one is an error, and nothing else is. */
  readonly dead?: SshError;
}

/** Undefined where the target has no way to run commands. Throws an SshError if keys are refused. */
export async function openGuestShell(target: Target): Promise<GuestShell | undefined> {
  if (target.local) return { run: runHere, renew: () => undefined, close: () => undefined };
  if (!target.ssh) return undefined;
  const deadlineMs = DEADLINE_MS * target.timeScale;
  let ssh: Ssh;
  try {
    ssh = await Ssh.open(target.ssh, deadlineMs);
  } catch (error) {
    // The driver under test may carry the guest's own network too: then it's to be tested all the more.
    if (!(error instanceof SshError) || !['unreachable', 'deadline'].includes(error.kind)) throw error;
    return { run: () => Promise.reject(error), renew: () => undefined, close: () => undefined, dead: error };
  }
  const held = new HeldShell(ssh);
  return {
    run: (script) => held.run(script, deadlineMs),
    renew: () => held.renew(),
    close: () => {
      held.close();
      ssh.close();
    },
    ssh,
  };
}

const runHere: GuestShell['run'] = async (script) => {
  try {
    return { code: 0, ...(await promisify(execFile)('/bin/sh', ['-c', script], { timeout: DEADLINE_MS })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number | string; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
};
