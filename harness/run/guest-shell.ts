import { CommandError, run } from '../base/process.js';
import { profileNamed } from '../guest/profile.js';
import { HeldShell } from '../ssh/held-shell.js';
import { type ExecResult, Ssh, SshError } from '../ssh/ssh.js';
import { EnvironmentError } from './environment.js';
import type { Target } from './target.js';

/** Time limit of one command, in milliseconds before scaling. */
export const COMMAND_MS = 15_000;

/** Runs commands in the guest. */
export interface GuestShell {
  /** Throws an SshError if the guest cannot be reached. */
  run(script: string): Promise<ExecResult>;
  /** Drops the session with the previous guest, after the guest was re-created. */
  renew(): void;
  close(): void;
  /** Present if commands run over SSH. */
  readonly ssh?: Ssh;
  /**
   * Why commands cannot run although the target configures a way. A test that needs one then ends with an error; the
   * others run.
   */
  readonly dead?: SshError;
}

/** Undefined if the target has no way to run commands. Throws an SshError if a key is refused. */
export async function openGuestShell(target: Target): Promise<GuestShell | undefined> {
  const deadlineMs = COMMAND_MS * target.timeScale;
  if (target.local) {
    return { run: (script) => runLocally(script, deadlineMs), renew: () => undefined, close: () => undefined };
  }
  if (!target.ssh) return undefined;
  let ssh: Ssh;
  try {
    ssh = await Ssh.open(target.ssh, deadlineMs);
  } catch (error) {
    // The driver under test may also carry the guest's management network: if that is down, the driver must be tested
    // all the same.
    if (!(error instanceof SshError) || !['unreachable', 'deadline'].includes(error.kind)) throw error;
    return { run: () => Promise.reject(error), renew: () => undefined, close: () => undefined, dead: error };
  }
  const { command } = profileNamed(target.os);
  if (command) {
    return {
      run: (script) => ssh.exec(command(script), { deadlineMs }),
      renew: () => ssh.renew(),
      close: () => ssh.close(),
      ssh,
    };
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

/** Runs a script in this domain. Throws an EnvironmentError at the deadline. */
export async function runLocally(script: string, deadlineMs: number): Promise<ExecResult> {
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    return { code: 0, stdout: (await run('/bin/sh', ['-c', script], { signal })).toString(), stderr: '' };
  } catch (error) {
    if (error === signal.reason)
      throw new EnvironmentError(
        `a command in the domain of netifspec did not end within ${deadlineMs} ms; run it by hand, or raise "timeScale" in the target file: ${script}`,
      );
    if (!(error instanceof CommandError) || error.status === undefined) throw error;
    return { code: error.status, stdout: error.stdout.toString(), stderr: error.stderr };
  }
}
