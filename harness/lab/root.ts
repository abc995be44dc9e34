/** The root file system that dom0 and the guests share, before it is packed: Debian's packages, keys, the lab's files. */
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Architecture } from './architecture.js';
import { run } from './process.js';
import type { Progress } from './progress.js';
import { type Release, RELEASES, TESTING } from './release.js';

export interface BuildPaths {
  readonly architecture: Architecture;
  readonly release: Release;
  /** The image's own files. */
  readonly files: string;
  /** Scratch directory. */
  readonly work: string;
  /** Directory for the images. */
  readonly result: string;
}

/** mmdebstrap in namespaces of its own: its mounts and children disappear when it is killed. */
export async function installPackages(
  paths: BuildPaths,
  packages: readonly string[],
  root: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { release, architecture } = paths;
  const xen = RELEASES[release];
  const debs = join(paths.work, 'debs');
  const scratch = join(paths.work, 'tmp');
  mkdirSync(debs);
  mkdirSync(scratch);
  const hook = join(paths.work, 'download-hook');
  copyFileSync(join(paths.files, 'download-hook'), hook);
  chmodSync(hook, 0o755);
  const without = ['doc', 'man', 'locale', 'info'].map((part) => `--dpkgopt=path-exclude=/usr/share/${part}/*`);
  const spent = { download: 0, install: 0 };
  let kind: keyof typeof spent = 'install';
  let since = performance.now();
  const turn = (next: keyof typeof spent) => {
    const now = performance.now();
    spent[kind] += now - since;
    kind = next;
    since = now;
  };
  await run(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
      .concat('mmdebstrap', '--mode=root', `--architectures=${architecture.debian}`, ...architecture.install)
      .concat(...without, '--aptopt=APT::Sandbox::User "root"')
      .concat(release === TESTING ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : [])
      .concat(`--include=${[...packages, `xen-utils-${xen}`].join(',')}`, `--extract-hook=${hook}`)
      .concat(release, root),
    {
      signal,
      env: {
        LAB_ARCHITECTURE: architecture.debian,
        LAB_DEBS: debs,
        LAB_XEN: xen,
        TMPDIR: scratch,
        DEBIAN_FRONTEND: 'noninteractive',
      },
      onErrorLine: (line) => {
        if (line.startsWith('I: ')) turn(/download|update|hook/.test(line) ? 'download' : 'install');
      },
    },
  );
  turn('install');
  progress.add('downloaded packages', spent.download);
  progress.add('installed packages', spent.install);
  finishPackages(root);
}

/** Links that scripts of packages make. */
const LINKS: Readonly<Record<string, string>> = {
  'usr/bin/awk': 'mawk',
  'var/lock': '/run/lock',
  'var/run': '/run',
};

/** What the scripts of packages do, as far as the lab needs it: where packages are only unpacked, no script has run. */
function finishPackages(root: string): void {
  for (const name of ['passwd', 'group']) {
    const file = join(root, 'etc', name);
    if (!existsSync(file)) copyFileSync(join(root, `usr/share/base-passwd/${name}.master`), file);
  }
  const users = join(root, 'etc/passwd');
  if (!readFileSync(users, 'utf8').includes('\nsshd:'))
    appendFileSync(users, 'sshd:*:100:65534::/run/sshd:/usr/sbin/nologin\n');
  for (const [path, target] of Object.entries(LINKS)) {
    const link = join(root, path);
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    rmSync(link, { recursive: true, force: true });
    symlinkSync(target, link);
  }
}

/**
 * One key for root everywhere and one for the hosts, generated for these images. Returns the public key of the hosts.
 */
export async function makeKeys(paths: BuildPaths, root: string, signal: AbortSignal): Promise<string> {
  const generate = (file: string) =>
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', file], { signal });
  const identity = join(paths.result, 'id');
  await generate(identity);
  const home = join(root, 'root/.ssh');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  copyFileSync(identity, join(home, 'id_ed25519'));
  chmodSync(join(home, 'id_ed25519'), 0o600);
  copyFileSync(`${identity}.pub`, join(home, 'id_ed25519.pub'));
  copyFileSync(`${identity}.pub`, join(home, 'authorized_keys'));
  const ssh = join(root, 'etc/ssh');
  for (const name of readdirSync(ssh)) if (name.startsWith('ssh_host_')) rmSync(join(ssh, name));
  await generate(join(ssh, 'ssh_host_ed25519_key'));
  const [type = '', key = ''] = readFileSync(join(ssh, 'ssh_host_ed25519_key.pub'), 'utf8').split(' ');
  const hosts = '10.99.0.1,dom0,10.99.0.2,netfront,10.99.0.3,netback';
  writeFileSync(join(home, 'known_hosts'), `${hosts} ${type} ${key}\n`);
  return `${type} ${key}`;
}

/** The destination and mode of each file of the image: a package's archive does not keep modes. */
const PLACES: Readonly<Record<string, readonly [path: string, mode: number]>> = {
  init: ['lab/init', 0o755],
  'guests-up': ['lab/guests-up', 0o755],
  'ipxe-netfront': ['lab/ipxe-netfront', 0o755],
  'ipxe.cfg': ['lab/ipxe.cfg', 0o644],
  'ipxe.script': ['lab/ipxe.script', 0o644],
  'qemu-netback': ['lab/qemu-netback', 0o755],
  'replace-module': ['lab/replace-module', 0o755],
  'netfront.cfg': ['lab/netfront.cfg', 0o644],
  'netback.cfg': ['lab/netback.cfg', 0o644],
  'lab-vif': ['etc/xen/scripts/lab-vif', 0o755],
  'lab-block': ['etc/xen/scripts/lab-block', 0o755],
  'modprobe.conf': ['etc/modprobe.d/lab.conf', 0o644],
  sshd_config: ['etc/ssh/sshd_config', 0o644],
  ssh_config: ['root/.ssh/config', 0o600],
  hosts: ['etc/hosts', 0o644],
};

export function placeFiles(files: string, root: string): void {
  for (const [name, [path, mode]] of Object.entries(PLACES)) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(files, name), target);
    chmodSync(target, mode);
  }
  mkdirSync(join(root, 'var/log/xen/console'), { recursive: true });
}
