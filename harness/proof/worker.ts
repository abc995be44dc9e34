/** A process of the proof: runs tests on simulated Xens, one job after the other, until it's disconnected. */
import { SUITES } from '../../suites/index.js';
import { NEWEST_TEXT } from '../../suites/requirements/index.js';
import { DEFECTS } from '../reference/defects/index.js';
import { VARIANTS } from '../reference/variants.js';
import { Expectations } from '../run/expectations.js';
import type { Iut } from '../run/iut.js';
import { runSession } from '../run/session.js';
import { openSimulatedIut, referenceDriver } from '../run/simulated-iut.js';
import { referenceTarget } from '../run/target.js';
import { type Outcome, Seen } from './evidence.js';
import type { Answer, Job } from './job.js';
import { noteBegin } from './where.js';

const SEED = 1;

async function run({ role, driver, tests, until }: Job): Promise<Outcome[]> {
  const planted = driver === undefined ? {} : [...DEFECTS, ...VARIANTS].find(({ id }) => id === driver);
  if (!planted) throw new Error(`no defect or variant is called ${driver}`);
  const byId = new Map(SUITES.map((test) => [test.id, test]));
  const seen = new Seen();
  const outcomes: Outcome[] = [];
  const session = async (ids: readonly string[], enough: () => boolean): Promise<void> => {
    const controller = new AbortController();
    let iut: Iut | undefined;
    let last = 0;
    await runSession({
      target: referenceTarget(role),
      command: [],
      open: async () => (iut = await openSimulatedIut(role, SEED, referenceDriver(planted))),
      tests: ids.flatMap((id) => byId.get(id) ?? []),
      expectations: new Expectations([]),
      seed: SEED,
      slow: false,
      spec: NEWEST_TEXT,
      onBegin: noteBegin,
      onRecord(record) {
        if (record.type !== 'test') return;
        const { id, verdict, message, skip, checks } = record;
        const cost = (iut?.turns?.() ?? 0) - last;
        last += cost;
        // No more than is looked at: what is sent costs.
        const named = checks.map(({ requirements, verdict }) => ({ requirements, verdict }));
        const outcome: Outcome = {
          id,
          verdict,
          ...(message && { message }),
          ...(skip && { skip }),
          checks: named,
          cost,
        };
        seen.add(outcome);
        outcomes.push(outcome);
        if (enough()) controller.abort();
      },
      log: () => undefined,
      signal: controller.signal,
    });
  };
  await session(tests, () => false);
  if (until) await session(until.tests, () => seen.kept(until.of) >= until.kept);
  return outcomes;
}

// What a driver throws in the handler of an event reaches nobody; the run isn't worth anything after that.
process.on('uncaughtExceptionMonitor', (error) => process.send?.({ thrown: error.message } satisfies Answer));
process.on('message', (job: Job) => {
  void run(job).then((outcomes) => process.send?.({ outcomes } satisfies Answer));
});
