import { expect } from 'chai';
import { failure, session, test } from '../../reports/records.fixture.js';
import type { ResultRecord } from '../run/record.js';
import { cutShort } from '../run/stop.js';
import { LimitedRun } from './limit.js';

const NEVER = new AbortController().signal;

describe('a run with --max-failures', () => {
  it('ends at the limit of failures, and reports it', () => {
    const added: ResultRecord[] = [];
    const run = new LimitedRun({ maxFailures: 2 }, NEVER, (record) => added.push(record));
    const expectation = { verdict: 'fail', reason: 'r', source: 's', met: true } as const;
    for (const record of [session(), test(), failure(), failure({ expectation }), test({ verdict: 'warn' })]) {
      run.add(record);
      expect(run.signal.aborted).to.equal(false);
    }
    run.add(failure());
    expect(cutShort(run.signal)).to.deep.equal({
      complete: false,
      reason: 'stopped after 2 failures',
      stoppedAfter: 2,
    });
    expect(added).to.have.length(6);
  });

  it('counts a warning with --strict', () => {
    const run = new LimitedRun({ maxFailures: 1, strict: true }, NEVER, () => undefined);
    run.add(test({ verdict: 'warn' }));
    expect(run.signal.aborted).to.equal(true);
  });

  it('ends on an interrupt, and if its records cannot be written', () => {
    const interrupted = new LimitedRun({}, AbortSignal.abort(), () => undefined);
    expect(cutShort(interrupted.signal)).to.deep.equal({ complete: false, reason: 'interrupted' });
    const full = new LimitedRun({}, NEVER, () => {
      throw new Error('no space left');
    });
    expect(() => full.add(test())).to.throw('no space left');
    expect(full.signal.aborted).to.equal(true);
  });
});
