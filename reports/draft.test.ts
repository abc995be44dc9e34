import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestRecord } from '../harness/run/record.js';
import { Expectations, loadExpectations } from '../harness/run/expectations.js';
import { expectationsDraft } from './draft.js';
import { groupSessions } from './records.js';
import { end, failure, session, skipped, test } from './test-records.js';

const draftOf = (...tests: ReturnType<typeof test>[]): string | undefined => {
  const [group] = groupSessions([session(), ...tests, end()]);
  return group && expectationsDraft(group, false);
};

describe('draft of expectations', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-draft-')), 'draft.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  it('has nothing to say of a run that came as expected, nor of errors', () => {
    expect(draftOf(test(), skipped('no feature-sg'), test({ verdict: 'error', message: 'x' }))).to.equal(undefined);
  });

  it('invents no reason, and is no file that a run takes', () => {
    writeFileSync(file, draftOf(failure()) ?? '');
    expect(() => loadExpectations(file)).to.throw(/reason: must not be empty/);
  });

  it('is met by the run that it was made of, once it is finished', () => {
    const twice = failure({
      id: 'frontend.rings.two',
      message: 'one (of a kind)',
      checks: ['one (of a kind)', 'another/kind'].map((message) => ({ requirements: [], verdict: 'fail', message })),
    });
    const found = [failure(), twice];
    writeFileSync(file, (draftOf(test(), ...found) ?? '').replace(/: ""/g, ': because'));
    const expectations = new Expectations(loadExpectations(file));
    const judged = found.map((record) => expectations.judge(record, '2026-01-01').expectation?.met);
    expect(judged).to.deep.equal([true, true]);
  });

  it('is met by runs in which the same vif has another number, and its guest another deadline', () => {
    const said = (vif: number, mac: string, ms: number, port: number): TestRecord =>
      failure({
        message: `no ARP reply from 198.18.${vif}.2 (00:16:3e:6e:${mac}:02) within ${ms} ms, on port ${port}`,
        checks: [],
      });
    writeFileSync(file, (draftOf(said(20, '94', 2000, 7)) ?? '').replace(/: ""/g, ': because'));
    const expectations = new Expectations(loadExpectations(file));
    const met = (record: TestRecord) => expectations.judge(record, '2026-01-01').expectation?.met;
    expect(met(said(107, 'eb', 6000, 31))).to.equal(true);
    expect(met(failure({ message: 'no ARP reply from 198.18.20.1 within 2000 ms', checks: [] }))).to.equal(false);
  });

  it('tells of entries that were not met', () => {
    const expectation = { verdict: 'fail', reason: 'slow', source: 'x.c:1', met: false } as const;
    const stale = test({ expectation, message: 'expectation at e.yaml:3: fail was expected, but it is pass' });
    expect(draftOf(stale)).to.match(/^# {3}frontend\.rings\.one: expectation at e\.yaml:3: fail was expected/m);
  });
});
