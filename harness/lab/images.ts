/** The lab's images: identified by a hash of everything that they are made from, and built if they are missing. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import type { Architecture } from './architecture.js';
import { buildImages, type Manifest, RECIPE } from './build.js';
import { LabError } from './error.js';
import type { Progress } from './progress.js';
import { RELEASES, type Release } from './release.js';
import type { LabPaths } from './state.js';

export interface Images {
  /** Name of the set, beginning with release and architecture; changes with everything that the set is made from. */
  readonly key: string;
  /** Contains xen, vmlinux, initrd, root.squashfs, id, id.pub, manifest.json, and snapshots. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Free bytes that a build needs: the unpacked system, its packages and the images. */
const BUILD_SPACE = 2 * 1024 ** 3;
/** Free bytes that a run needs: a snapshot. */
const RUN_SPACE = 768 * 1024 ** 2;

/** The directory of the image's own files. */
export function imageFiles(): string {
  const folder = join(packageRoot, 'harness/lab/image');
  if (existsSync(join(folder, 'init'))) return folder;
  throw new LabError('harness/lab/image is missing; install netifspec again');
}

/**
 * Release, architecture and a hash of everything else that the images are made from: image files, recipe, and Node.
 */
export function imageKey(files: string, release: Release, architecture: Architecture): string {
  const { install, packages, modules, bus, nodePackage = [process.version, process.execPath] } = architecture;
  const made = [RECIPE, install, packages, modules, bus, nodePackage, RELEASES[release]];
  const hash = createHash('sha256').update(JSON.stringify(made));
  for (const name of readdirSync(files).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(files, name)));
  return `${kindOf(release, architecture)}${hash.digest('hex').slice(0, 16)}`;
}

/** What the names of all sets of the same release and architecture begin with. */
function kindOf(release: Release, { debian }: Architecture): string {
  return `${release}-${debian}-`;
}

/**
 * Returns the images of a release and builds them if they are missing; a build removes older sets of the same release
 * and architecture. Newer Debian packages do not cause a build, but `fresh` does.
 */
export async function ensureImages(
  paths: LabPaths,
  release: Release,
  architecture: Architecture,
  fresh: boolean,
  progress: Progress,
  signal: AbortSignal,
): Promise<Images> {
  const files = imageFiles();
  const key = imageKey(files, release, architecture);
  const directory = join(paths.images, key);
  const manifest = join(directory, 'manifest.json');
  if (fresh || !existsSync(manifest)) {
    if (process.getuid?.() !== 0) {
      throw new LabError('building the lab needs root, since mmdebstrap does; run again as root');
    }
    await ensureSpace(paths, BUILD_SPACE);
    progress.log(`building the images from packages of Debian ${release} for ${architecture.debian} (about a minute)`);
    rmSync(paths.build, { recursive: true, force: true });
    mkdirSync(paths.build, { recursive: true });
    const result = join(paths.build, 'images');
    mkdirSync(result);
    const made = await buildImages({ architecture, release, files, work: paths.build, result }, progress, signal);
    writeFileSync(join(result, 'manifest.json'), JSON.stringify(made, undefined, 2) + '\n');
    mkdirSync(paths.images, { recursive: true });
    for (const name of readdirSync(paths.images)) {
      if (name.startsWith(kindOf(release, architecture))) rmSync(join(paths.images, name), { recursive: true });
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
      `${paths.directory} has ${mib(free)} free and the lab needs ${mib(needed)}; free some space, or set NETIFSPEC_LAB to another directory`,
    );
  }
}
