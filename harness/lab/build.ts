/**
 * Builds the lab's images from Debian packages: hypervisor, kernel, one initramfs and one root file system. dom0 and
 * the guests share the last two.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LabError } from './error.js';
import { run } from './process.js';
import type { Progress } from './progress.js';
import { RELEASES, type Release, TESTING } from './release.js';

/**
 * The packages and files of the images, for every release. The key of the images covers this list; `revision` covers
 * changes of the code below.
 */
export const RECIPE = {
  revision: 3,
  packages: [
    'busybox-static',
    'ethtool',
    'iproute2',
    'iputils-ping',
    'ipxe',
    'kmod',
    'libxenevtchn1',
    'libxenforeignmemory1',
    'libxengnttab1',
    'libxenstore4',
    'mount',
    'openssh-client',
    'openssh-server',
    'procps',
    'qemu-system-xen',
    'strace',
    'tcpdump',
    'xenstore-utils',
  ],
  /** Relative to the kernel's directory of modules; a directory includes everything in it. */
  modules: [
    'arch/x86/crypto',
    'crypto',
    'drivers/block/virtio_blk.ko',
    'drivers/block/xen-blkback',
    'drivers/block/xen-blkfront.ko',
    'drivers/net/dummy.ko',
    'drivers/net/net_failover.ko',
    'drivers/net/tap.ko',
    'drivers/net/tun.ko',
    'drivers/net/veth.ko',
    'drivers/net/virtio_net.ko',
    'drivers/net/xen-netback',
    'drivers/net/xen-netfront.ko',
    'drivers/virtio',
    'drivers/xen',
    'fs/overlayfs',
    'fs/squashfs',
    'lib',
    'net',
  ],
  /** Loaded by the initramfs, with all dependencies. */
  early: ['virtio_pci', 'virtio_blk', 'xen-blkfront', 'squashfs', 'overlay'],
} as const;

interface BuildPaths {
  readonly release: Release;
  /** The image's own files. */
  readonly files: string;
  /** Scratch directory. */
  readonly work: string;
  /** Directory for the images. */
  readonly result: string;
}

/** Contents of a set of images. */
export interface Manifest {
  /** The kernel's release, as in `uname -r`. */
  readonly kernel: string;
  /** Version of the hypervisor's package. */
  readonly xen: string;
  /** The SSH host key that all hosts share, without a host name. */
  readonly hostKey: string;
}

/** Fills `places.result`. Takes about 40 s and needs root and a Debian mirror. */
export async function buildImages(paths: BuildPaths, progress: Progress, signal: AbortSignal): Promise<Manifest> {
  const { release, files, work, result } = paths;
  const root = join(work, 'root');
  const tree = join(work, 'packages');
  await installPackages(paths, root, progress, signal);

  const { kernel, xen, modules } = await progress.step('unpacked kernel and hypervisor', async () => {
    const debs = readdirSync(join(work, 'debs'));
    const hypervisor = debs.find((file) => file.startsWith('xen-hypervisor-'));
    if (hypervisor === undefined || !debs.some((file) => file.startsWith('linux-image-')))
      throw new LabError(
        'apt-get downloaded no hypervisor or kernel; run "apt-get update" and check the sources of apt',
      );
    for (const file of debs) await run('dpkg-deb', ['--extract', join(work, 'debs', file), tree], { signal });
    const version = await run('dpkg-deb', ['--field', join(work, 'debs', hypervisor), 'Version'], { signal });
    const boot = readdirSync(join(tree, 'boot')).find((file) => /^xen-.*\.gz$/.test(file));
    // From trixie on, packages install into /usr/lib instead of /lib.
    const modules = ['lib/modules', 'usr/lib/modules'].map((path) => join(tree, path)).find(existsSync);
    const kernel = modules === undefined ? undefined : readdirSync(modules)[0];
    if (boot === undefined || modules === undefined || kernel === undefined)
      throw new LabError(
        'the packages of kernel or hypervisor lack their files; check the Debian mirror, then run again with --fresh',
      );
    // QEMU's multiboot loader needs an uncompressed ELF.
    writeFileSync(join(result, 'xen'), gunzipSync(readFileSync(join(tree, 'boot', boot))));
    // From Debian 14 on, the kernel is in the directory of its modules.
    const image = [join(tree, `boot/vmlinuz-${kernel}`), join(modules, kernel, 'vmlinuz')].find(existsSync);
    if (image === undefined) throw new LabError('the packages of the kernel lack vmlinuz; try the other --release');
    writeFileSync(join(result, 'vmlinux'), await unpackKernel(readFileSync(image), signal));
    return { kernel, xen: version.toString().trim(), modules: join(modules, kernel) };
  });

  const hostKey = await progress.step('made root file system and initramfs', async () => {
    await copyModules(modules, join(root, 'lib/modules', kernel), signal);
    await run('depmod', ['-b', root, kernel], { signal });
    copyFileSync(process.execPath, join(root, 'usr/bin/node'));
    chmodSync(join(root, 'usr/bin/node'), 0o755);
    try {
      await run('chroot', [root, 'node', '--version'], { signal });
    } catch (error) {
      throw new LabError(
        `${process.execPath} does not run on Debian ${release}, which the lab uses; use a Node from nodejs.org`,
        {
          cause: error,
        },
      );
    }
    const key = await makeKeys(paths, root, signal);
    placeFiles(files, root);
    await makeInitramfs(paths, root, kernel, signal);
    copyFileSync(join(result, 'vmlinux'), join(root, 'lab/vmlinux'));
    copyFileSync(join(result, 'initrd'), join(root, 'lab/initrd'));
    return key;
  });

  // Not compressed: under emulation reading is faster than decompressing.
  await progress.step('packed root file system', () =>
    run('mksquashfs', [root, join(result, 'root.squashfs'), '-noI', '-noD', '-noF', '-noX', '-no-progress', '-quiet'], {
      signal,
    }),
  );
  return { kernel, xen, hostKey };
}

