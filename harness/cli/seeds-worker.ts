/** One of the processes of `netifspec run --seeds N`. */
import type { Result } from '../../reports/repeat.js';
import { Expectations } from '../run/expectations.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { referenceTarget } from '../run/target.js';
import type { SeedResult, SeedWork } from './seeds.js';
import { selectTests, specOf } from './select.js';

async function run({ first, last, step, selection, slow }: SeedWork): Promise<void> {
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
    process.send?.({ seed, results, order: orders.join(' ') } satisfies SeedResult);
  }
}

process.once('message', (work: SeedWork) => {
  void run(work).then(() => process.disconnect());
});
