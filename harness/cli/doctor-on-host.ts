/** `netifspec doctor --on HOST` */
import { LineSplitter } from '../base/lines.js';
import { type Printer, stderr, stdout } from '../base/terminal.js';
import { installed, unlessAborted } from '../remote/installed.js';
import { pack } from '../remote/pack.js';
import { posix } from '../remote/script.js';
import type { DoctorOptions } from './options.js';
import { onInterrupt } from './interrupt.js';
import { sshOptions } from './run-on-host.js';

const DOCTOR_MS = 60_000;
const LINE_LIMIT = 64 * 1024;

/** Copies netifspec to the host, as a run does, and runs its doctor there. Returns the exit code. */
export async function doctorOnHost(host: string, options: Omit<DoctorOptions, 'on'>): Promise<number> {
  const ssh = sshOptions(host, options);
  const interrupt = onInterrupt();
  const { signal } = interrupt;
  const log = (line: string): void => stderr.line(line);
  try {
    const node = options.node === undefined ? {} : { node: options.node };
    return await installed({ ssh, log, signal, ...node }, await pack(), async (there, { netifspec }) => {
      const [out, err] = [printedLines(stdout), printedLines(stderr)];
      const look = there.exec(posix(`exec ${netifspec} doctor`), {
        deadlineMs: DOCTOR_MS,
        signal,
        onStdout: (chunk) => out.push(chunk),
        onStderr: (chunk) => err.push(chunk),
      });
      const { code } = await unlessAborted(signal, look);
      out.end();
      err.end();
      return Math.min(code, 3);
    });
  } finally {
    interrupt.release();
  }
}

/** Prints the lines of a stream from the host. */
function printedLines(printer: Printer): LineSplitter {
  return new LineSplitter(
    LINE_LIMIT,
    (line) => printer.line(line),
    () => printer.line('(a line longer than 64 KiB was omitted)'),
  );
}
