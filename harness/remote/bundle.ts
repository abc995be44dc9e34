/**
 * A step of the build: puts the program and all that it depends on into few files, which another host gets and loads
 * in seconds even where it is slow. The programs there are the command line, the tests of the native adapter and the
 * bench.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { packageRoot } from '../root.js';

const outdir = join(packageRoot, 'dist', 'bundle');
// Files that lie beside each other in the sources may be asked for by their relative place: each is an entry.
const entries = [
  'harness/bench/on-xen.ts',
  'harness/cli/main.ts',
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

rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: packageRoot,
  entryPoints: entries,
  outdir,
  outbase: '.',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Optional native parts of dependencies: they do without.
  external: ['cpu-features', '*.node'],
  banner: { js: scope.join('\n') },
  logLevel: 'warning',
});
