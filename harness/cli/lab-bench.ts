/** `netifspec lab bench` */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseRecord } from '../../reports/records.js';
import { compare, type Figure } from '../bench/figure.js';
import { quotePosix } from '../guest/profile.js';
import { LabError } from '../lab/error.js';
import { labDown, type LabHandle } from '../lab/index.js';
import { installed } from '../remote/installed.js';
import { pack } from '../remote/pack.js';
import { runRemote } from '../remote/remote.js';
import { packageRoot } from '../root.js';
import { writeBench } from './bench.js';
import { onInterrupt } from './interrupt.js';
import { type LabUpOptions, log, up } from './lab.js';
import { makeFolder } from './results.js';

export interface LabBenchOptions extends LabUpOptions {
  readonly out: string;
}

/** All figures take some minutes under emulation. */
const BENCH_MS = 30 * 60_000;
/** A test that does little, and the seconds within which it should have its verdict. */
const FIRST = { target: 'linux-netfront', test: 'frontend.xenbus.connect', goalS: 10 } as const;

/** Measures on the lab's Xen what can only be measured there. */
export async function labBenchCommand(options: LabBenchOptions): Promise<number> {
  makeFolder(options.out);
  const folder = await mkdtemp(join(tmpdir(), 'netifspec-bench-'));
  const interrupt = onInterrupt();
  try {
    const program = join(folder, 'bench');
    await compile(program);
    const lab = await up(options);
    let figures: Figure[];
    try {
      figures = await measure(lab, program, interrupt.signal);
    } finally {
      await labDown(log);
    }
    // Built anew, if it was to be, it has been by now.
    const first = await timeToFirstTest({ ...options, fresh: false }, interrupt.signal);
    writeBench(options.out, [...figures, first], []);
    return interrupt.signal.aborted ? 3 : 0;
  } finally {
    interrupt.release();
    await rm(folder, { recursive: true });
  }
}

/** Builds the yardstick. It's for the lab's dom0, as the addon is that was built here. */
async function compile(program: string): Promise<void> {
  const source = join(packageRoot, 'native/bench/bench.c');
  try {
    await promisify(execFile)('cc', ['-O2', '-std=gnu11', '-o', program, source, '-ldl', '-lpthread']);
  } catch (cause) {
    throw new LabError(`The yardstick can't be built: ${(cause as Error).message}; it needs a C compiler as cc.`, {
      cause,
    });
  }
}

/** Seconds from nothing, but a snapshot, to the first verdict of a run. */
async function timeToFirstTest(options: LabUpOptions, signal: AbortSignal): Promise<Figure> {
  return compare({
    name: 'start-up: from the lab being down to the first verdict',
    unit: 's',
    rounds: 3,
    ours: async () => {
      const started = performance.now();
      const lab = await up(options);
      try {
        let verdict = NaN;
        await runRemote({
          ssh: lab.ssh,
          target: join(packageRoot, `harness/lab/targets/${FIRST.target}.yaml`),
          args: ['--test', FIRST.test],
          onRecord: (line) => {
            if (parseRecord(line)?.type === 'test') verdict = performance.now();
          },
          log,
          signal,
        });
        if (Number.isNaN(verdict)) throw new LabError('The first test came to no verdict.');
        return (verdict - started) / 1000;
      } finally {
        await labDown(log);
      }
    },
    yardstick: { name: `the goal of ${FIRST.goalS} s`, measure: () => FIRST.goalS },
  });
}

async function measure(lab: LabHandle, program: string, signal: AbortSignal): Promise<Figure[]> {
  const archive = await pack();
  return installed({ ssh: lab.ssh, log, signal }, archive, async (ssh, { home, node }) => {
    const there = quotePosix(`${home}/bench`);
    const stdin = createReadStream(program);
    const put = await ssh.exec(`cat > ${there} && chmod 700 ${there}`, { deadlineMs: BENCH_MS, stdin });
    if (put.code !== 0) throw new LabError(`dom0 takes no program: ${put.stderr.trim()}`);
    const command = `cd ${home}/${archive.key} && exec ${node} dist/bundle/harness/bench/on-xen.js ${there}`;
    const onStderr = (chunk: Buffer): void => log(chunk.toString('utf8').trimEnd());
    const started = performance.now();
    const { code, stdout } = await ssh.exec(command, { deadlineMs: BENCH_MS, signal, onStderr });
    if (code !== 0) throw new LabError(`The bench failed in dom0 (status ${code}).`);
    log(`measured in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    return JSON.parse(stdout) as Figure[];
  });
}
