/** Puts a pack on a host. */
import { createReadStream } from 'node:fs';
import { parseFacts, quotePosix } from '../guest/profile.js';
import type { Ssh } from '../guest/ssh.js';
import { readExecutable } from './elf.js';
import { RemoteError } from './error.js';
import { carryNode, isFit, loadersFor } from './node.js';
import type { Pack } from './pack.js';
import { runScript } from './script.js';

const TRANSFER_MS = 300_000;

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
  /** What to call there to run Node. */
  readonly node: string;
}

/**
 * Checks that the host can run netifspec, and uploads the pack, and a Node, if they aren't there.
 * Throws a {@link RemoteError} or an SshError.
 */
export async function install(ssh: Ssh, archive: Pack, options: InstallOptions): Promise<Installed> {
  const { host } = options.ssh;
  const carried = options.node ?? process.execPath;
  const loaders = loadersFor(carried);
  const script = `
    umask 077
    home="$HOME/.cache/netifspec/remote"
    mkdir -p "$home/runs" || exit 1
    echo "home=$home"
    echo "machine=$(uname -m)"
    for tool in tar gzip; do command -v "$tool" > /dev/null || echo "missing-$tool=yes"; done
    for loader in ${[...loaders.keys()].map(quotePosix).join(' ')}; do [ -e "$loader" ] || echo "loader=$loader"; done
    ! command -v node > /dev/null || echo "node=$(node --version)"
    [ ! -d "$home/${archive.key}" ] || { touch "$home/${archive.key}"; echo present=yes; }
  `;
  const facts = parseFacts(await runScript(ssh, host, 'be checked', script, { signal: options.signal }));
  refuse(host, facts, carried, loaders);
  const home = facts['home'] ?? '';
  if (facts['present'] !== 'yes') await upload(ssh, archive, home, options);
  const own = options.node === undefined && isFit(facts['node']);
  return {
    home,
    node: own ? 'node' : await carryNode(ssh, carried, home, { host, log: options.log, signal: options.signal }),
  };
}

/** Refuses a host on which netifspec can't run whatever is carried there. */
function refuse(
  host: string,
  facts: Readonly<Record<string, string>>,
  carried: string,
  loaders: ReadonlyMap<string, string>,
): void {
  const missing = ['tar', 'gzip'].filter((tool) => facts[`missing-${tool}`] === 'yes');
  if (missing.length > 0) {
    throw error(host, `has no ${missing.join(', ')} on the PATH of a command over SSH; install what is missing`);
  }
  for (const [file, what] of [
    [process.execPath, 'the addon that was built here'],
    [carried, carried],
  ] as const) {
    const { machine } = readExecutable(file);
    if (machine === facts['machine']) continue;
    throw error(
      host,
      `is a ${facts['machine']} machine and ${what} is for ${machine}; run netifspec on a host of its kind`,
    );
  }
  const loader = facts['loader'];
  if (loader !== undefined) {
    const library = loader.includes('musl') ? 'musl' : 'glibc';
    throw error(host, `has no ${loader}: ${loaders.get(loader)} needs ${library}; run netifspec on a host that has it`);
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

function error(host: string, what: string): RemoteError {
  return new RemoteError(3, `${host} ${what}`);
}
