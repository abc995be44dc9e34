import { expect } from 'chai';
import { RACES } from '../harness/reference/defects/races.js';
import { Expectations } from '../harness/run/expectations.js';
import type { TestRecord } from '../harness/run/record.js';
import { runSession } from '../harness/run/session.js';
import { openSimulatedIut, referenceDriver } from '../harness/run/simulated-iut.js';
import { referenceTarget } from '../harness/run/target.js';
import { SUITES } from './index.js';
import { NEWEST_TEXT } from './requirements/index.js';

/** Enough for each race to be lost by one at least, and to be won by one. */
const SEEDS = 24;

/** The verdict of a race's test by each of the first seeds. */
async function verdicts(race: (typeof RACES)[number]): Promise<TestRecord[]> {
  const role = race.frontend ? 'frontend' : 'backend';
  const records: TestRecord[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    await runSession({
      target: referenceTarget(role),
      command: [],
      open: () => openSimulatedIut(role, seed, referenceDriver(race)),
      tests: SUITES.filter((test) => test.id === race.test),
      expectations: new Expectations([]),
      seed,
      slow: false,
      spec: NEWEST_TEXT,
      onRecord: (record) => {
        if (record.type === 'test') records.push(record);
      },
      log: () => {},
      signal: new AbortController().signal,
    });
  }
  return records;
}

describe('lost wake-ups', function () {
  this.timeout(20_000);
  for (const race of RACES) {
    it(`${race.id} (${race.fault}) is seen by some orders of delivery and not by others`, async () => {
      const records = await verdicts(race);
      const caught = records.filter(({ checks }) =>
        checks.some(({ verdict, requirements }) => verdict !== 'pass' && requirements.includes(race.breaks)),
      );
      const passed = records.filter(({ verdict }) => verdict === 'pass');
      const seen = records.map(({ verdict, message }) => `${verdict} ${message ?? ''}`).join('\n');
      expect(caught.length, seen).to.be.above(0);
      expect(passed.length, seen).to.be.above(0);
    });
  }
});
