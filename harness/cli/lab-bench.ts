/** `netifspec lab bench` */
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRecord } from '../../reports/records.js';
import { compare, type Figure } from '../bench/figure.js';
import { quotePosix } from '../ssh/posix.js';
import { type Architecture, ARCHITECTURES } from '../lab/architecture.js';
import { LabError } from '../lab/error.js';
import { type Lab, labDown } from '../lab/index.js';
import { installed } from '../remote/installed.js';
import { runRemote } from '../remote/remote.js';
import { messageOf, UsageError } from '../base/errors.js';
import { run } from '../base/process.js';
import { packageRoot } from '../base/root.js';
import { writeBench } from './bench.js';
import { onInterrupt } from './interrupt.js';
import { type LabUpOptions, log, up } from './lab.js';
import { makeFolder } from './paths.js';

export interface LabBenchOptions extends LabUpOptions {
  readonly out: string;
}

/** Time limit of all measurements together, under emulation. */
const BENCH_MS = 30 * 60_000;
/** A small test, and the time in seconds in which it should have its verdict. */
const FIRST = { target: 'linux-netfront', test: 'frontend.xenbus.connect', goalS: 10 } as const;

/** The reference program in C, which only a clone has. */
const SOURCE = join(packageRoot, 'native/bench/bench.c');

/** Measures on the lab's Xen. */
export async function labBenchCommand(options: LabBenchOptions): Promise<number> {
  if (!existsSync(SOURCE))
    throw new UsageError('lab bench: the package has no benchmarks; run it in a clone of netifspec');
  makeFolder(options.out);
  const folder = await mkdtemp(join(tmpdir(), 'netifspec-bench-'));
  const interrupt = onInterrupt();
  try {
    const program = join(folder, 'bench');
    await compile(ARCHITECTURES[options.arch], program);
    const lab = await up(options);
    let figures: Figure[];
    try {
      figures = await measure(lab, program, interrupt.signal);
    } finally {
      await labDown(log);
    }
    // With --fresh, the lab was already rebuilt above.
    const first = await timeToFirstTest({ ...options, fresh: false }, interrupt.signal);
    writeBench(options.out, [...figures, first], []);
    return interrupt.signal.aborted ? 3 : 0;
  } finally {
    interrupt.release();
    await rm(folder, { recursive: true });
  }
}

/** Builds the reference program in C. It runs in the lab's dom0, like the addon that was built here. */
async function compile({ cc }: Architecture, program: string): Promise<void> {
  try {
    await run(cc, ['-O2', '-std=gnu11', '-o', program, SOURCE, '-ldl', '-lpthread']);
  } catch (cause) {
    const message = `cannot build the reference program in C (${messageOf(cause)}); install a C compiler as ${cc}`;
    throw new LabError(message, { cause });
  }
}

/** Seconds from a lab that is down, with a snapshot, to the first verdict of a run. */
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
          verb: 'run',
          ssh: lab.ssh,
          pack: lab.pack,
          target: join(packageRoot, `harness/lab/targets/${FIRST.target}.yaml`),
          args: ['--test', FIRST.test],
          onRecord: (line) => {
            const record = parseRecord(line);
            if ('type' in record && record.type === 'test') verdict = performance.now();
          },
          log,
          signal,
        });
        if (Number.isNaN(verdict)) throw new LabError('the first test has no verdict; see the output of its run above');
        return (verdict - started) / 1000;
      } finally {
        await labDown(log);
      }
    },
    yardstick: { name: `the goal of ${FIRST.goalS} s`, measure: () => FIRST.goalS },
  });
}

async function measure(lab: Lab, program: string, signal: AbortSignal): Promise<Figure[]> {
  const { pack: archive } = lab;
  return installed({ ssh: lab.ssh, log, signal }, archive, async (ssh, { home, node }) => {
    const there = quotePosix(`${home}/bench`);
    const stdin = createReadStream(program);
    const put = await ssh.exec(`cat > ${there} && chmod 700 ${there}`, { deadlineMs: BENCH_MS, stdin });
    if (put.code !== 0)
      throw new LabError(
        `dom0 cannot store the bench program (status ${put.code}): ${put.stderr.trim()}; check the space in dom0`,
      );
    const command = `cd ${quotePosix(`${home}/${archive.key}`)} && exec ${node} dist/bundle/harness/bench/on-xen.js ${there}`;
    const onStderr = (chunk: Buffer): void => log(chunk.toString('utf8').trimEnd());
    const started = performance.now();
    const { code, stdout } = await ssh.exec(command, { deadlineMs: BENCH_MS, signal, onStderr });
    if (code !== 0) throw new LabError(`the bench failed in dom0 (status ${code}); see its output above`);
    log(`measured in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    return JSON.parse(stdout) as Figure[];
  });
}
