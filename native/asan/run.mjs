// `npm run test:native:asan`: the addon's tests with AddressSanitizer and UndefinedBehaviorSanitizer, then workers that
// are ended at random moments on libraries that fail at random. NETIFSPEC_ASAN_ROUNDS: number of workers (default 60).
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { compile } from '../compile.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const LIBRARIES = ['libxengnttab.so.1', 'libxenevtchn.so.1', 'libxenstore.so.4', 'libxenforeignmemory.so.1'];
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
const ENDS = ['terminate', 'exit', 'throw', 'idle'];
const FAULTS = [0, 5, 20];

if (process.argv[2] === 'workers') await endWorkers(process.argv[3], Number(process.argv[4]));
else await main();

async function main() {
  const work = mkdtempSync(join(tmpdir(), 'netifspec-asan-'));
  try {
    const addon = join(work, 'netifspec_native.node');
    await compile({ out: addon, flags: ['-O1', '-g', '-fno-omit-frame-pointer', ...SANITIZE], linked: SANITIZE });
    const stubs = join(work, 'stubs');
    mkdirSync(stubs);
    for (const name of LIBRARIES)
      execFileSync('c++', [
        '-std=c++17',
        '-O1',
        '-g',
        '-shared',
        '-fPIC',
        join(here, 'xen.cc'),
        '-o',
        join(stubs, name),
      ]);
    const preload = execFileSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
    const env = {
      ...process.env,
      LD_PRELOAD: preload,
      // Node keeps memory until it exits.
      ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
      NETIFSPEC_ADDON: addon,
    };
    const node = (args, more = {}) => {
      const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...env, ...more } });
      if (status !== 0) throw new Error(`${args.join(' ')} ended with ${signal ?? status}`);
    };
    const mocha = join(here, '../../node_modules/mocha/bin/mocha.js');
    node(['--expose-gc', mocha, '--no-config', '--timeout', '60000', join(here, '../../dist/native/native.test.js')]);
    const rounds = Number(process.env.NETIFSPEC_ASAN_ROUNDS ?? 60) / FAULTS.length;
    for (const [n, faults] of FAULTS.entries()) {
      const seed = process.env.NETIFSPEC_STUB_SEED ?? String(n + 1);
      node([fileURLToPath(import.meta.url), 'workers', addon, String(rounds)], {
        LD_LIBRARY_PATH: stubs,
        NETIFSPEC_STUB_FAULTS: String(faults),
        NETIFSPEC_STUB_SEED: seed,
      });
      console.log(`${rounds} workers ended, with ${faults} % of Xen's calls failing (seed ${seed})`);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Starts workers one after the other and ends each at a random moment. */
async function endWorkers(file, rounds) {
  for (let n = 0; n < rounds; n++) {
    const end = ENDS[n % ENDS.length];
    const worker = new Worker(join(here, 'worker.mjs'), { workerData: { file, end } });
    let failure;
    worker.on('error', (error) => (failure = error));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve).once('exit', resolve));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
    if (end !== 'throw') await worker.terminate();
    await ended;
    if (failure && failure.message !== 'wanted') throw failure;
  }
}
