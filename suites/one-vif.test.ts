import { expect } from 'chai';
import { Expectations } from '../harness/run/expectations.js';
import type { ResultRecord, TestRecord } from '../harness/run/record.js';
import { runSession } from '../harness/run/session.js';
import { openSimulatedIut } from '../harness/run/simulated-iut.js';
import { referenceTarget } from '../harness/run/target.js';
import { SUITES } from './index.js';
import { NEWEST_TEXT } from './requirements/index.js';

describe('the suites, where there can be one vif at a time', function () {
  this.timeout(60_000);
  for (const role of ['frontend', 'backend'] as const) {
    it(`pass a correct ${role} or say what they lack`, async () => {
      const records: ResultRecord[] = [];
      await runSession({
        target: { ...referenceTarget(role), limits: { vifs: 1 } },
        command: [],
        open: () => openSimulatedIut(role, 1),
        tests: SUITES.filter((test) => test.role === role),
        expectations: new Expectations([]),
        seed: 1,
        slow: false,
        spec: NEWEST_TEXT,
        onRecord: (record) => records.push(record),
        log: () => undefined,
        signal: new AbortController().signal,
      });
      const tests = records.filter((record): record is TestRecord => record.type === 'test');
      const others = tests.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip');
      expect(others.map(({ id, verdict, message }) => `${id}: ${verdict}: ${message}`)).to.deep.equal([]);
      expect(tests.filter(({ skip }) => skip?.class === 'connection')).to.not.have.length(0);
      expect(tests.filter(({ verdict }) => verdict === 'pass')).to.have.length.above(tests.length / 2);
    });
  }
});
