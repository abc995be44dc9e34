/** `netifspec doctor --on HOST` */
import { installed, unlessAborted } from '../remote/installed.js';
import { pack } from '../remote/pack.js';
import { posix } from '../remote/script.js';
import type { DoctorOptions } from './options.js';
import { onInterrupt } from './interrupt.js';
import { sshOptions } from './run-on-host.js';

const DOCTOR_MS = 60_000;

/** Copies netifspec to the host, as a run does, and runs its doctor there. Returns the exit code. */
export async function doctorOnHost(host: string, options: Omit<DoctorOptions, 'on'>): Promise<number> {
  const ssh = sshOptions(host, options);
  const interrupt = onInterrupt();
  const { signal } = interrupt;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  try {
    const node = options.node === undefined ? {} : { node: options.node };
    return await installed({ ssh, log, signal, ...node }, await pack(), async (there, { netifspec }) => {
      const look = there.exec(posix(`exec ${netifspec} doctor`), {
        deadlineMs: DOCTOR_MS,
        signal,
        onStdout: (chunk) => void process.stdout.write(chunk),
        onStderr: (chunk) => void process.stderr.write(chunk),
      });
      const { code } = await unlessAborted(signal, look);
      return Math.min(code, 3);
    });
  } finally {
    interrupt.release();
  }
}
