import { expect } from 'chai';
import { testMessage, type TestRecord } from '../harness/run/record.js';
import { recordsOfSession } from '../harness/run/records-of-session.fixture.js';
import { referenceTarget } from '../harness/run/target.js';
import { SUITES } from './index.js';

describe('the suites, if there can be only one vif at a time', function () {
  this.timeout(60_000);
  for (const role of ['frontend', 'backend'] as const) {
    it(`pass a correct ${role} or skip with a reason`, async () => {
      const own = SUITES.filter((test) => test.role === role);
      const records = await recordsOfSession(role, own, { target: { ...referenceTarget(role), limits: { vifs: 1 } } });
      const tests = records.filter((record): record is TestRecord => record.type === 'test');
      const others = tests.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip');
      expect(others.map((test) => `${test.id}: ${test.verdict}: ${testMessage(test)}`)).to.deep.equal([]);
      expect(tests.filter(({ skip }) => skip?.class === 'connection')).to.not.have.length(0);
      expect(tests.filter(({ verdict }) => verdict === 'pass')).to.have.length.above(tests.length / 3);
    });
  }
});
