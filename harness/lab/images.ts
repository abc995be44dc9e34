/** The lab's images: found by a hash of what they are made from, built if they aren't there. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildImages, RECIPE } from './build.js';
import { LabError } from './error.js';
import type { Progress } from './progress.js';
import { RELEASES, type Release } from './release.js';
import type { LabPaths } from './state.js';

/** What is inside a set of images. */
export interface Manifest {
  /** The kernel's release, as `uname -r` has it. */
  readonly kernel: string;
  /** Version of the hypervisor's package. */
  readonly xen: string;
  /** The one SSH host key, without a host's name. */
  readonly hostKey: string;
}

export interface Images {
  /** Names the set, the release first; changes with anything that it is made from. */
  readonly key: string;
  /** Holds xen, vmlinux, initrd, root.squashfs, id, id.pub, manifest.json, and snapshots. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Bytes that a build needs: the unpacked system, its packages and the images. */
const BUILD_SPACE = 2 * 1024 ** 3;
/** Bytes that a run needs: a snapshot. */
const RUN_SPACE = 768 * 1024 ** 2;

/** The directory of the image's own files. They aren't compiled: both the sources and the package have them there. */
export function imageFiles(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const candidate = join(directory, 'harness/lab/image');
    if (existsSync(join(candidate, 'init'))) return candidate;
    if (directory === dirname(directory))
      throw new LabError('This installation lacks harness/lab/image: install it again.');
  }
}

/** The release and a hash of all else that the images are made from: image files, recipe, the Node that goes in. */
export function imageKey(files: string, release: Release): string {
  const made = [RECIPE, RELEASES[release], process.version, process.execPath];
  const hash = createHash('sha256').update(JSON.stringify(made));
  for (const name of readdirSync(files).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(files, name)));
  return `${release}-${hash.digest('hex').slice(0, 16)}`;
}

/**
 * Answers the images of a release, built before if need be; a build leaves no older set of its release behind. Packages
 * newer than those of an existing set are no reason to build: `fresh` is.
 */
export async function ensureImages(
  paths: LabPaths,
  release: Release,
  fresh: boolean,
  progress: Progress,
  signal: AbortSignal,
): Promise<Images> {
  const files = imageFiles();
  const key = imageKey(files, release);
  const directory = join(paths.images, key);
  const manifest = join(directory, 'manifest.json');
  if (fresh || !existsSync(manifest)) {
    if (process.getuid?.() !== 0) {
      throw new LabError('Building the lab needs root (mmdebstrap makes a root directory): run again as root.');
    }
    await ensureSpace(paths, BUILD_SPACE);
    progress.log(`Building the images of the lab, of Debian ${release}; this takes about a minute.`);
    rmSync(paths.build, { recursive: true, force: true });
    mkdirSync(paths.build, { recursive: true });
    const result = join(paths.build, 'images');
    mkdirSync(result);
    const made = await buildImages({ release, files, work: paths.build, result }, progress, signal);
    writeFileSync(join(result, 'manifest.json'), JSON.stringify(made, undefined, 2) + '\n');
    mkdirSync(paths.images, { recursive: true });
    for (const name of readdirSync(paths.images)) {
      if (name.startsWith(`${release}-`)) rmSync(join(paths.images, name), { recursive: true });
    }
    renameSync(result, directory);
    rmSync(paths.build, { recursive: true, force: true });
  } else {
    await ensureSpace(paths, RUN_SPACE);
  }
  return { key, directory, manifest: JSON.parse(readFileSync(manifest, 'utf8')) as Manifest };
}

async function ensureSpace(paths: LabPaths, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(paths.directory);
  const free = bavail * bsize;
  if (free < needed) {
    const mib = (bytes: number) => `${Math.floor(bytes / 1024 ** 2)} MiB`;
    throw new LabError(
      `${paths.directory} has ${mib(free)} free, the lab needs ${mib(needed)}: make room, or set NETIFSPEC_LAB to a directory elsewhere.`,
    );
  }
}
