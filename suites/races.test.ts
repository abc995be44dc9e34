import { expect } from 'chai';
import { RACES } from '../harness/reference/defects/races.js';
import type { TestRecord } from '../harness/run/record.js';
import { openSimulatedIut, referenceDriver } from '../harness/run/simulated-iut.js';
import { recordsOfSession } from '../harness/run/simulated-session.js';
import { SUITES } from './index.js';

/** Enough for each race to be lost by one at least, and to be won by one. */
const SEEDS = 24;

/** The verdict of a race's test by each of the first seeds. */
async function verdicts(race: (typeof RACES)[number]): Promise<TestRecord[]> {
  const role = race.frontend ? 'frontend' : 'backend';
  const records: TestRecord[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const seen = await recordsOfSession(
      role,
      SUITES.filter((test) => test.id === race.test),
      { open: () => openSimulatedIut(role, seed, referenceDriver(race)), seed },
    );
    records.push(...seen.filter((record): record is TestRecord => record.type === 'test'));
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
