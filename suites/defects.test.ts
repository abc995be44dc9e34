import { expect } from 'chai';
import { DEFECTS } from '../harness/reference/defects/index.js';
import { Expectations } from '../harness/run/expectations.js';
import type { ResultRecord, TestRecord } from '../harness/run/record.js';
import { isAnchor, runSession } from '../harness/run/session.js';
import { openSimulatedIut, referenceDriver, type PlantedSteps } from '../harness/run/simulated-iut.js';
import { referenceTarget } from '../harness/run/target.js';
import { checkedIds } from './checked.js';
import { SUITES } from './index.js';
import { NEWEST_TEXT } from './requirements/index.js';

/** Runs the tests that could see the fault. */
async function run(role: 'frontend' | 'backend', requirement: string, steps: PlantedSteps): Promise<TestRecord[]> {
  const records: ResultRecord[] = [];
  await runSession({
    target: referenceTarget(role),
    command: [],
    open: () => openSimulatedIut(role, 1, referenceDriver(steps)),
    tests: SUITES.filter((test) => test.role === role && (isAnchor(test) || checkedIds(test).includes(requirement))),
    expectations: new Expectations([]),
    seed: 1,
    slow: false,
    spec: NEWEST_TEXT,
    onRecord: (record) => records.push(record),
    log: () => {},
    signal: new AbortController().signal,
  });
  return records.filter((record) => record.type === 'test');
}

describe('defects', function () {
  this.timeout(20_000);
  for (const defect of DEFECTS) {
    const role = defect.frontend ? 'frontend' : 'backend';
    it(`${defect.id} (${defect.fault}) fails a check of ${defect.breaks}`, async () => {
      const tests = await run(role, defect.breaks, defect);
      const verdicts = tests.map((test) => `${test.id}: ${test.verdict} ${test.message ?? ''}`).join('\n');
      const broken = tests.flatMap((test) => test.checks).filter((check) => check.verdict !== 'pass');
      expect(
        broken.flatMap((check) => check.requirements),
        verdicts,
      ).to.include(defect.breaks);
      expect(tests.filter((test) => test.verdict === 'error').map((test) => test.message)).to.deep.equal([]);
    });
  }
});
