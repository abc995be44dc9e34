/** The system's tar, without a shell. */
import { spawn } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { printable } from '../guest/text.js';

export interface Tar {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** When tar has ended: why it failed, or undefined if it did not. Never rejects. */
  readonly failure: Promise<string | undefined>;
}

export function startTar(args: readonly string[]): Tar {
  const tar = spawn('tar', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(0, 2000)));
  // If tar ends early its status tells why; the broken pipe adds nothing.
  tar.stdin.on('error', () => undefined);
  const failure = new Promise<string | undefined>((resolve) => {
    tar.once('error', (error) => resolve(`cannot start tar: ${error.message}`));
    tar.once('close', (code, signal) =>
      resolve(
        code === 0 ? undefined : printable(complaint, 300).trim() || `tar ended by ${signal ?? `status ${code}`}`,
      ),
    );
  });
  // Node throws away what nobody has begun to read when a process ends: so it goes on into a stream that keeps it.
  const stdout = tar.stdout.pipe(new PassThrough());
  return { stdin: tar.stdin, stdout, failure };
}
