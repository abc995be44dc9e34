/** The Node that runs netifspec on another host: the host's own where that fits, else one that is carried there. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { RemoteError } from './error.js';
import { readExecutable } from './elf.js';
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
 * The loaders that the host must have, by what asks for them: another C library has another loader. The addon is of
 * the library that the running Node has.
 */
export function loadersFor(file: string): Map<string, string> {
  const needs = [
    [readExecutable(file).loader, file],
    [readExecutable(process.execPath).loader, 'the addon that was built here'],
  ] as const;
  return new Map(needs.flatMap(([loader, what]) => (loader === undefined ? [] : [[loader, what]])));
}

/** Puts the Node at `file` on the host, below `home`, unless it is there; answers its path there. */
export async function carryNode(
  ssh: Ssh,
  file: string,
  home: string,
  { host, log, signal }: { host: string; log: (line: string) => void; signal: AbortSignal },
): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const name = `node-${hash.digest('hex').slice(0, 32)}`;
  const place = `${home}/${name}`;
  const there = await runScript(
    ssh,
    host,
    'be checked',
    `[ ! -x ${quotePosix(place)} ] || { touch ${quotePosix(place)}; echo yes; }`,
    { signal },
  );
  if (there.trim() !== 'yes') {
    log(`uploading Node to ${host}: ${file}`);
    const script = `
      cd ${quotePosix(home)} || exit 1
      umask 077
      find . -mindepth 1 -maxdepth 1 -name '.node-*' -mmin +60 -exec rm -f {} +
      ls -1t | grep -Ex 'node-[0-9a-f]{32}' | tail -n +2 | while read -r old; do rm -f "./$old"; done
      unpacked=$(mktemp .node-XXXXXX) || exit 1
      gzip -dc > "$unpacked" && chmod 700 "$unpacked" && mv "$unpacked" ${name}
      status=$?
      rm -f "$unpacked"
      exit $status
    `;
    const stdin = createReadStream(file).pipe(createGzip({ level: 1 }));
    await runScript(ssh, host, 'take Node', script, { deadlineMs: TRANSFER_MS, stdin, signal });
  }
  const version = await runScript(ssh, host, `start ${file}`, `${quotePosix(place)} --version`, { signal });
  if (isFit(version.trim())) return place;
  throw new RemoteError(
    2,
    `${file} is Node ${version.trim()}; netifspec needs ${WANTED.major}.${WANTED.minor} or later`,
  );
}
