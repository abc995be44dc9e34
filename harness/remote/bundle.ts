/**
 * A build step: bundles each program that runs on another host, with its dependencies, into few files, which are copied
 * and loaded within seconds even on a slow host. The programs are the command line, the tests of the native adapter and
 * the bench.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { packageRoot } from '../base/root.js';

/** Modules of commands and of reports that no other host runs: the bundle has neither them nor what only they import. */
const LOCAL = [
  './bench.js',
  './doctor-on-host.js',
  './init.js',
  './lab-bench.js',
  './lab.js',
  './list.js',
  './report.js',
  './run-on-host.js',
  './seeds.js',
  './validate.js',
  '../module-driver/explored.js',
  '../module-driver/watched.js',
  '../../reports/draft.js',
  '../../reports/html.js',
  '../../reports/junit.js',
  '../../reports/pcapng.js',
];

/** zod exports the messages of all languages, which would be a tenth of the bundle. */
const englishOnly: Plugin = {
  name: 'english only',
  setup(bundle) {
    bundle.onResolve({ filter: /\/locales\/index\.js$/ }, () => ({ path: 'locales', namespace: 'empty' }));
    bundle.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'export {};' }));
  },
};

/** Leaves the modules in {@link LOCAL} out. */
const remoteOnly: Plugin = {
  name: 'remote only',
  setup(bundle) {
    bundle.onResolve({ filter: /^\.{1,2}\// }, ({ path, kind, importer }) =>
      kind === 'dynamic-import' && !importer.includes('node_modules') && LOCAL.includes(path)
        ? { path, external: true }
        : undefined,
    );
  },
};

const common = {
  absWorkingDir: packageRoot,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Optional native parts of dependencies, which work without them.
  external: ['cpu-features', '*.node'],
  plugins: [englishOnly],
  minify: true,
  // Names of classes are in messages.
  keepNames: true,
  logLevel: 'warning',
} satisfies BuildOptions;

const outdir = join(packageRoot, 'dist', 'bundle');
rmSync(outdir, { recursive: true, force: true });

// The command line is a single script, because V8 caches the compiled code of scripts only: a function that start.ts
// calls.
await build({
  ...common,
  plugins: [englishOnly, remoteOnly],
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
const modules = [
  'harness/bench/on-xen',
  'harness/lab/contract',
  'harness/xen/contract.native.test',
  'harness/xen/native/index',
  'harness/xen/native/native.test',
  'native/index',
  'native/native.test',
];
// The variables that CommonJS packages expect in their scope, imported under names that no other import has.
const scope = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  'const require = requireOfBundle(import.meta.url), __dirname = import.meta.dirname;',
];
await build({
  ...common,
  // Under names that no test runner finds in the package.
  entryPoints: modules.map((name) => ({ in: `${name}.ts`, out: name.replace(/\.test$/, '-on-xen') })),
  outdir,
  outbase: '.',
  splitting: true,
  format: 'esm',
  banner: { js: scope.join('\n') },
});
