/** The process in which a driver of somebody else's runs, with the suites and the simulated Xen. */
import { pathToFileURL } from 'node:url';
import { SUITES } from '../../suites/index.js';
import { Expectations } from '../run/expectations.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { referenceTarget } from '../run/target.js';
import type { MakeDriver } from './driver.js';
import { ALIVE_MS, type Order, type Word } from './protocol.js';

const say = (word: Word): void => void process.send?.(word);

const crash = (error: unknown): void => {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  process.send?.({ type: 'crash', message } satisfies Word, undefined, {}, () => process.exit(1));
};
process.on('uncaughtException', crash).on('unhandledRejection', crash);

process.once('message', (order: Order) => {
  setInterval(() => say({ type: 'alive' }), ALIVE_MS);
  void run(order).then(() => process.disconnect());
});

async function run({ module, name, command, role, tests, seed, slow, spec }: Order): Promise<void> {
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
    open: () => openSimulatedIut(role, seed, (setting) => (make as MakeDriver)({ ...setting, onError: crash }), name),
    tests: SUITES.filter((test) => tests.includes(test.id)).sort((a, b) => tests.indexOf(a.id) - tests.indexOf(b.id)),
    expectations: new Expectations([]),
    seed,
    slow,
    spec,
    onBegin: (id) => say({ type: 'begin', id }),
    onRecord: (record) => say({ type: 'record', record }),
    log: () => undefined,
    signal: new AbortController().signal,
  });
}
