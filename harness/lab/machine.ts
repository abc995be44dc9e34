/** The machines that QEMU emulates for the lab, and which of them a target needs. */
import { UsageError } from '../base/errors.js';
import { type Architecture, ARM64, X86_64 } from './architecture.js';
import type { Release } from './release.js';

export interface Machine {
  readonly architecture: Architecture;
  /** Part of the names of its snapshots: lower-case letters. */
  readonly name: string;
  /** QEMU's options for processors and memory. */
  readonly hardware: readonly string[];
  /** Xen's options for dom0. */
  readonly dom0: string;
  /** The command in dom0 that starts its guests. */
  readonly start: string;
}

/**
 * For Linux's drivers, in dom0 and PV guests. The processor model has no AVX: with AVX, QEMU 7.2 occasionally corrupts
 * registers when Xen switches between domains, and programs in them crash.
 */
export const STOCK: Machine = {
  architecture: X86_64,
  name: 'stock',
  hardware: ['-cpu', 'Nehalem,+rdrand', '-smp', '2', '-m', '3840'],
  dom0: 'dom0_mem=2048M,max:2048M dom0_max_vcpus=2',
  start: '/lab/guests-up',
};

/** The same on arm64. With a Cortex-A57, dom0 stands still when a guest starts. */
export const STOCK_ARM64: Machine = {
  architecture: ARM64,
  name: 'stock',
  hardware: ['-cpu', 'cortex-a72', '-smp', '2', '-m', '3840'],
  dom0: 'dom0_mem=2048M dom0_max_vcpus=2',
  start: '/lab/guests-up',
};

/**
 * For an HVM guest: QEMU emulates AMD's virtualisation, with nested paging. It has no Linux guests, and one processor is
 * enough for the rest.
 */
export const HVM: Machine = {
  architecture: X86_64,
  name: 'hvm',
  hardware: ['-cpu', 'Opteron_G3,+svm,+npt,+rdrand', '-smp', '1', '-m', '3072'],
  dom0: 'dom0_mem=1536M,max:1536M dom0_max_vcpus=1',
  start: '/lab/ipxe-netfront',
};

/** The targets whose guest is an HVM guest, by name, each with the release in which it was seen to work. */
const HVM_TARGETS: Readonly<Record<string, Release>> = { 'ipxe-netfront': 'bookworm' };

/** The other targets whose driver the lab's images have on x86-64 only. */
const X86_64_TARGETS = ['qemu-netback', 'qemu-netback-trixie'];

/** What a lab is made of, as its user chooses it. */
export interface Choice {
  readonly architecture: Architecture;
  readonly release: Release;
  readonly module?: string | undefined;
}

/**
 * The machine for targets with these names.
 * @throws UsageError if the targets need different machines, or if the architecture, the release or a replaced module does
 * not fit
 */
export function machineFor(targets: readonly string[], { architecture, release, module }: Choice): Machine {
  if (architecture !== X86_64) return foreignMachine(targets, architecture, release);
  const [own, needed] = Object.entries(HVM_TARGETS).find(([name]) => targets.includes(name)) ?? [];
  if (own === undefined) return STOCK;
  if (targets.length > 1)
    throw new UsageError(`--target ${own}: this target needs a machine of its own; run it without other targets`);
  if (needed !== release)
    throw new UsageError(
      `--target ${own}: this target was seen to work with --release ${needed} only; use that release, not ${release}`,
    );
  if (module !== undefined)
    throw new UsageError(
      `--module replaces a module in the Linux guests, which ${own} does not start; omit one of them`,
    );
  return HVM;
}

function foreignMachine(targets: readonly string[], { name, releases }: Architecture, release: Release): Machine {
  const bound = targets.find((target) => X86_64_TARGETS.includes(target) || Object.hasOwn(HVM_TARGETS, target));
  if (bound !== undefined)
    throw new UsageError(`--target ${bound}: the lab has this driver on x86-64 only; run it without --arch ${name}`);
  if (!releases.includes(release))
    throw new UsageError(
      `--arch ${name} was seen to work with --release ${releases.join(' and ')} only; use that release, not ${release}`,
    );
  return STOCK_ARM64;
}
