/** The Node that runs netifspec on another host: the host's own where that fits, else one that is carried there. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { parseFacts, quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { readExecutable } from './elf.js';
import { RemoteError } from './error.js';
import { type HostFacts, refuseProgram } from './fit.js';
import { runScript } from './script.js';

/** Node's own executable is some 100 MB. */
const TRANSFER_MS = 600_000;
const WANTED = { major: 20, minor: 19 };

/** Whether netifspec runs with a Node that says so of itself, as `node --version` does. */
export function isFit(version: string | undefined): boolean {
  const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)\./.exec(version ?? '') ?? []).map(Number);
  return major > WANTED.major || (major === WANTED.major && minor >= WANTED.minor);
}

/**
 * Puts the Node at `file` on the host, below `home`, unless it is there; answers its path there. Throws a
 * {@link RemoteError} where the host can't run it.
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
    'be looked at for a Node',
    `
      [ ! -e ${quotePosix(loader)} ] || echo loader=yes
      [ ! -x ${quotePosix(place)} ] || { touch ${quotePosix(place)}; echo present=yes; }
    `,
    { signal },
  );
  const { loader: hasLoader, present } = parseFacts(there);
  if (hasLoader !== 'yes') {
    throw new RemoteError(3, `${host} has no ${loader}, which ${file} needs; take another Node along (--node FILE)`);
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
    // What fails here is destroyed, and the upload with it.
    const stdin = pipeline(createReadStream(file), createGzip({ level: 1 }), () => undefined);
    await runScript(ssh, host, 'take Node', script, { deadlineMs: TRANSFER_MS, stdin, signal });
  }
  const version = await runScript(
    ssh,
    host,
    `start the Node that was taken there, ${file}; take one of nodejs.org along (--node FILE)`,
    `${quotePosix(place)} --version`,
    { signal },
  );
  if (isFit(version.trim())) return place;
  throw new RemoteError(
    2,
    `${file} is Node ${version.trim()}; netifspec needs ${WANTED.major}.${WANTED.minor} or later`,
  );
}
