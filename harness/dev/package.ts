/**
 * `npm run package`: makes the package as npm publishes it, in `build/package`, and packs it. It has no tests, no source
 * maps without their sources and no comments in the code; types only of what it exports; and the addon for each machine.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { CATALOGUE } from '../../suites/catalogue.js';
import { packageRoot } from '../base/root.js';

/** What is copied unchanged, in addition to what is compiled. */
const FILES = [
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'action.yml',
  'docs',
  'harness/lab/image',
  'harness/lab/targets',
  'native/build.mjs',
  'native/compile.mjs',
  'native/src',
  'templates',
];

/** The machines that the package has an addon for, as Node names them. */
const MACHINES = ['x64', 'arm64'];

/** Keys of the project's package.json that the package has too. */
const KEYS = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'type',
  'engines',
  'bin',
  'exports',
  'dependencies',
];

const folder = join(packageRoot, 'build/package');
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: packageRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

rmSync(join(packageRoot, 'build'), { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const file of FILES) {
  cpSync(join(packageRoot, file), join(folder, file), { recursive: true, filter: (path) => !path.endsWith('.png') });
}

const dist = join(folder, 'dist');
await build({
  absWorkingDir: packageRoot,
  entryPoints: modules(),
  outdir: dist,
  outbase: packageRoot,
  format: 'esm',
  target: 'node20',
  minify: true,
  logLevel: 'warning',
});
run('npx', 'tsc', '-p', 'tsconfig.types.json', '--outDir', dist);
/** Folders and scripts; not the benchmarks on Xen, which compare with programs that only a clone has. */
const isProgram = (path: string): boolean =>
  !/bundle\/harness\/bench$/.test(path) && (!/\.[^/]*$/.test(path) || /\.c?js$/.test(path));
cpSync(join(packageRoot, 'dist/bundle'), join(dist, 'bundle'), { recursive: true, filter: isProgram });
const locations = Object.fromEntries(CATALOGUE.tests.map(({ id, location }) => [id, location]));
writeFileSync(join(dist, 'harness/run/locations.json'), JSON.stringify(locations));

const project = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as Record<string, unknown>;
const manifest = Object.fromEntries(KEYS.map((key) => [key, project[key]]));
const scripts = { install: 'node native/build.mjs' };
writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest, scripts }, null, 2)}\n`);

for (const arch of MACHINES) {
  const file = `native/prebuilds/linux-${arch}/netifspec_native.node`;
  run('node', 'native/prebuild.mjs', arch, join(folder, file));
}
run('npm', 'pack', '--silent', '--pack-destination', join(packageRoot, 'build'), folder);

/** The sources of the program: no tests, and nothing that only contributors or the bundle use. */
function modules(): string[] {
  return ['harness', 'native', 'reports', 'suites'].flatMap((top) =>
    readdirSync(join(packageRoot, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name))
      .map((name) => join(top, name))
      .filter((path) => !/^harness\/(dev\/|lab\/contract\.ts|remote\/bundle\.ts)/.test(path)),
  );
}
