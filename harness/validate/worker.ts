/** A worker process of the proof: runs one job after the other on simulated Xens, until it is disconnected. */
import { CATALOGUE } from '../../suites/catalogue.js';
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import { VARIANTS } from '../reference/variants.js';
import type { Iut } from '../run/iut.js';
import { testMessage } from '../run/record.js';
import { exploreSession } from '../explore/session.js';
import { runSession, type SessionOptions } from '../run/session.js';
import { referenceDriver } from '../run/reference-driver.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import { type Outcome, Seen } from './evidence.js';
import type { Answer, Job } from './job.js';
import { noteBegin } from './where.js';

const SEED = 1;

async function run(job: Job): Promise<Outcome[]> {
  const { role, driver, tests, until } = job;
  const planted = driver === undefined ? {} : [...DEFECTS, ...LEGAL, ...VARIANTS].find(({ id }) => id === driver);
  if (!planted) throw new Error(`no defect, legal driver or variant is called ${driver}`);
  const byId = new Map(CATALOGUE.tests.map((test) => [test.id, test]));
  const seen = new Seen();
  const outcomes: Outcome[] = [];
  const optionsOf = (ids: readonly string[], enough: () => boolean): SessionOptions => {
    const controller = new AbortController();
    let iut: Iut | undefined;
    let last = 0;
    return simulatedSession(role, CATALOGUE, {
      open: async () => {
        const opened = await openSimulatedIut(role, SEED, referenceDriver(planted));
        // For a driver with its own stack, replies are asked for and not assumed.
        return (iut = 'stack' in planted ? { ...opened, promised: new Set() } : opened);
      },
      tests: ids.flatMap((id) => byId.get(id) ?? []),
      seed: SEED,
      onBegin: noteBegin,
      onRecord(record) {
        if (record.type !== 'test') return;
        const { id, verdict, skip, checks } = record;
        const message = testMessage(record);
        const cost = (iut?.turns?.() ?? 0) - last;
        last += cost;
        // Only the fields that are used, since sending is expensive.
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
      signal: controller.signal,
    });
  };
  if (job.sequences === undefined) {
    await runSession(optionsOf(tests, () => false));
    if (until) await runSession(optionsOf(until.tests, () => seen.kept(until.of) >= until.kept));
  } else {
    const options = optionsOf([], () => false);
    const limits = { sequences: job.sequences, shorter: 0, seed: SEED };
    await exploreSession(options, { limits, signal: options.signal });
  }
  return outcomes;
}

// An exception in a driver's event handler is not caught anywhere; the run is worthless afterwards.
process.on('uncaughtExceptionMonitor', (error) => process.send?.({ thrown: error.message } satisfies Answer));
process.on('message', (job: Job) => {
  void run(job).then((outcomes) => process.send?.({ outcomes } satisfies Answer));
});
// The process that gives the jobs is gone.
process.on('disconnect', () => process.exit());
