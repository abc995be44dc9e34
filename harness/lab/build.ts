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
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Architecture } from './architecture.js';
import { LabError } from './error.js';
import { gunzipped, unpackKernel } from './kernel.js';
import { placeNode } from './node.js';
import { run } from './process.js';
import type { Progress } from './progress.js';
import { type BuildPaths, installPackages, makeKeys, placeFiles } from './root.js';

/**
 * The packages and files of the images, for every release and architecture. The key of the images covers this list;
 * `revision` covers changes of the code that builds them.
 */
export const RECIPE = {
  revision: 5,
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
  /** Relative to the kernel's directory of modules; a directory includes everything in it. */
  modules: [
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
  /** Loaded by the initramfs, with all dependencies, after the bus of dom0's disk. */
  early: ['virtio_blk', 'xen-blkfront', 'squashfs', 'overlay'],
} as const;

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
  const { architecture, files, work, result } = paths;
  const root = join(work, 'root');
  const tree = join(work, 'packages');
  await installPackages(paths, [...RECIPE.packages, ...architecture.packages], root, progress, signal);

  const { kernel, xen, modules } = await progress.step('unpacked kernel and hypervisor', async () => {
    const debs = readdirSync(join(work, 'debs'));
    const hypervisor = debs.find((file) => file.startsWith('xen-hypervisor-'));
    if (hypervisor === undefined || !debs.some((file) => file.startsWith('linux-image-')))
      throw new LabError(
        'apt-get downloaded no hypervisor or kernel; run "apt-get update" and check the sources of apt',
      );
    for (const file of debs) await run('dpkg-deb', ['--extract', join(work, 'debs', file), tree], { signal });
    const version = await run('dpkg-deb', ['--field', join(work, 'debs', hypervisor), 'Version'], { signal });
    const boot = readdirSync(join(tree, 'boot')).find((file) => /^xen-[\d.]+-[a-z\d]+(\.gz)?$/.test(file));
    // From trixie on, packages install into /usr/lib instead of /lib.
    const modules = ['lib/modules', 'usr/lib/modules'].map((path) => join(tree, path)).find(existsSync);
    const kernel = modules === undefined ? undefined : readdirSync(modules)[0];
    if (boot === undefined || modules === undefined || kernel === undefined)
      throw new LabError(
        'the packages of kernel or hypervisor lack their files; check the Debian mirror, then run again with --fresh',
      );
    // QEMU's multiboot loader needs an uncompressed ELF.
    writeFileSync(join(result, 'xen'), gunzipped(readFileSync(join(tree, 'boot', boot))));
    // From Debian 14 on, the kernel is in the directory of its modules.
    const image = [join(tree, `boot/vmlinuz-${kernel}`), join(modules, kernel, 'vmlinuz')].find(existsSync);
    if (image === undefined) throw new LabError('the packages of the kernel lack vmlinuz; try the other --release');
    writeFileSync(join(result, 'vmlinux'), await unpackKernel(architecture.kernel, readFileSync(image), signal));
    return { kernel, xen: version.toString().trim(), modules: join(modules, kernel) };
  });

  const hostKey = await progress.step('made root file system and initramfs', async () => {
    await copyModules(architecture, modules, join(root, 'lib/modules', kernel), signal);
    await run('depmod', ['-b', root, kernel], { signal });
    await placeNode(architecture, root, work, signal);
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

/** Decompresses the modules of a release that ships them compressed: under emulation that would slow each load. */
async function copyModules(architecture: Architecture, from: string, to: string, signal: AbortSignal): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    copyFileSync(join(from, name), join(to, name));
  }
  for (const name of [...architecture.modules, ...RECIPE.modules]) {
    const file = [name, `${name}.xz`].find((each) => existsSync(join(from, 'kernel', each)));
    if (file === undefined) throw new LabError(`the kernel package has no ${name}; try the other --release`);
    cpSync(join(from, 'kernel', file), join(to, 'kernel', file), { recursive: true });
  }
  const packed = readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ko.xz'));
  if (packed.length > 0) await run('xz', ['--decompress', ...packed], { cwd: to, signal });
}

async function makeInitramfs(paths: BuildPaths, root: string, kernel: string, signal: AbortSignal): Promise<void> {
  const tree = join(paths.work, 'initramfs');
  for (const name of ['bin', 'dev', 'image', 'modules', 'over', 'root'])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(join(root, 'bin/busybox'), join(tree, 'bin/busybox'));
  copyFileSync(join(paths.files, 'initrd-init'), join(tree, 'init'));
  for (const name of ['bin/busybox', 'init']) chmodSync(join(tree, name), 0o755);
  const wanted = new Set<string>();
  for (const name of [paths.architecture.bus, ...RECIPE.early]) {
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
