/**
 * A build step: bundles each program that runs on another host, with its dependencies, into few files, which are copied
 * and loaded within seconds even on a slow host. The programs are the command line, the tests of the native adapter and
 * the bench.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { packageRoot } from '../base/root.js';

const outdir = join(packageRoot, 'dist', 'bundle');
const common = {
  absWorkingDir: packageRoot,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Optional native parts of dependencies, which work without them.
  external: ['cpu-features', '*.node'],
  logLevel: 'warning',
} satisfies BuildOptions;

rmSync(outdir, { recursive: true, force: true });

// The command line is a single script, because V8 caches the compiled code of scripts only: a function that start.ts
// calls.
await build({
  ...common,
  entryPoints: ['harness/cli/main.ts'],
  outfile: join(outdir, 'netifspec.js'),
  format: 'cjs',
  define: { 'import.meta.url': '__url', 'import.meta.dirname': '__dirname' },
  banner: { js: '(function (require, __dirname, __url) {' },
  footer: { js: '})' },
  // Part of Mocha's parallel runner, which is not used.
  logOverride: { 'require-resolve-not-external': 'silent' },
});
await build({
  ...common,
  entryPoints: ['harness/remote/start.ts'],
  outfile: join(outdir, 'start.cjs'),
  format: 'cjs',
  define: { 'import.meta.dirname': '__dirname' },
});

// The others are modules. Files that are siblings in the sources may be loaded by their relative path, so each is an
// entry.
const entryPoints = [
  'harness/bench/on-xen.ts',
  'harness/lab/contract.ts',
  'harness/xen/contract.native.test.ts',
  'harness/xen/native/index.ts',
  'harness/xen/native/native.test.ts',
  'native/index.ts',
  'native/native.test.ts',
];
// The variables that CommonJS packages expect in their scope, imported under names that no other import has.
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
