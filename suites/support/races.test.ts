import { expect } from 'chai';
import { RACES } from '../../harness/reference/defects/index.js';
import { testMessage, type TestRecord } from '../../harness/run/record.js';
import { referenceDriver } from '../../harness/run/reference-driver.js';
import { openSimulatedIut } from '../../harness/run/simulated-iut.js';
import { recordsOfSession } from '../../harness/run/records-of-session.fixture.js';
import { SUITES } from '../index.js';

/** Enough for each race to be lost with at least one seed and won with at least one. */
const SEEDS = 24;

/** The records of a race's test, one per seed. */
async function verdicts(race: (typeof RACES)[number]): Promise<TestRecord[]> {
  const role = race.frontend ? 'frontend' : 'backend';
  const records: TestRecord[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const seen = await recordsOfSession(
      role,
      SUITES.filter((test) => test.id === race.raceIn),
      { open: () => openSimulatedIut(role, seed, referenceDriver(race)), seed },
    );
    records.push(...seen.filter((record): record is TestRecord => record.type === 'test'));
  }
  return records;
}

describe('lost wake-ups', function () {
  this.timeout(20_000);
  for (const race of RACES) {
    it(`${race.id} (${race.fault}) is caught with some orders of delivery and not with others`, async () => {
      const records = await verdicts(race);
      const caught = records.filter(({ checks }) =>
        checks.some(({ verdict, requirements }) => verdict !== 'pass' && requirements.includes(race.breaks)),
      );
      const passed = records.filter(({ verdict }) => verdict === 'pass');
      const seen = records.map((record) => `${record.verdict} ${testMessage(record) ?? ''}`).join('\n');
      expect(caught.length, seen).to.be.above(0);
      expect(passed.length, seen).to.be.above(0);
    });
  }
});
