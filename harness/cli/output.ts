/** Handles stdout and stderr whose reader has closed or whose disk is full. */
import { stderr } from '../base/terminal.js';
import { fileProblem } from '../base/errno.js';

/**
 * Watches writes to stdout and stderr. After a failed write the work continues, since the files are still useful, but
 * the process exits with 3. A closed pipe (`| head`) gets no message.
 */
export function watchOutput(): void {
  let lost = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!lost && stream === process.stdout && error.code !== 'EPIPE') {
        stderr.line(`netifspec: writing to stdout: ${fileProblem(error)?.text ?? error.message}`);
      }
      lost = true;
    });
  }
  // An uncaught exception would exit with 1, which means that the driver under test failed.
  process.once('uncaughtExceptionMonitor', () => (lost = true));
  process.on('exit', () => {
    if (lost) process.exitCode = 3;
  });
}
