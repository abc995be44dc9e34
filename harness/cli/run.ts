import { existsSync } from 'node:fs';
import { parse, resolve } from 'node:path';
import { stderr } from '../base/terminal.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { explorationIds } from '../explore/records.js';
import { Expectations, loadExpectations } from '../run/expectations.js';
import { monitorTests } from '../run/monitored.js';
import type { Role } from '../run/record.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { isSimulated, loadTarget, referenceTarget, type Target } from '../run/target.js';
import { UsageError } from '../base/errors.js';
import { type Interrupt, onInterrupt } from './interrupt.js';
import { LimitedRun } from './limit.js';
import { verdictArgs, type RunOptions } from './options.js';
import { Results } from './results.js';
import { roleOf, selectTests, specOf } from './select.js';

/** `netifspec run`. Returns the exit code. */
export async function runCommand(options: RunOptions): Promise<number> {
  const interrupt = onInterrupt({ output: options.stream ?? false });
  try {
    if (options.seeds !== undefined) {
      refuseWithSeeds(options);
      const { runSeeds } = await import('./seeds.js');
      const how = { slow: options.slow ?? false, strict: options.strict ?? false, signal: interrupt.signal };
      return await runSeeds(options.seeds, options, how);
    }
    if (options.iut !== undefined) return await runModule(options.iut, options, interrupt);
    return await (options.on === undefined
      ? runLocally(options, interrupt)
      : runTargetOnHost(options.on, options, interrupt));
  } finally {
    interrupt.release();
  }
}

function refuseWithSeeds(options: RunOptions): void {
  if (options.target || options.on !== undefined || options.iut !== undefined) {
    throw new UsageError('--seeds runs the reference drivers alone; omit --target, --on and --iut');
  }
  const results = options.keep ?? options.updateExpectations ?? options.lastFailed ?? options.maxFailures;
  if (results !== undefined || options.trace === 'all') {
    throw new UsageError(
      '--seeds prints a table and writes no results; omit --keep, --trace, --update-expectations, --last-failed and --max-failures',
    );
  }
}

async function runLocally(options: RunOptions, interrupt: Interrupt): Promise<number> {
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
  if (plans.length === 0)
    throw new UsageError('no selected test is for the role of a selected target; check --role, --test and --target');
  if (options.keep && targets.some(({ target }) => isSimulated(target))) {
    throw new UsageError('--keep has no effect on a simulated target, which ends with the run; omit it');
  }
  const results = new Results(options);
  const log = (line: string): void => stderr.line(`netifspec: ${line}`);
  const run = new LimitedRun(options, interrupt.signal, (record) => results.add(record));
  return results.runAndReport(async () => {
    for (const [n, { target, words, tests: planned, expectations }] of plans.entries()) {
      await runSession({
        target,
        catalogue: CATALOGUE,
        monitored: true,
        next: plans[n + 1]?.target.name,
        command: ['netifspec', 'run', ...words, ...verdictArgs(options)],
        open: () => openIut(target, options.seed, log),
        tests: planned,
        expectations,
        seed: options.seed,
        slow: options.slow ?? false,
        spec: specOf(options),
        ...(options.shard === undefined ? {} : { shard: options.shard }),
        keep: options.keep ?? false,
        traceAll: options.trace === 'all',
        onRecord: (record) => run.add(record),
        log,
        signal: run.signal,
      });
      if (run.signal.aborted) break;
    }
  });
}

/** Throws a UsageError if two targets have the same name, since they would write the same files. */
export function refuseSameNames(targets: readonly Target[]): void {
  const names = targets.map(({ name }) => name);
  const twice = names.find((name, n) => names.indexOf(name) < n);
  if (twice !== undefined) throw new UsageError(`--target: two targets are named ${twice}; give each its own name`);
}

/** The expectations of a target. Throws a UsageError if an entry matches no test: the test may have been renamed. */
export function expectationsOf(target: Target): Expectations {
  const expectations = new Expectations(target.expectations ? loadExpectations(target.expectations) : []);
  const { role } = target;
  const ids = [...CATALOGUE.testsOf(role), ...monitorTests(role)].map(({ id }) => id);
  const stale = expectations.stale([...ids, ...explorationIds(role, CATALOGUE), `${role}.session.features`]);
  if (stale.length > 0) throw new UsageError(stale.join('\n'));
  return expectations;
}

/** The driver of --iut: its path, the name of its target, and its role. Throws a UsageError. */
export function driverModule(
  file: string,
  { target, on, role }: { readonly target?: unknown; readonly on?: string; readonly role?: string | undefined },
): { module: string; name: string; role: Role } {
  if (target || on !== undefined) throw new UsageError('--iut is the driver under test; omit --target and --on');
  if (role === undefined) throw new UsageError('--iut needs --role frontend or --role backend');
  const module = resolve(file);
  if (!existsSync(module)) throw new UsageError(`--iut ${file}: no such file; give the path of a module or a program`);
  return { module, name: parse(file).name.replace(/\W+/g, '-'), role: roleOf(role) };
}

/** Runs a driver module on the simulated Xen. */
async function runModule(file: string, options: RunOptions, interrupt: Interrupt): Promise<number> {
  const unsupported = options.keep ? '--keep' : options.updateExpectations ? '--update-expectations' : undefined;
  if (unsupported) throw new UsageError(`--iut does not support ${unsupported}; omit it`);
  const { module, name, role } = driverModule(file, options);
  const tests = selectTests(options);
  const { runWatched } = await import('../module-driver/watched.js');
  const results = new Results(options);
  const run = new LimitedRun(options, interrupt.signal, (record) => results.add(record));
  return results.runAndReport(() =>
    runWatched({
      module,
      name,
      command: ['netifspec', 'run', '--iut', file, '--role', role, ...verdictArgs(options)],
      role,
      tests,
      catalogue: CATALOGUE,
      seed: options.seed,
      slow: options.slow ?? false,
      spec: specOf(options),
      traceAll: options.trace === 'all',
      onRecord: (record) => run.add(record),
      signal: run.signal,
    }),
  );
}

/** Opens a target. The native adapter is loaded only if a target needs it. */
export async function openIut(target: Target, seed: number, log: (line: string) => void) {
  if (isSimulated(target)) return openSimulatedIut(target.role, seed);
  const { disturbingSettings } = await import('../xen/native/disturbing-settings.js');
  for (const setting of disturbingSettings()) log(setting);
  if (target.reference) {
    const { openReferenceIut } = await import('../run/reference-iut.js');
    return openReferenceIut(target, log);
  }
  const { openNativeIut } = await import('../run/native-iut.js');
  return openNativeIut(target, log);
}

async function runTargetOnHost(host: string, options: RunOptions, interrupt: Interrupt): Promise<number> {
  const [target, ...others] = options.target ?? [];
  if (target === undefined || others.length > 0) throw new UsageError('--on needs exactly one --target');
  loadTarget(target);
  const { runOnHost, sshOptions } = await import('./run-on-host.js');
  const sshArgs = [
    ...(options.identity === undefined ? [] : ['--identity', options.identity]),
    ...(options.knownHosts === undefined ? [] : ['--known-hosts', options.knownHosts]),
    ...(options.node === undefined ? [] : ['--node', options.node]),
  ];
  const command = ['netifspec', 'run', '--on', host, ...sshArgs, '--target', target, ...verdictArgs(options)];
  return runOnHost({ ...options, target, command, ssh: sshOptions(host, options) }, interrupt.signal);
}
