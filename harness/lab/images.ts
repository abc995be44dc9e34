/** The lab's images: found by a hash of what they are made from, built if they aren't there. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildImages, RECIPE } from './build.js';
import { LabError } from './error.js';
import type { Progress } from './progress.js';
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
  /** Names the set; changes with anything that it is made from. */
  readonly key: string;
  /** Holds xen, vmlinux, initrd, root.squashfs, id, id.pub, manifest.json, and snapshots. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Bytes that a build needs: the unpacked system, its packages and the images. */
const BUILD_SPACE = 2 * 1024 ** 3;
/** Bytes that a run needs: a snapshot. */
const RUN_SPACE = 512 * 1024 ** 2;

/** The directory of the image's own files. They aren't compiled: both the sources and the package have them there. */
export function imageFiles(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const candidate = join(directory, 'harness/lab/image');
    if (existsSync(join(candidate, 'init'))) return candidate;
    if (directory === dirname(directory))
      throw new LabError('This installation lacks harness/lab/image: install it again.');
  }
}

/** Hash of all that the images are made from: the files of the image, the recipe, and the Node that goes into it. */
export function imageKey(files: string): string {
  const hash = createHash('sha256').update(JSON.stringify([RECIPE, process.version, process.execPath]));
  for (const name of readdirSync(files).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(files, name)));
  return hash.digest('hex').slice(0, 16);
}

/**
 * Answers the images, built before if need be; a build leaves no other set behind. Packages newer than those of an
 * existing set are no reason to build: `fresh` is.
 */
export async function ensureImages(
  paths: LabPaths,
  fresh: boolean,
  progress: Progress,
  signal: AbortSignal,
): Promise<Images> {
  const files = imageFiles();
  const key = imageKey(files);
  const directory = join(paths.images, key);
  const manifest = join(directory, 'manifest.json');
  if (fresh || !existsSync(manifest)) {
    if (process.getuid?.() !== 0) {
      throw new LabError('Building the lab needs root (mmdebstrap makes a root directory): run again as root.');
    }
    await ensureSpace(paths, BUILD_SPACE);
    progress.log('Building the images of the lab; this takes about a minute.');
    rmSync(paths.build, { recursive: true, force: true });
    mkdirSync(paths.build, { recursive: true });
    const result = join(paths.build, 'images');
    mkdirSync(result);
    const made = await buildImages({ files, work: paths.build, result }, progress, signal);
    writeFileSync(join(result, 'manifest.json'), JSON.stringify(made, undefined, 2) + '\n');
    rmSync(paths.images, { recursive: true, force: true });
    mkdirSync(paths.images, { recursive: true });
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
