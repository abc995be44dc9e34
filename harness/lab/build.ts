/**
 * Builds the lab's images from Debian packages: hypervisor, kernel, one initramfs and one root file system, the last
 * two for dom0 and the guests alike.
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
import type { Manifest } from './images.js';
import { run } from './process.js';
import type { Progress } from './progress.js';
import { RELEASES, type Release } from './release.js';

/**
 * What is installed and what is copied, whatever the release. The images' key covers it; `revision` stands for changes
 * of the code below.
 */
export const RECIPE = {
  revision: 2,
  packages: [
    'busybox-static',
    'ethtool',
    'iproute2',
    'iputils-ping',
    'kmod',
    'libxenevtchn1',
    'libxenforeignmemory1',
    'libxengnttab1',
    'libxenstore4',
    'mount',
    'openssh-client',
    'openssh-server',
    'procps',
    'strace',
    'tcpdump',
    'xenstore-utils',
  ],
  /** Below the kernel's own directory of modules; a directory counts with all in it. */
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
  /** Loaded by the initramfs, with all that they depend on. */
  early: ['virtio_pci', 'virtio_blk', 'xen-blkfront', 'squashfs', 'overlay'],
} as const;

interface Places {
  readonly release: Release;
  /** The image's own files. */
  readonly files: string;
  /** Scratch. */
  readonly work: string;
  /** Where the images go. */
  readonly result: string;
}

/** Fills `places.result`. Takes about 40 s and needs root and a Debian mirror. */
export async function buildImages(places: Places, progress: Progress, signal: AbortSignal): Promise<Manifest> {
  const { release, files, work, result } = places;
  const root = join(work, 'root');
  const kernelTree = join(work, 'kernel');
  await installPackages(places, root, progress, signal);

  const { kernel, xen, modules } = await progress.step('kernel and hypervisor unpacked', async () => {
    const deb = (prefix: string) => {
      const name = readdirSync(join(work, 'debs')).find((file) => file.startsWith(prefix));
      if (name === undefined) throw new LabError(`apt-get left no ${prefix}*.deb: is the package in its lists?`);
      return join(work, 'debs', name);
    };
    const hypervisor = deb('xen-hypervisor-');
    const version = await run('dpkg-deb', ['--field', hypervisor, 'Version'], { signal });
    await run('dpkg-deb', ['--extract', hypervisor, join(work, 'xen')], { signal });
    await run('dpkg-deb', ['--extract', deb('linux-image-'), kernelTree], { signal });
    const boot = readdirSync(join(work, 'xen/boot')).find((file) => /^xen-.*\.gz$/.test(file));
    // From trixie on, packages have in /usr/lib what they had in /lib.
    const modules = ['lib/modules', 'usr/lib/modules'].map((path) => join(kernelTree, path)).find(existsSync);
    const kernel = modules === undefined ? undefined : readdirSync(modules)[0];
    if (boot === undefined || modules === undefined || kernel === undefined)
      throw new LabError('The packages of kernel or hypervisor are empty.');
    // QEMU's multiboot loader wants the plain ELF.
    writeFileSync(join(result, 'xen'), gunzipSync(readFileSync(join(work, 'xen/boot', boot))));
    const image = readFileSync(join(kernelTree, `boot/vmlinuz-${kernel}`));
    writeFileSync(join(result, 'vmlinux'), await unpackKernel(image, signal));
    return { kernel, xen: version.toString().trim(), modules: join(modules, kernel) };
  });

  const hostKey = await progress.step('root and initramfs composed', async () => {
    await copyModules(modules, join(root, 'lib/modules', kernel), signal);
    await run('depmod', ['-b', root, kernel], { signal });
    copyFileSync(process.execPath, join(root, 'usr/bin/node'));
    chmodSync(join(root, 'usr/bin/node'), 0o755);
    try {
      await run('chroot', [root, 'node', '--version'], { signal });
    } catch (error) {
      throw new LabError(`${process.execPath} does not run on Debian ${release}, the lab's system.`, {
        cause: error,
      });
    }
    const key = await makeKeys(places, root, signal);
    placeFiles(files, root);
    await makeInitramfs(places, root, kernel, signal);
    copyFileSync(join(result, 'vmlinux'), join(root, 'lab/vmlinux'));
    copyFileSync(join(result, 'initrd'), join(root, 'lab/initrd'));
    return key;
  });

  // Not compressed: reading is faster under emulation than unpacking.
  await progress.step('root packed', () =>
    run('mksquashfs', [root, join(result, 'root.squashfs'), '-noI', '-noD', '-noF', '-noX', '-no-progress', '-quiet'], {
      signal,
    }),
  );
  return { kernel, xen, hostKey };
}

