/** The process in which a driver of somebody else's runs, with the suites and the simulated Xen. */
import { pathToFileURL } from 'node:url';
import { SUITES } from '../../suites/index.js';
import { Expectations } from '../run/expectations.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { referenceTarget } from '../run/target.js';
import type { Driver, DriverSetting, MakeDriver } from './driver.js';
import { ALIVE_MS, type Order, type Word } from './protocol.js';

const say = (word: Word): void => void process.send?.(word);

const crash = (error: unknown): void => {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.send?.({ type: 'crash', message } satisfies Word, undefined, {}, () => process.exit(1));
};
process.on('uncaughtException', crash).on('unhandledRejection', crash);

process.once('message', (order: Order) => {
  const alive = setInterval(() => say({ type: 'alive' }), ALIVE_MS);
  void run(order)
    .catch((error: unknown) =>
      say({ type: 'broken', message: error instanceof Error ? (error.stack ?? '') : String(error) }),
    )
    .finally(() => {
      clearInterval(alive);
      process.disconnect();
    });
});

/** Calls a method of the driver's; what it throws is its crash, whoever called it. */
async function own<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    crash(error);
    throw error;
  }
}

/** The driver with every way into it guarded. */
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
  };
}

async function run({ module, name, command, role, tests, seed, slow, spec, traceAll }: Order): Promise<void> {
  let exported: { default?: unknown };
  try {
    exported = (await import(pathToFileURL(module).href)) as { default?: unknown };
  } catch (error) {
    return say({ type: 'refused', reason: `it can't be loaded: ${String(error)}` });
  }
  const { default: make } = exported;
  if (typeof make !== 'function') return say({ type: 'refused', reason: 'its default export is no function' });
  await runSession({
    target: { ...referenceTarget(role), name },
    command,
    open: () => openSimulatedIut(role, seed, (setting) => guarded(make as MakeDriver, setting), name),
    tests: SUITES.filter((test) => tests.includes(test.id)).sort((a, b) => tests.indexOf(a.id) - tests.indexOf(b.id)),
    expectations: new Expectations([]),
    seed,
    slow,
    spec,
    traceAll,
    onBegin: (id) => say({ type: 'begin', id }),
    onRecord: (record) => say({ type: 'record', record }),
    log: () => undefined,
    signal: new AbortController().signal,
  });
}
