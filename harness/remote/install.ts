/** Puts a pack on a host. */
import { createReadStream } from 'node:fs';
import { machine } from 'node:os';
import { parseFacts, quotePosix } from '../guest/profile.js';
import type { ExecOptions, Ssh } from '../guest/ssh.js';
import { printable } from '../guest/text.js';
import { RemoteError } from './error.js';
import type { Pack } from './pack.js';

const COMMAND_MS = 30_000;
const TRANSFER_MS = 300_000;
const NODE_WANTED = { major: 20, minor: 19 };

export interface InstallOptions {
  readonly ssh: { readonly host: string };
  /** Takes what there is to say, a line at a time. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Checks that the host can run netifspec and uploads the pack if it isn't there. Answers the absolute folder of
 * netifspec's own on the host, in which the pack lies in the folder named by its key.
 * Throws a {@link RemoteError} or an SshError.
 */
export async function install(ssh: Ssh, archive: Pack, options: InstallOptions): Promise<string> {
  const { host } = options.ssh;
  const script = `
    umask 077
    home="$HOME/.cache/netifspec/remote"
    mkdir -p "$home/runs" || exit 1
    echo "home=$home"
    echo "machine=$(uname -m)"
    for tool in node tar gzip; do command -v "$tool" > /dev/null || echo "missing-$tool=yes"; done
    ! command -v node > /dev/null || echo "node=$(node --version)"
    [ ! -d "$home/${archive.key}" ] || { touch "$home/${archive.key}"; echo present=yes; }
  `;
  const facts = parseFacts(await runScript(ssh, host, 'be checked', script, { signal: options.signal }));
  refuse(host, facts);
  const home = facts['home'] ?? '';
  if (facts['present'] !== 'yes') await upload(ssh, archive, home, options);
  return home;
}

function refuse(host: string, facts: Readonly<Record<string, string>>): void {
  const missing = ['node', 'tar', 'gzip'].filter((tool) => facts[`missing-${tool}`] === 'yes');
  if (missing.length > 0) {
    throw error(host, `has no ${missing.join(', ')} on the PATH of a command over SSH; install what is missing`);
  }
  const { major, minor } = NODE_WANTED;
  const [, seenMajor = 0, seenMinor = 0] = (/^v(\d+)\.(\d+)\./.exec(facts['node'] ?? '') ?? []).map(Number);
  if (seenMajor < major || (seenMajor === major && seenMinor < minor)) {
    throw error(
      host,
      `has Node ${facts['node'] || 'of unknown version'}; install Node ${major}.${minor} or later there`,
    );
  }
  if (facts['machine'] !== machine()) {
    throw error(
      host,
      `is a ${facts['machine']} machine and this is a ${machine()}; run netifspec on a host of its kind`,
    );
  }
  if (!facts['home']?.startsWith('/')) throw error(host, 'has no HOME for its user; give the user a home folder');
}

async function upload(ssh: Ssh, archive: Pack, home: string, options: InstallOptions): Promise<void> {
  const { file, key, size } = archive;
  const { host } = options.ssh;
  options.log(`uploading netifspec to ${host}: ${(size / 1024 / 1024).toFixed(1)} MiB`);
  const place = quotePosix(`${home}/${key}`);
  // Room is made first: the newest packs stay, and for a day what runs that were cut off have left. The new one comes
  // whole or not at all; if another run was faster, its copy is as good.
  const script = `
    cd ${quotePosix(home)} || exit 1
    find . -mindepth 1 -maxdepth 1 -name '.upload-*' -mmin +60 -exec rm -rf {} +
    find runs -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
    ls -1t | grep -Ex '[0-9a-f]{32}' | tail -n +3 | while read -r old; do rm -rf "./$old"; done
    unpacked=$(mktemp -d ${quotePosix(home)}/.upload-XXXXXX) || exit 1
    if tar -xzf - -C "$unpacked" --no-same-owner; then
      mv -T "$unpacked" ${place} 2>/dev/null || [ -d ${place} ]
    else
      false
    fi
    status=$?
    rm -rf "$unpacked"
    exit $status
  `;
  const stdin = createReadStream(file);
  await runScript(ssh, host, 'unpack netifspec', script, { deadlineMs: TRANSFER_MS, stdin, signal: options.signal });
}

/** Runs a short script; its stdout. Throws if it fails; `purpose` completes "host cannot …". */
export async function runScript(
  ssh: Ssh,
  host: string,
  purpose: string,
  script: string,
  options: Partial<ExecOptions>,
): Promise<string> {
  const { code, stdout, stderr } = await ssh.exec(posix(script), { deadlineMs: COMMAND_MS, ...options });
  if (code === 0) return stdout;
  throw error(host, `cannot ${purpose} (status ${code}): ${printable(stderr, 300).trim()}`);
}

/** A script for `sh`, whatever the user's login shell is. */
export function posix(script: string): string {
  return `exec /bin/sh -c ${quotePosix(script)}`;
}

function error(host: string, what: string): RemoteError {
  return new RemoteError(3, `${host} ${what}`);
}