/** mmdebstrap, in namespaces of its own: when it is killed, its mounts and children go with it. */
async function installPackages(places: Places, root: string, progress: Progress, signal: AbortSignal): Promise<void> {
  const { release } = places;
  const xen = RELEASES[release];
  const debs = join(places.work, 'debs');
  const scratch = join(places.work, 'tmp');
  mkdirSync(debs);
  mkdirSync(scratch);
  const hook = join(places.work, 'download-hook');
  copyFileSync(join(places.files, 'download-hook'), hook);
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
  progress.add('packages downloaded', spent.download);
  progress.add('packages installed', spent.install);
}

/** What unpacks a kernel, by its first four bytes. */
const PACKERS: Readonly<Record<string, string>> = { fd377a58: 'xz', '28b52ffd': 'zstd' };

/**
 * The ELF inside a bzImage, so that neither Xen nor its tools unpack it under emulation. Offsets as in the kernel's
 * Documentation/x86/boot.rst.
 */
async function unpackKernel(image: Buffer, signal: AbortSignal): Promise<Buffer> {
  const sectors = image.readUInt8(0x1f1);
  const offset = (sectors + 1) * 512 + image.readUInt32LE(0x248);
  const length = image.readUInt32LE(0x24c);
  // The unpacked size follows the packed stream, as 4 bytes.
  const payload = image.subarray(offset, offset + length - 4);
  const packer = PACKERS[payload.toString('hex', 0, 4)];
  if (packer === undefined)
    throw new LabError(`The kernel is packed with none of ${Object.values(PACKERS).join(', ')}.`);
  return run(packer, ['--decompress', '--stdout'], { input: payload, signal });
}

/** The modules of a release that has them packed are unpacked: under emulation that takes long at each load. */
async function copyModules(from: string, to: string, signal: AbortSignal): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(from, name), join(to, name));
  }
  for (const name of RECIPE.modules) {
    const file = [name, `${name}.xz`].find((each) => existsSync(join(from, 'kernel', each)));
    if (file === undefined) throw new LabError(`The kernel package has no ${name}.`);
    cpSync(join(from, 'kernel', file), join(to, 'kernel', file), { recursive: true });
  }
  const packed = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ko.xz'));
  if (packed.length > 0) await run('xz', ['--decompress', ...packed], { cwd: to, signal });
}

/** One key for root everywhere and one for the hosts, made for these images alone. Answers the hosts' public key. */
async function makeKeys(places: Places, root: string, signal: AbortSignal): Promise<string> {
  const generate = (file: string) =>
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', file], { signal });
  const identity = join(places.result, 'id');
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

/** Where each file of the image goes, and its mode: a package's archive does not keep modes. */
const PLACES: Readonly<Record<string, readonly [path: string, mode: number]>> = {
  init: ['lab/init', 0o755],
  'guests-up': ['lab/guests-up', 0o755],
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

async function makeInitramfs(places: Places, root: string, kernel: string, signal: AbortSignal): Promise<void> {
  const tree = join(places.work, 'initramfs');
  for (const name of ['bin', 'dev', 'image', 'modules', 'over', 'root'])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(join(root, 'bin/busybox'), join(tree, 'bin/busybox'));
  copyFileSync(join(places.files, 'initrd-init'), join(tree, 'init'));
  for (const name of ['bin/busybox', 'init']) chmodSync(join(tree, name), 0o755);
  const wanted = new Set<string>();
  for (const name of RECIPE.early) {
    const shown = await run('modprobe', ['-d', root, '-S', kernel, '--show-depends', name], { signal });
    for (const line of shown.toString().split('\n')) if (line.startsWith('insmod ')) wanted.add(line.slice(7).trim());
  }
  // insmod takes them in the order of their names.
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
  writeFileSync(join(places.result, 'initrd'), archive);
}
