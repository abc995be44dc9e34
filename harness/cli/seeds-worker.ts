/** A worker process of `netifspec run --seeds N`. */
import { CATALOGUE } from '../../suites/catalogue.js';
import type { Result } from '../../reports/repeat.js';
import { runSession } from '../run/session.js';
import { simulatedSession } from '../run/simulated-session.js';
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
      await runSession(
        simulatedSession(role, CATALOGUE, {
          tests: planned,
          seed,
          slow,
          spec: specOf(selection),
          onRecord: (record) => {
            if (record.type === 'test') results.push({ target: record.target, id: record.id, verdict: record.verdict });
            if (record.type === 'end') orders.push(record.order ?? '');
          },
        }),
      );
    }
    process.send?.({ seed, results, order: orders.join(' ') } satisfies SeedResult);
  }
}

process.once('message', (work: SeedWork) => {
  void run(work).then(() => process.disconnect());
});
