/** Brings the results of a run home. The other host may be lying: nothing lands outside the folder, no links, no flood. */
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { printable } from '../guest/text.js';
import { RemoteError } from './error.js';
import { startTar } from './tar.js';

/** Bytes that the results may have. */
const LIMIT = 256 * 1024 * 1024;

/**
 * Copies all files of `folder` on the other host into the local folder `out`, which is made if need be.
 * Throws a {@link RemoteError} of exit code 3, or an SshError.
 */
export async function bringBack(ssh: Ssh, folder: string, out: string, deadlineMs: number): Promise<void> {
  const local = resolve(out);
  await mkdir(dirname(local), { recursive: true });
  const incoming = await mkdtemp(`${local}.part-`);
  try {
    await receive(ssh, folder, incoming, deadlineMs);
    await refuseLinks(incoming);
    await cp(incoming, local, { recursive: true });
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

// GNU tar itself refuses members with ".." and makes absolute ones relative. Uncompressed: the bytes that come are the
// bytes that land.
async function receive(ssh: Ssh, folder: string, incoming: string, deadlineMs: number): Promise<void> {
  const tar = startTar(['-xf', '-', '-C', incoming, '--no-same-owner', '--no-same-permissions']);
  tar.stdout.resume();
  let bytes = 0;
  try {
    const sent = await ssh.exec(`tar -cf - -C ${quotePosix(folder)} .`, {
      deadlineMs,
      onStdout: (chunk) => {
        bytes += chunk.length;
        if (bytes > LIMIT) throw new RemoteError(3, `the host's results are larger than ${LIMIT} bytes: not taken`);
        tar.stdin.write(chunk);
      },
    });
    if (sent.code !== 0) {
      throw new RemoteError(3, `the host cannot pack its results: ${printable(sent.stderr, 300).trim()}`);
    }
  } finally {
    tar.stdin.end();
    await tar.failure;
  }
  const failure = await tar.failure;
  if (failure !== undefined) throw new RemoteError(3, `cannot unpack the host's results: ${failure}`);
}

async function refuseLinks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await refuseLinks(join(folder, entry.name));
    else if (!entry.isFile()) {
      throw new RemoteError(3, `the host's results hold "${printable(entry.name, 100)}", which is no file: not taken`);
    }
  }
}
