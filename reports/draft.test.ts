import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Expectations, loadExpectations } from '../harness/run/expectations.js';
import { expectationsDraft } from './draft.js';
import { groupSessions } from './records.js';
import { end, failure, saying, session, skipped, test } from './records.fixture.js';

const draftOf = (...tests: ReturnType<typeof test>[]): string | undefined => {
  const [group] = groupSessions([session(), ...tests, end()]);
  return group && expectationsDraft(group, false);
};

describe('draft of expectations', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-draft-')), 'draft.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  it('is empty for a run with expected results, and for errors', () => {
    expect(draftOf(test(), skipped('no feature-sg'), test({ ...saying('error', 'x') }))).to.equal(undefined);
  });

  it('has no reasons, and is rejected by a run until they are filled in', () => {
    writeFileSync(file, draftOf(failure()) ?? '');
    expect(() => loadExpectations(file)).to.throw(/reason: must not be empty/);
  });

  it('is met by the run that it was made from, once it is filled in', () => {
    const twice = failure({
      id: 'frontend.rings.two',
      checks: ['one (of a kind)', 'another/kind'].flatMap((text) => saying('fail', text).checks),
    });
    const found = [failure(), twice];
    writeFileSync(file, (draftOf(test(), ...found) ?? '').replace(/: ""/g, ': because'));
    const expectations = new Expectations(loadExpectations(file));
    const judged = found.map((record) => expectations.judge(record, '2026-01-01').expectation?.met);
    expect(judged).to.deep.equal([true, true]);
  });

  /** Whether an entry for one message is met by a test with another message. */
  const met = (drafted: string, said: string): boolean | undefined => {
    writeFileSync(file, (draftOf(failure(saying('fail', drafted))) ?? '').replace(/: ""/g, ': because'));
    const expectations = new Expectations(loadExpectations(file));
    return expectations.judge(failure(saying('fail', said)), '2026-01-01').expectation?.met;
  };

  for (const [drafted, later, other] of [
    ['no ARP reply from 198.18.20.2 within 2000 ms', 'no ARP reply from 198.18.107.2 within 600 ms', '198.18.20.1'],
    ["tx fragment 0: grant 45 can't be copied", "tx fragment 0: grant 3012 can't be copied", 'tx fragment 1: grant 45'],
    ['a frame to 00:16:3e:6e:94:01', 'a frame to 00:16:3e:6e:eb:01', 'a frame to 00:16:3e:6e:94:02'],
    ['no fe80::216:3eff:fe6e:9402', 'no fe80::216:3eff:fe6e:eb02', 'no fe80::216:3eff:fe6e:9401'],
    ['/local/domain/0/backend/vif/5/20/state', '/local/domain/0/backend/vif/7/99/state', '/vif/5/20/mac'],
    ['no vif3.20 in the guest', 'no vif4.21 in the guest', 'no vif3 in the guest'],
    ['UDP port 80 is 81', 'UDP port 80 is 81', 'UDP port 80 is 82'],
    ['within 20 ms', 'within 6000 ms', 'within beef ms'],
  ] as const) {
    it(`that says "${drafted}" is met by "${later}"`, () => {
      expect([met(drafted, later), met(drafted, other)]).to.deep.equal([true, false]);
    });
  }

  it('lists entries that were not met', () => {
    const problem = 'e.yaml:3: fail was expected, but it is pass';
    const expectation = { verdict: 'fail', reason: 'slow', source: 'x.c:1', met: false, problem } as const;
    const stale = test({ expectation });
    expect(draftOf(stale)).to.match(/^# {3}frontend\.rings\.one: expectation at e\.yaml:3: fail was expected/m);
  });
});
