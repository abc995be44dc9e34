// Compiles the addon: for `npm install` (build.mjs), for the package (prebuild.mjs) and for its tests (asan.mjs).
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));

/** Where an addon that was built on this machine is. */
export const BUILT = join(native, 'build/Release/netifspec_native.node');

/** The addon of the package for a machine, as Node names it. */
export const prebuilt = (arch) => join(native, `prebuilds/linux-${arch}/netifspec_native.node`);

// NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS: an event may arrive while a worker is being ended, when its environment
// accepts no calls and no exceptions any more; that must not abort the process.
const DEFINES = [
  'BUILDING_NODE_EXTENSION',
  'NAPI_VERSION=8',
  'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
  'NODE_ADDON_API_DISABLE_DEPRECATED',
  'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
  'NODE_GYP_MODULE_NAME=netifspec_native',
  '_FILE_OFFSET_BITS=64',
];
const FLAGS = ['-std=c++17', '-fPIC', '-fexceptions', '-fvisibility=hidden', '-pthread', '-Wall', '-Wextra'];
const LINKED = ['-shared', '-pthread', '-Wl,-z,nodelete', '-ldl'];

/** The folder with the headers of the running Node, or why there is none. Nothing is downloaded. */
function headers() {
  const chosen = process.env.npm_config_nodedir;
  const folder = join(chosen ?? dirname(dirname(process.execPath)), 'include/node');
  const file = join(folder, 'node_version.h');
  if (chosen !== undefined && existsSync(file)) return folder;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const numbers = process.versions.node.split('.');
  const same = ['MAJOR', 'MINOR', 'PATCH'].every((part, i) =>
    new RegExp(`NODE_${part}_VERSION ${numbers[i]}\\b`).test(text),
  );
  if (same) return folder;
  throw new Error(`no headers of Node ${process.versions.node} in ${folder}; set npm_config_nodedir to their prefix`);
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', (error) => reject(error.code === 'ENOENT' ? new Error(`there is no ${command}`) : error));
    child.on('close', (status) => (status === 0 ? resolve() : reject(new Error(`${command} failed:\n${said}`))));
  });
}

/**
 * Compiles all sources to the addon `out`, which appears only if that succeeds. Its bytes depend on nothing but the
 * sources, the headers and the compiler.
 *
 * @param {{ out: string, compiler?: string, flags?: string[], linked?: string[] }} options
 */
export async function compile({ out, compiler = process.env.CXX ?? 'c++', flags = ['-O3', '-DNDEBUG'], linked = [] }) {
  const include = [headers(), createRequire(import.meta.url)('node-addon-api').include.replaceAll('"', '')];
  const common = [...FLAGS, ...flags, ...DEFINES.map((name) => `-D${name}`)];
  mkdirSync(dirname(out), { recursive: true });
  const work = mkdtempSync(join(dirname(out), '.work-'));
  try {
    const prefixes = [`-ffile-prefix-map=${native}=native`, `-ffile-prefix-map=${work}=work`];
    const sources = readdirSync(join(native, 'src'))
      .filter((name) => name.endsWith('.cc'))
      .sort();
    const objectOf = (name) => join(work, name.replace(/cc$/, 'o'));
    const due = [...sources];
    const compileAll = async () => {
      for (let name = due.shift(); name !== undefined; name = due.shift()) {
        const place = ['-c', join(native, 'src', name), '-o', objectOf(name)];
        await run(compiler, [...common, ...prefixes, ...include.map((folder) => `-isystem${folder}`), ...place]);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, compileAll));
    const made = join(work, 'netifspec_native.node');
    await run(compiler, [...sources.map(objectOf), '-o', made, ...LINKED, ...linked]);
    renameSync(made, out);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
