/**
 * A step of the build: puts each program that runs on another host, and all that it depends on, into few files, which
 * the host gets and loads in seconds even where it is slow. The programs are the command line, the tests of the native
 * adapter and the bench.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { packageRoot } from '../root.js';

const outdir = join(packageRoot, 'dist', 'bundle');
const common = {
  absWorkingDir: packageRoot,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Optional native parts of dependencies: they do without.
  external: ['cpu-features', '*.node'],
  logLevel: 'warning',
} satisfies BuildOptions;

rmSync(outdir, { recursive: true, force: true });

// The command line is one script, since V8 keeps what it compiled of a script only: a function, which start.ts calls.
await build({
  ...common,
  entryPoints: ['harness/cli/main.ts'],
  outfile: join(outdir, 'netifspec.js'),
  format: 'cjs',
  define: { 'import.meta.url': '__url', 'import.meta.dirname': '__dirname' },
  banner: { js: '(function (require, __dirname, __url) {' },
  footer: { js: '})' },
  // Of Mocha's runner in many processes, which isn't used.
  logOverride: { 'require-resolve-not-external': 'silent' },
});
await build({
  ...common,
  entryPoints: ['harness/remote/start.ts'],
  outfile: join(outdir, 'start.cjs'),
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname' },
});

// The others are modules. Files that lie beside each other in the sources may be asked for by their relative place:
// each is an entry.
const entryPoints = [
  'harness/bench/on-xen.ts',
  'harness/lab/contract.ts',
  'harness/xen/contract.native.test.ts',
  'harness/xen/native/index.ts',
  'harness/xen/native/native.test.ts',
  'native/index.ts',
  'native/native.test.ts',
];
// What CommonJS packages expect to find in their scope, under names that no other import has.
const scope = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  'const require = requireOfBundle(import.meta.url), __dirname = import.meta.dirname;',
];
await build({
  ...common,
  entryPoints,
  outdir,
  outbase: '.',
  splitting: true,
  format: 'esm',
  banner: { js: scope.join('\n') },
});
