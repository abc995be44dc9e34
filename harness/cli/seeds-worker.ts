/** One of the threads of `netifspec run --seeds N`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Result } from '../../reports/repeat.js';
import { Expectations } from '../run/expectations.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { referenceTarget } from '../run/target.js';
import type { SeedResult, SeedWork } from './seeds.js';
import { selectTests, specOf } from './select.js';

const { first, last, step, selection, slow } = workerData as SeedWork;
const tests = selectTests(selection);
for (let seed = first; seed <= last; seed += step) {
  const results: Result[] = [];
  const orders: string[] = [];
  for (const role of ['frontend', 'backend'] as const) {
    const planned = tests.filter((test) => test.role === role);
    if (planned.length === 0) continue;
    await runSession({
      target: referenceTarget(role),
      command: [],
      open: () => openSimulatedIut(role, seed),
      tests: planned,
      expectations: new Expectations([]),
      seed,
      slow,
      spec: specOf(selection),
      onRecord: (record) => {
        if (record.type === 'test') results.push({ target: record.target, id: record.id, verdict: record.verdict });
        if (record.type === 'end') orders.push(record.order ?? '');
      },
      log: () => undefined,
      signal: new AbortController().signal,
    });
  }
  parentPort?.postMessage({ seed, results, order: orders.join(' ') } satisfies SeedResult);
}
