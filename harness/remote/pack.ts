/** One archive with everything that a host needs to run netifspec: the bundle and the addon. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { packageRoot } from '../base/root.js';
import { RemoteError } from './error.js';
import { startTar } from './tar.js';

export interface Pack {
  /** A hash of the contents, of 32 hex digits. */
  readonly key: string;
  /** The .tar.gz on this machine. */
  readonly file: string;
  /** The program's main file inside the archive. */
  readonly entry: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** The path of the included addon; absent if none is built. */
  readonly addon?: string;
}

/** The folder of files that netifspec can create again. */
export function cacheDirectory(): string {
  return join(homedir(), '.cache', 'netifspec');
}

const BUNDLE = join('dist', 'bundle');
const START = join(BUNDLE, 'start.cjs');
/** The addon for a machine, as Node names it, where a build on this machine or the package has it. */
function addonsFor(machine: string): string[] {
  const built = machine === process.arch ? ['native/build/Release'] : [];
  return [...built, `native/prebuilds/linux-${machine}`].map((folder) => join(folder, 'netifspec_native.node'));
}
/** Number of archives of earlier builds that stay in the cache. */
const KEEP = 4;

/**
 * Creates the archive of the package at `root` for hosts of a machine, or finds it in the cache.
 * Throws a {@link RemoteError} if the package is not built or `tar` fails.
 */
export async function pack(
  root = packageRoot,
  cache = join(cacheDirectory(), 'pack'),
  machine: string = process.arch,
): Promise<Pack> {
  if (!existsSync(join(root, START)))
    throw new RemoteError(3, `netifspec in ${root} is not built; run "npm run build" there`);
  const found = await readdir(join(root, BUNDLE), { recursive: true, withFileTypes: true });
  // Omits files that a start of the program has left there.
  const bundle = found
    .filter((entry) => entry.isFile() && /\.c?js$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const addon = addonsFor(machine).find((place) => existsSync(join(root, place)));
  const files = [
    'package.json',
    ...bundle.map((file) => relative(root, file)),
    ...(addon === undefined ? [] : [addon]),
  ].sort();
  const key = await contentsKey(root, files);
  const file = join(cache, `${key}.tar.gz`);
  if (existsSync(file)) await utimes(file, new Date(), new Date());
  else await writeArchive(root, files, file);
  await forgetOld(cache);
  const { size } = await stat(file);
  return { key, file, entry: START, size, ...(addon !== undefined && { addon: join(root, addon) }) };
}

/**
 * Like {@link pack}, for runs on a real Xen.
 * Throws a {@link RemoteError} if the native addon is not built either.
 */
export async function packWithAddon(root = packageRoot, cache?: string, machine?: string): Promise<Pack> {
  const archive = await pack(root, cache, machine);
  if (archive.addon !== undefined) return archive;
  throw new RemoteError(3, `the native addon in ${root} is not built; run "npm run install" there (needs g++)`);
}

async function contentsKey(root: string, files: readonly string[]): Promise<string> {
  const key = createHash('sha256');
  for (const file of files) {
    const contents = await readFile(join(root, file));
    key.update(`${file}\0${contents.length}\0`).update(contents);
  }
  return key.digest('hex').slice(0, 32);
}
async function writeArchive(root: string, files: readonly string[], file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    const tar = startTar(['-czf', unfinished, ...owner, '-C', root, '--no-recursion', '--null', '-T', '-']);
    tar.stdout.resume();
    tar.stdin.end(files.join('\0'));
    const failure = await tar.failure;
    if (failure !== undefined) throw new RemoteError(3, `cannot pack netifspec: ${failure}`);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function forgetOld(cache: string): Promise<void> {
  const archives = (await readdir(cache)).filter((name) => name.endsWith('.tar.gz'));
  const dated = await Promise.all(
    archives.map(async (name) => ({ name, time: (await stat(join(cache, name))).mtimeMs })),
  );
  const old = dated.sort((a, b) => b.time - a.time).slice(KEEP);
  await Promise.all(old.map(({ name }) => rm(join(cache, name), { force: true })));
}
