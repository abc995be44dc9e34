/** `netifspec doctor --on HOST` */
import { Ssh } from '../guest/ssh.js';
import { install } from '../remote/install.js';
import { pack } from '../remote/pack.js';
import { posix } from '../remote/script.js';
import type { DoctorOptions } from './doctor.js';
import { onInterrupt } from './interrupt.js';
import { sshOptions } from './run-there.js';

const CONNECT_MS = 20_000;
const DOCTOR_MS = 60_000;

/** Puts netifspec on the host, as a run would, and lets it look around there; answers the exit code. */
export async function doctorThere(host: string, options: Omit<DoctorOptions, 'on'>): Promise<number> {
  const target = sshOptions(host, options);
  const interrupt = onInterrupt();
  const { signal } = interrupt;
  try {
    const archive = await pack();
    const ssh = await Ssh.open(target, CONNECT_MS);
    try {
      const log = (line: string): void => void process.stderr.write(`${line}\n`);
      signal.throwIfAborted();
      const { netifspec } = await install(ssh, archive, { ssh: target, log, signal, ...options });
      const { code } = await ssh.exec(posix(`exec ${netifspec} doctor`), {
        deadlineMs: DOCTOR_MS,
        signal,
        onStdout: (chunk) => void process.stdout.write(chunk),
        onStderr: (chunk) => void process.stderr.write(chunk),
      });
      return Math.min(code, 3);
    } catch (error) {
      // The user's doing, whatever it broke.
      signal.throwIfAborted();
      throw error;
    } finally {
      ssh.close();
    }
  } finally {
    interrupt.release();
  }
}
