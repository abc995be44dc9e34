/** One archive with all that a host needs to run netifspec: the built suite and its runtime dependencies. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, extname, join, relative, sep } from 'node:path';
import { packageRoot } from '../root.js';
import { startTar } from './tar.js';

export interface Pack {
  /** Names the contents: 32 hex digits, the same for the same files. */
  readonly key: string;
  /** The .tar.gz on this machine. */
  readonly file: string;
  /** The program's main file inside the archive. */
  readonly entry: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** How many files are in it. */
  readonly files: number;
  /** Whether the archive was there already. */
  readonly cached: boolean;
  readonly milliseconds: number;
}

/** Where netifspec keeps what can be made again. */
export function cacheDirectory(): string {
  return join(homedir(), '.cache', 'netifspec');
}

const MAIN = join('dist', 'harness', 'cli', 'main.js');
const ADDON = join('native', 'build', 'Release', 'netifspec_native.node');
/** Needed to compile the addon, not to run it. */
const BUILD_ONLY = new Set(['node-addon-api']);
/** Archives of earlier builds that stay in the cache. */
const KEEP = 4;

/**
 * Makes the archive of the package at `root`, or takes it from the cache.
 * Throws an Error if the package isn't built, a dependency is missing or `tar` fails.
 */
export async function pack(root = packageRoot, cache = join(cacheDirectory(), 'pack')): Promise<Pack> {
  const started = performance.now();
  if (!existsSync(join(root, MAIN))) throw new Error(`netifspec at ${root} is not built; run: npm run build`);
  // Installed as a dependency, its own dependencies may lie beside it: keep the tree as Node finds it.
  const base = baseOf(root);
  const own = [
    'package.json',
    ...(await filesBelow(root, 'dist', ofDist)),
    ...(existsSync(join(root, ADDON)) ? [ADDON] : []),
  ];
  const packages = await Promise.all(
    (await runtimePackages(root)).map(async (folder) =>
      (await filesBelow(folder, '', ofDependency)).map((file) => join(relative(base, folder), file)),
    ),
  );
  const files = [...own.map((file) => join(relative(base, root), file)), ...packages.flat()].sort();
  const key = await contentsKey(base, files);
  const file = join(cache, `${key}.tar.gz`);
  const cached = existsSync(file);
  if (cached) await utimes(file, new Date(), new Date());
  else await writeArchive(base, files, file);
  await forgetOld(cache);
  const { size } = await stat(file);
  const milliseconds = Math.round(performance.now() - started);
  return { key, file, entry: join(relative(base, root), MAIN), size, files: files.length, cached, milliseconds };
}

function baseOf(root: string): string {
  const parts = root.split(sep);
  const outermost = parts.indexOf('node_modules');
  return outermost < 0 ? root : parts.slice(0, outermost).join(sep) || sep;
}

/** The folders of all packages that the one at `root` needs at run time, found as Node finds them. */
async function runtimePackages(root: string): Promise<string[]> {
  const found = new Set<string>();
  const visit = async (folder: string): Promise<void> => {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      await readFile(join(folder, 'package.json'), 'utf8'),
    ) as { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> };
    for (const name of Object.keys(dependencies)) {
      if (name in optionalDependencies || BUILD_ONLY.has(name)) continue;
      const dependency = resolvePackage(folder, name);
      if (found.has(dependency)) continue;
      found.add(dependency);
      await visit(dependency);
    }
  };
  await visit(root);
  return [...found];
}

function resolvePackage(from: string, name: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) throw new Error(`${name}, which ${from} needs, is not installed; run: npm ci`);
  }
}

type Filter = (path: string, isFolder: boolean) => boolean;

const ofDist: Filter = (path, isFolder) =>
  isFolder || KEPT.test(path) || !(/\.(map|d\.[cm]?ts|test\.js)$/.test(path) || path.endsWith('.tsbuildinfo'));

/** The tests that need a real Xen go where there is one; the suites' maps tell reports where a test stands. */
const KEPT = /(^|[\\/.])native\.test\.js$|^dist[\\/]suites[\\/].*\.js\.map$/;

const USELESS_FOLDERS = /^(\.github|benchmarks?|docs?|examples?|tests?|__tests__)$/;
const USELESS_FILES = new Set('.map .md .markdown .ts .mts .cts .c .cc .cpp .h .gyp .gypi'.split(' '));

// Only a package's top-level folder named "doc" holds documents: yaml has code in dist/doc.
const ofDependency: Filter = (path, isFolder) =>
  isFolder
    ? path !== 'node_modules' && !USELESS_FOLDERS.test(path)
    : /^licen[cs]e/i.test(path) || !USELESS_FILES.has(extname(path));

/** The files below `folder` of `root` that `wanted` lets through, relative to `root`. Links are passed over. */
async function filesBelow(root: string, folder: string, wanted: Filter): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const nested = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (!wanted(path, entry.isDirectory())) return [];
      if (entry.isDirectory()) return await filesBelow(root, path, wanted);
      return entry.isFile() ? [path] : [];
    }),
  );
  return nested.flat();
}

async function contentsKey(base: string, files: readonly string[]): Promise<string> {
  const key = createHash('sha256');
  // One after the other: thousands of files at once would need as many descriptors.
  for (const file of files) {
    const contents = await readFile(join(base, file));
    key.update(`${file}\0${contents.length}\0`).update(contents);
  }
  return key.digest('hex').slice(0, 32);
}

async function writeArchive(base: string, files: readonly string[], file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    const tar = startTar(['-czf', unfinished, ...owner, '-C', base, '--no-recursion', '--null', '-T', '-']);
    tar.stdout.resume();
    tar.stdin.end(files.join('\0'));
    const failure = await tar.failure;
    if (failure !== undefined) throw new Error(`cannot pack netifspec: ${failure}`);
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
