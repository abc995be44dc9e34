/** Copies a pack to a host. */
import { createReadStream } from 'node:fs';
import { parseFacts, quotePosix } from '../ssh/posix.js';
import type { Ssh } from '../ssh/ssh.js';
import { RemoteError } from './error.js';
import { type HostFacts, refuseProgram } from './fit.js';
import { carryNode, isFit } from './node.js';
import type { Pack } from './pack.js';
import { runScript } from './script.js';

const TRANSFER_MS = 300_000;
/** Commands that the scripts here need, in addition to those of every system with a shell. */
const TOOLS = ['tar', 'gzip', 'find', 'mktemp'];

export interface InstallOptions {
  readonly ssh: { readonly host: string };
  /** The Node to copy to the host. Default: none if the host has a suitable one, else the running one. */
  readonly node?: string;
  /** Prints a line for the user. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Installed {
  /** The absolute path of netifspec's folder on the host; the pack is in a subfolder named after its key. */
  readonly home: string;
  /** The command for Node on the host, as one word of a shell. */
  readonly node: string;
  /** The command for netifspec on the host, as words of a shell; arguments may follow. */
  readonly netifspec: string;
}

/**
 * Checks that the host can run netifspec, and uploads the pack and, if needed, a Node, unless they are present.
 * Throws a {@link RemoteError} or an SshError.
 */
export async function install(ssh: Ssh, archive: Pack, options: InstallOptions): Promise<Installed> {
  const {
    ssh: { host },
    log,
    signal,
  } = options;
  // Few processes, since a user who runs single tests waits for this script each time.
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
  const facts = parseFacts(await runScript(ssh, host, 'report its tools and versions', script, { signal }));
  refuse(host, facts);
  const { home = '', present } = facts;
  const carried = options.node ?? (isFit(facts['node']) ? undefined : process.execPath);
  let node = 'node';
  if (present !== 'yes' || carried !== undefined) {
    const kind = await kindOf(ssh, options);
    if (archive.addon !== undefined) refuseProgram(host, kind, archive.addon, 'the native addon');
    if (carried !== undefined) node = await carryNode(ssh, carried, home, kind, { host, log, signal });
    if (present !== 'yes') await upload(ssh, archive, home, options);
  }
  return {
    home,
    node: quotePosix(node),
    netifspec: `${quotePosix(node)} ${quotePosix(`${home}/${archive.key}/${archive.entry}`)}`,
  };
}

/** The facts that decide whether programs built on this host run on the other one. */
async function kindOf(ssh: Ssh, { ssh: { host }, signal }: InstallOptions): Promise<HostFacts> {
  const script = `
    echo "machine=$(uname -m)"
    ! command -v getconf > /dev/null || echo "glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null || echo none)"
  `;
  return parseFacts(await runScript(ssh, host, 'report its tools and versions', script, { signal }));
}

/** Throws if the host cannot run netifspec. */
function refuse(host: string, facts: Readonly<Record<string, string>>): void {
  const missing = TOOLS.filter((tool) => facts[`missing-${tool}`] === 'yes');
  if (missing.length > 0) {
    throw error(
      host,
      `has no ${missing.join(', ')} on the PATH of a command over SSH; install ${missing.length === 1 ? 'it' : 'them'}`,
    );
  }
  if (!facts['home']?.startsWith('/')) throw error(host, 'sets no HOME for this user; give the user a home folder');
}

async function upload(ssh: Ssh, archive: Pack, home: string, options: InstallOptions): Promise<void> {
  const { file, key, size } = archive;
  const { host } = options.ssh;
  options.log(`uploading netifspec to ${host}: ${(size / 1024 / 1024).toFixed(1)} MiB`);
  const place = quotePosix(`${home}/${key}`);
  // First removes packs and runs that were not used for two days, and incomplete uploads. The new pack appears
  // atomically; if another run was faster, its copy is used. Few processes: they determine the cost of the script.
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