/** mmdebstrap in namespaces of its own: its mounts and children disappear when it is killed. */
async function installPackages(
  paths: BuildPaths,
  root: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const { release } = paths;
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
      .concat('mmdebstrap', '--mode=root', '--variant=apt', ...without, '--aptopt=APT::Sandbox::User "root"')
      .concat(release === TESTING ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : [])
      .concat(`--include=${[...RECIPE.packages, `xen-utils-${xen}`].join(',')}`, `--customize-hook=${hook}`)
      .concat(release, root),
    {
      signal,
      env: { LAB_DEBS: debs, LAB_XEN: xen, TMPDIR: scratch, DEBIAN_FRONTEND: 'noninteractive' },
      onErrorLine: (line) => {
        if (line.startsWith('I: ')) turn(/download|update|hook/.test(line) ? 'download' : 'install');
      },
    },
  );
  turn('install');
  progress.add('downloaded packages', spent.download);
  progress.add('installed packages', spent.install);
}

/** The decompressors for a kernel, by its first four bytes. */
const PACKERS: Readonly<Record<string, string>> = { fd377a58: 'xz', '28b52ffd': 'zstd' };

/**
 * The ELF inside a bzImage, so that neither Xen nor its tools decompress it under emulation. Offsets as in the kernel's
 * Documentation/x86/boot.rst.
 */
async function unpackKernel(image: Buffer, signal: AbortSignal): Promise<Buffer> {
  const sectors = image.readUInt8(0x1f1);
  const offset = (sectors + 1) * 512 + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  // The size of the ELF follows the compressed data, as 4 bytes.
  const payload = image.subarray(offset, offset + length - 4);
  const packer = PACKERS[payload.toString('hex', 0, 4)];
  if (packer === undefined)
    throw new LabError(`the kernel's compression is unknown; expected one of ${Object.values(PACKERS).join(', ')}`);
  return run(packer, ['--decompress', '--stdout'], { input: payload, signal });
}

/** Decompresses the modules of a release that ships them compressed: under emulation that would slow each load. */
async function copyModules(from: string, to: string, signal: AbortSignal): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(from, name), join(to, name));
  }
  for (const name of RECIPE.modules) {
    const file = [name, `${name}.xz`].find((each) => existsSync(join(from, 'kernel', each)));
    if (file === undefined) throw new LabError(`the kernel package has no ${name}; try the other --release`);
    cpSync(join(from, 'kernel', file), join(to, 'kernel', file), { recursive: true });
  }
  const packed = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ko.xz'));
  if (packed.length > 0) await run('xz', ['--decompress', ...packed], { cwd: to, signal });
}

/**
 * One key for root everywhere and one for the hosts, generated for these images. Returns the public key of the hosts.
 */
async function makeKeys(paths: BuildPaths, root: string, signal: AbortSignal): Promise<string> {
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

function placeFiles(files: string, root: string): void {
  for (const [name, [path, mode]] of Object.entries(PLACES)) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(files, name), target);
    chmodSync(target, mode);
  }
  mkdirSync(join(root, 'var/log/xen/console'), { recursive: true });
}

async function makeInitramfs(paths: BuildPaths, root: string, kernel: string, signal: AbortSignal): Promise<void> {
  const tree = join(paths.work, 'initramfs');
  for (const name of ['bin', 'dev', 'image', 'modules', 'over', 'root'])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(join(root, 'bin/busybox'), join(tree, 'bin/busybox'));
  copyFileSync(join(paths.files, 'initrd-init'), join(tree, 'init'));
  for (const name of ['bin/busybox', 'init']) chmodSync(join(tree, name), 0o755);
  const wanted = new Set<string>();
  for (const name of RECIPE.early) {
    const shown = await run('modprobe', ['-d', root, '-S', kernel, '--show-depends', name], { signal });
    for (const line of shown.toString().split('\n')) if (line.startsWith('insmod ')) wanted.add(line.slice(7).trim());
  }
  // Modules are inserted in the order of their names.
  [...wanted].forEach((file, index) => {
    copyFileSync(file, join(tree, 'modules', `${String(index).padStart(2, '0')}-${basename(file)}`));
  });
  const names: string[] = ['.'];
  for (const entry of readdirSync(tree, { recursive: true, encoding: 'utf8' }).sort()) names.push(entry);
  const archive = await run('cpio', ['--create', '--format=newc', '--quiet', '--null'], {
    cwd: tree,
    input: Buffer.from(names.map((name) => `${name}\0`).join('')),
    signal,
  });
  writeFileSync(join(paths.result, 'initrd'), archive);
}
