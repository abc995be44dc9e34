import { existsSync } from 'node:fs';
import { parse, resolve } from 'node:path';
import { SUITES } from '../../suites/index.js';
import { Expectations, loadExpectations } from '../run/expectations.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { isSimulated, loadTarget, referenceTarget, type Target } from '../run/target.js';
import { UsageError } from './exit.js';
import { type Interrupt, onInterrupt } from './interrupt.js';
import { Results, type ResultsOptions } from './results.js';
import { selectTests, type Selection, specOf } from './select.js';

export interface RunOptions extends Selection, ResultsOptions {
  readonly target?: readonly string[];
  readonly on?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly node?: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly iut?: string;
  readonly slow?: boolean;
  readonly keep?: boolean;
  readonly trace?: 'failed' | 'all';
}

/** `netifspec run`: answers the exit code. */
export async function runCommand(options: RunOptions): Promise<number> {
  const interrupt = onInterrupt();
  try {
    if (options.seeds !== undefined) {
      if (options.target || options.on || options.iut) {
        throw new UsageError('--seeds is for the embedded reference drivers alone');
      }
      if (options.keep || options.trace === 'all' || options.updateExpectations) {
        throw new UsageError('--seeds prints a table and writes no results: leave out --keep, --trace and the like');
      }
      const { runSeeds } = await import('./seeds.js');
      const how = { slow: options.slow ?? false, strict: options.strict ?? false, signal: interrupt.signal };
      return await runSeeds(options.seeds, options, how);
    }
    if (options.iut !== undefined) return await runModule(options.iut, options, interrupt);
    return await (options.on === undefined ? runHere(options, interrupt) : runOn(options.on, options, interrupt));
  } finally {
    interrupt.release();
  }
}

async function runHere(options: RunOptions, interrupt: Interrupt): Promise<number> {
  const embedded = (['frontend', 'backend'] as const).map((role) => ({ target: referenceTarget(role), words: [] }));
  const targets = options.target?.map((file) => ({ target: loadTarget(file), words: ['--target', file] })) ?? embedded;
  if (options.target) refuseSameNames(targets.map(({ target }) => target));
  const tests = selectTests(options);
  const plans = targets
    .map((each) => ({
      ...each,
      tests: tests.filter((test) => test.role === each.target.role),
      expectations: expectationsOf(each.target),
    }))
    .filter((plan) => plan.tests.length > 0);
  if (plans.length === 0) throw new UsageError('none of the selected tests is for the role of a selected target');
  if (options.keep && targets.some(({ target }) => isSimulated(target))) {
    throw new UsageError('--keep is for a target on a Xen host: a simulated one is gone with the run');
  }
  const results = new Results(options);
  const log = (line: string): void => void process.stderr.write(`netifspec: ${line}\n`);
  return results.of(async () => {
    for (const { target, words, tests: planned, expectations } of plans) {
      await runSession({
        target,
        command: ['netifspec', 'run', ...words, ...claims(options)],
        open: () => openIut(target, options.seed, log),
        tests: planned,
        expectations,
        seed: options.seed,
        slow: options.slow ?? false,
        spec: specOf(options),
        ...(options.shard === undefined ? {} : { shard: options.shard }),
        keep: options.keep ?? false,
        traceAll: options.trace === 'all',
        onRecord: (record) => results.add(record),
        log,
        signal: interrupt.signal,
      });
      if (interrupt.signal.aborted) break;
    }
  });
}

/** Throws a UsageError if two targets would write the same files. */
export function refuseSameNames(targets: readonly Target[]): void {
  const names = targets.map(({ name }) => name);
  const twice = names.find((name, n) => names.indexOf(name) < n);
  if (twice !== undefined) throw new UsageError(`--target: two are named ${twice}; give each a name of its own`);
}

/** The options that change what a test does or comes to, for the command that runs it again. */
export function claims({ spec, slow, strict }: Pick<RunOptions, 'spec' | 'slow' | 'strict'>): string[] {
  return [
    ...(spec === undefined ? [] : ['--spec', spec]),
    ...(slow ? ['--slow'] : []),
    ...(strict ? ['--strict'] : []),
  ];
}

/** Throws a UsageError if an entry is of no test: what it once excused may have another name now. */
function expectationsOf(target: Target): Expectations {
  const expectations = new Expectations(target.expectations ? loadExpectations(target.expectations) : []);
  const ids = SUITES.filter(({ role }) => role === target.role).map(({ id }) => id);
  const stale = expectations.stale([...ids, `${target.role}.session.features`]);
  if (stale.length > 0) throw new UsageError(stale.join('\n'));
  return expectations;
}

/** Somebody else's driver on the simulated Xen. */
async function runModule(file: string, options: RunOptions, interrupt: Interrupt): Promise<number> {
  const { role } = options;
  if (options.target || options.on) throw new UsageError('--iut is a target of its own: leave out --target and --on');
  if (options.keep || options.updateExpectations) {
    throw new UsageError('--iut goes with neither --keep nor --update-expectations');
  }
  const tests = selectTests(options);
  if (role !== 'frontend' && role !== 'backend') throw new UsageError('--iut needs --role: frontend or backend');
  const module = resolve(file);
  if (!existsSync(module)) throw new UsageError(`--iut ${file}: no such file`);
  const { runWatched } = await import('../foreign/watched.js');
  const results = new Results(options);
  return results.of(() =>
    runWatched({
      module,
      name: parse(file).name.replace(/\W+/g, '-'),
      command: ['netifspec', 'run', '--iut', file, '--role', role, ...claims(options)],
      role,
      tests,
      seed: options.seed,
      slow: options.slow ?? false,
      spec: specOf(options),
      traceAll: options.trace === 'all',
      onRecord: (record) => results.add(record),
      signal: interrupt.signal,
    }),
  );
}

/** The native adapter is loaded only for a target that needs it. */
async function openIut(target: Target, seed: number, log: (line: string) => void) {
  if (isSimulated(target)) return openSimulatedIut(target.role, seed);
  const { hindrances } = await import('../xen/native/hindrances.js');
  for (const hindrance of hindrances()) log(hindrance);
  if (target.reference) {
    const { openReferenceIut } = await import('../run/reference-iut.js');
    return openReferenceIut(target, log);
  }
  const { openNativeIut } = await import('../run/native-iut.js');
  return openNativeIut(target);
}

async function runOn(host: string, options: RunOptions, interrupt: Interrupt): Promise<number> {
  const [target, ...others] = options.target ?? [];
  if (target === undefined || others.length > 0) throw new UsageError('--on goes with exactly one --target');
  loadTarget(target);
  const { runThere, sshOptions } = await import('./run-there.js');
  const way = [
    ...(options.identity === undefined ? [] : ['--identity', options.identity]),
    ...(options.knownHosts === undefined ? [] : ['--known-hosts', options.knownHosts]),
    ...(options.node === undefined ? [] : ['--node', options.node]),
  ];
  const command = ['netifspec', 'run', '--on', host, ...way, '--target', target, ...claims(options)];
  return runThere({ ...options, target, command, ssh: sshOptions(host, options) }, interrupt.signal);
}
