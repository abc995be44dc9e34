/** The system's tar, without a shell. */
import { spawn } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { fileProblem } from '../base/errno.js';
import { printableLine } from '../base/text.js';

export interface Tar {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Why tar failed, once it has ended; undefined on success. Never rejects. */
  readonly failure: Promise<string | undefined>;
}

export function startTar(args: readonly string[]): Tar {
  const tar = spawn('tar', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(0, 2000)));
  // If tar ends early, its status has the reason; the broken pipe adds nothing.
  tar.stdin.on('error', () => undefined);
  const failure = new Promise<string | undefined>((resolve) => {
    tar.once('error', (error) => resolve(`cannot start tar: ${fileProblem(error)?.text ?? error.message}`));
    tar.once('close', (code, signal) =>
      resolve(
        code === 0 ? undefined : printableLine(complaint, 300).trim() || `tar ended by ${signal ?? `status ${code}`}`,
      ),
    );
  });
  // Node discards unread output when a process ends, so it is piped to a stream that keeps it.
  const stdout = tar.stdout.pipe(new PassThrough());
  return { stdin: tar.stdin, stdout, failure };
}
