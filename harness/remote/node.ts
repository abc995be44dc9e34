/**
 * Chooses the Node that runs netifspec on another host: the host's own if it is recent enough, else one that is copied.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { parseFacts, quotePosix } from '../ssh/posix.js';
import type { Ssh } from '../ssh/ssh.js';
import { readExecutable } from './elf.js';
import { RemoteError } from './error.js';
import { type HostFacts, refuseProgram } from './fit.js';
import { runScript } from './script.js';

/** Time limit in milliseconds: Node's executable has about 100 MB. */
const TRANSFER_MS = 600_000;
const WANTED = { major: 20, minor: 19 };

/** Whether netifspec supports this version of Node, as printed by `node --version`. */
export function isFit(version: string | undefined): boolean {
  const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)\./.exec(version ?? '') ?? []).map(Number);
  return major > WANTED.major || (major === WANTED.major && minor >= WANTED.minor);
}

/**
 * Copies the Node at `file` to the host, below `home`, unless it is present. Returns its path on the host. Throws a
 * {@link RemoteError} if the host cannot run it.
 */
export async function carryNode(
  ssh: Ssh,
  file: string,
  home: string,
  facts: HostFacts,
  { host, log, signal }: { host: string; log: (line: string) => void; signal: AbortSignal },
): Promise<string> {
  refuseProgram(host, facts, file, file);
  const { loader = '/' } = readExecutable(file);
  const hash = createHash('sha256');
  await piped(createReadStream(file), hash);
  const name = `node-${hash.digest('hex').slice(0, 32)}`;
  const place = `${home}/${name}`;
  const there = await runScript(
    ssh,
    host,
    'report whether it has a Node',
    `
      [ ! -e ${quotePosix(loader)} ] || echo loader=yes
      [ ! -x ${quotePosix(place)} ] || { touch ${quotePosix(place)}; echo present=yes; }
    `,
    { signal },
  );
  const { loader: hasLoader, present } = parseFacts(there);
  if (hasLoader !== 'yes') {
    throw new RemoteError(3, `${host} has no ${loader}, which ${file} needs; give another Node with --node FILE`);
  }
  if (present !== 'yes') {
    log(`uploading Node to ${host}: ${file}`);
    const script = `
      cd ${quotePosix(home)} || exit 1
      umask 077
      find . -mindepth 1 -maxdepth 1 -name '.node-*' -mmin +60 -exec rm -f {} +
      ls -1t | grep -Ex 'node-[0-9a-f]{32}' | tail -n +2 | while read -r old; do
        find "./$old" -maxdepth 0 -mmin +1440 -exec rm -f {} +
      done
      unpacked=$(mktemp .node-XXXXXX) || exit 1
      gzip -dc > "$unpacked" && chmod 700 "$unpacked" && mv "$unpacked" ${name}
      status=$?
      rm -f "$unpacked"
      exit $status
    `;
    // An error destroys the streams, which ends the upload.
    const stdin = pipeline(createReadStream(file), createGzip({ level: 1 }), () => undefined);
    await runScript(ssh, host, 'store Node', script, { deadlineMs: TRANSFER_MS, stdin, signal });
  }
  const version = await runScript(
    ssh,
    host,
    `start the Node that was copied there, ${file}; give one from nodejs.org with --node FILE`,
    `${quotePosix(place)} --version`,
    { signal },
  );
  if (isFit(version.trim())) return place;
  throw new RemoteError(2, `${file} is Node ${version.trim()}; give Node ${WANTED.major}.${WANTED.minor} or later`);
}
