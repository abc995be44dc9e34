/** Puts a pack on a host. */
import { createReadStream } from 'node:fs';
import { parseFacts, quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { RemoteError } from './error.js';
import { type HostFacts, refuseProgram } from './fit.js';
import { carryNode, isFit } from './node.js';
import type { Pack } from './pack.js';
import { runScript } from './script.js';

const TRANSFER_MS = 300_000;
/** What the scripts here call beside the commands that any shell's system has. */
const TOOLS = ['tar', 'gzip', 'find', 'mktemp'];

export interface InstallOptions {
  readonly ssh: { readonly host: string };
  /** The Node to carry there; absent: the host's own, or the running one where the host has none that fits. */
  readonly node?: string;
  /** Takes what there is to say, a line at a time. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Installed {
  /** The absolute folder of netifspec's own on the host, in which the pack lies in the folder named by its key. */
  readonly home: string;
  /** What runs Node there, as a word of a shell. */
  readonly node: string;
  /** What runs netifspec there, as words of a shell; its arguments follow. */
  readonly netifspec: string;
}

/**
 * Checks that the host can run netifspec, and uploads the pack, and a Node, if they aren't there.
 * Throws a {@link RemoteError} or an SshError.
 */
export async function install(ssh: Ssh, archive: Pack, options: InstallOptions): Promise<Installed> {
  const {
    ssh: { host },
    log,
    signal,
  } = options;
  // Few processes here too: whoever runs one test after the other waits for this each time.
  const script = `
    umask 077
    home="$HOME/.cache/netifspec/remote"
    echo "home=$home"
    for tool in ${TOOLS.join(' ')}; do command -v "$tool" > /dev/null || echo "missing-$tool=yes"; done
    if [ -d "$home/${archive.key}" ]; then
      touch "$home/${archive.key}"
      echo present=yes
    else
      mkdir -p "$home/runs" || exit 1
    fi
    if command -v node > /dev/null; then printf node=; node --version || echo none; fi
  `;
  const facts = parseFacts(await runScript(ssh, host, 'be checked', script, { signal }));
  refuse(host, facts);
  const { home = '', present } = facts;
  const carried = options.node ?? (isFit(facts['node']) ? undefined : process.execPath);
  let node = 'node';
  if (present !== 'yes' || carried !== undefined) {
    const kind = await kindOf(ssh, options);
    if (archive.addon !== undefined) refuseProgram(host, kind, archive.addon, 'the addon that was built here');
    if (carried !== undefined) node = await carryNode(ssh, carried, home, kind, { host, log, signal });
    if (present !== 'yes') await upload(ssh, archive, home, options);
  }
  return {
    home,
    node: quotePosix(node),
    netifspec: `${quotePosix(node)} ${quotePosix(`${home}/${archive.key}/${archive.entry}`)}`,
  };
}

/** What decides whether programs that were built elsewhere run on the host. */
async function kindOf(ssh: Ssh, { ssh: { host }, signal }: InstallOptions): Promise<HostFacts> {
  const script = `
    echo "machine=$(uname -m)"
    ! command -v getconf > /dev/null || echo "glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null || echo none)"
  `;
  return parseFacts(await runScript(ssh, host, 'be checked', script, { signal }));
}

/** Refuses a host on which nothing of ours can run. */
function refuse(host: string, facts: Readonly<Record<string, string>>): void {
  const missing = TOOLS.filter((tool) => facts[`missing-${tool}`] === 'yes');
  if (missing.length > 0) {
    throw error(host, `has no ${missing.join(', ')} on the PATH of a command over SSH; install what is missing`);
  }
  if (!facts['home']?.startsWith('/')) throw error(host, 'has no HOME for its user; give the user a home folder');
}

async function upload(ssh: Ssh, archive: Pack, home: string, options: InstallOptions): Promise<void> {
  const { file, key, size } = archive;
  const { host } = options.ssh;
  options.log(`uploading netifspec to ${host}: ${(size / 1024 / 1024).toFixed(1)} MiB`);
  const place = quotePosix(`${home}/${key}`);
  // Room is made first: packs and runs go that nobody has begun to use for two days, and uploads that were cut off. The
  // new pack comes whole or not at all; if another run was faster, its copy is as good. Few processes: they are what
  // this costs.
  const script = `
    cd ${quotePosix(home)} || exit 1
    find . runs -mindepth 1 -maxdepth 1 '(' -path './.upload-*' -mmin +60 -o -mmin +2880 \\
      '(' -path 'runs/*' -o -name '${'?'.repeat(32)}' ! -name '*[!0-9a-f]*' ')' ')' -exec rm -rf {} +
    unpacked=$(mktemp -d ${quotePosix(home)}/.upload-XXXXXX) || exit 1
    if tar -xzf - -C "$unpacked" --no-same-owner; then
      mv -T "$unpacked" ${place} 2>/dev/null || [ -d ${place} ]
    else
      false
    fi
    status=$?
    [ ! -d "$unpacked" ] || rm -rf "$unpacked"
    exit $status
  `;
  const stdin = createReadStream(file);
  await runScript(ssh, host, 'unpack netifspec', script, { deadlineMs: TRANSFER_MS, stdin, signal: options.signal });
}

function error(host: string, what: string): RemoteError {
  return new RemoteError(3, `${host} ${what}`);
}
