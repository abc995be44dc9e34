/** The process that runs a third-party driver with the suites and the simulated Xen. */
import { accessSync, constants } from 'node:fs';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CATALOGUE } from '../../suites/catalogue.js';
import { exploreSession } from '../explore/session.js';
import type { Reflector } from '../peer/context.js';
import { ProgramDriver } from '../program-driver/driver.js';
import { ProgramError } from '../program-driver/program-error.js';
import { SharedMemory } from '../program-driver/shared-memory.js';
import type { Iut } from '../run/iut.js';
import type { Role } from '../run/record.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut, type SimulatedSetting } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import { referenceTarget } from '../run/target.js';
import type { Driver, DriverSetting, MakeDriver } from '../run/driver.js';
import { ALIVE_MS, type ChildJob, type ChildMessage } from './protocol.js';

const sendMessage = (message: ChildMessage): void => void process.send?.(message);

const crash = (error: unknown): void => {
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const message = error instanceof ProgramError ? error.message : `the driver threw: ${thrown}`;
  process.send?.({ type: 'crash', message } satisfies ChildMessage, undefined, {}, () => process.exit(1));
};
process.on('uncaughtException', crash).on('unhandledRejection', crash);

process.once('message', (job: ChildJob) => {
  // The first message: from here on, the watchdog counts the driver's time.
  sendMessage({ type: 'alive' });
  const alive = setInterval(() => sendMessage({ type: 'alive' }), ALIVE_MS);
  void run(job)
    .catch((error: unknown) =>
      sendMessage({ type: 'broken', message: error instanceof Error ? (error.stack ?? '') : String(error) }),
    )
    .finally(() => {
      clearInterval(alive);
      // Messages that still wait for a busy receiver would be lost with the connection; they go in order.
      process.send?.({ type: 'alive' } satisfies ChildMessage, undefined, {}, () => process.disconnect());
    });
});

/** Calls a method of the driver. An error that it throws counts as a crash of the driver, whatever called it. */
async function own<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    crash(error);
    throw error;
  }
}

/** The driver with a guard around every entry point. */
async function guarded(make: MakeDriver, setting: DriverSetting): Promise<Driver> {
  const driver = await own(() => make({ ...setting, onError: crash }));
  const now = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      crash(error);
      throw error;
    }
  };
  return {
    start: () => own(() => driver.start()),
    close: () => own(() => driver.close()),
    ...(driver.bridge && { bridge: (handles) => now(() => driver.bridge?.(handles)) }),
    ...(driver.unbind && { unbind: (handle) => own(() => driver.unbind?.(handle)) }),
    ...(driver.bind && { bind: (handle) => own(() => driver.bind?.(handle)) }),
    ...(driver.hasCarrier && { hasCarrier: (handle) => now(() => driver.hasCarrier?.(handle) ?? false) }),
    ...(driver.suspend && { suspend: () => own(() => driver.suspend?.()) }),
    ...(driver.resume && { resume: () => own(() => driver.resume?.()) }),
    ...(driver.wake && { wake: () => own(() => driver.wake?.()) }),
  };
}

type Opener = (role: Role, seed: number, name: string) => Promise<Iut>;

/** Opens the driver of a Node module; returns the reason if it is not a driver. */
async function openerOfModule(module: string): Promise<Opener | string> {
  let exported: { default?: unknown };
  try {
    exported = (await import(pathToFileURL(module).href)) as { default?: unknown };
  } catch (error) {
    const where = error instanceof SyntaxError ? `; "node --check ${module}" shows where` : '';
    return `it can't be loaded: ${String(error)}${where}`;
  }
  const { default: make } = exported;
  if (typeof make !== 'function') return 'its default export is not a function';
  return (role, seed, name) => openSimulatedIut(role, seed, (setting) => guarded(make as MakeDriver, setting), name);
}

/** Opens the driver that is a program; returns the reason if it is not a program. */
function openerOfProgram(file: string): Opener | string {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return "it's neither a Node module (.js, .mjs, .cjs) nor an executable program";
  }
  return async (role, seed, name) => {
    const memory = new SharedMemory();
    const onProcess = (pid: number): void => sendMessage({ type: 'program', pid });
    const onFirstCall = (): void => sendMessage({ type: 'loaded' });
    let driver: ProgramDriver | undefined;
    const make = (setting: SimulatedSetting): Driver =>
      (driver = new ProgramDriver({ ...setting, onError: crash }, { file, memory, onProcess, onFirstCall }));
    const iut = await openSimulatedIut(role, seed, make, name, () => memory.allocate());
    return {
      ...iut,
      // A stack of its own may reply to less than ours.
      ...(driver?.ownStack ? { promised: new Set<Reflector>() } : {}),
      async close() {
        await iut.close();
        memory.close();
      },
    };
  };
}

/** The extensions of Node modules; a file with any other name is a program. */
const MODULE_EXTENSIONS = ['.js', '.mjs', '.cjs'];

async function run(job: ChildJob): Promise<void> {
  const { module, name, command, role, tests, seed, slow, spec, traceAll, tallies, explore } = job;
  const isModule = MODULE_EXTENSIONS.includes(extname(module));
  const open = isModule ? await openerOfModule(module) : openerOfProgram(module);
  if (typeof open === 'string') return sendMessage({ type: 'refused', reason: open });
  if (isModule) sendMessage({ type: 'loaded' });
  const options = simulatedSession(role, CATALOGUE, {
    target: { ...referenceTarget(role), name },
    command,
    open: () => open(role, seed, name),
    tests: CATALOGUE.tests
      .filter((test) => tests.includes(test.id))
      .sort((a, b) => tests.indexOf(a.id) - tests.indexOf(b.id)),
    seed,
    slow,
    spec,
    traceAll,
    tallies,
    onTallies: (found) => sendMessage({ type: 'tallies', tallies: found }),
    onBegin: (id) => sendMessage({ type: 'begin', id }),
    onCheck: (requirements) => sendMessage({ type: 'check', requirements }),
    onRecord: (record) => sendMessage({ type: 'record', record }),
  });
  if (!explore) return runSession(options);
  await exploreSession(options, {
    ...explore,
    signal: options.signal,
    onStep: (script) => sendMessage({ type: 'sequence', script }),
  });
}
