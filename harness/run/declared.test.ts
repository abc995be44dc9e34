import { expect } from 'chai';
import { failure, skipped, test } from '../../reports/test-records.js';
import { compareFeatures, type Tried, Trials } from './declared.js';

const ADVERTISED = { 'feature-sg': '1', 'feature-gso-tcpv4': '0', 'multi-queue-max-queues': '4', state: '4', mac: 'x' };

/** What the tests of feature-sg came to. */
const seen = (passed: number, failed: number) => ({
  of: (key: string): Tried => (key === 'feature-sg' ? { passed, failed } : { passed: 0, failed: 0 }),
});

describe('declared features', () => {
  it('are as declared when each is offered and no other is', () => {
    expect(compareFeatures(['feature-sg'], ADVERTISED, seen(2, 0))).to.deep.equal({
      verdict: 'pass',
      lines: ['feature-sg: declared, advertised, its tests: 2 passed, 0 failed'],
    });
    const two = compareFeatures(['feature-sg', 'multi-queue-max-queues'], ADVERTISED, seen(0, 0));
    expect(two).to.include({ verdict: 'pass' });
    expect(two.lines[1]).to.equal('multi-queue-max-queues: declared, advertised, no test of it ran');
  });

  for (const key of ['feature-gso-tcpv4', 'feature-ctrl-ring']) {
    it(`fail with ${key}, which is ${key in ADVERTISED ? 'off' : 'not there'}`, () => {
      const message = `declared but not advertised: ${key}`;
      expect(compareFeatures(['feature-sg', key], ADVERTISED, seen(1, 0))).to.include({ verdict: 'fail', message });
    });
  }

  it('fail with one whose tests fail', () => {
    const message = 'declared but broken: feature-sg';
    expect(compareFeatures(['feature-sg'], ADVERTISED, seen(3, 1))).to.include({ verdict: 'fail', message });
  });

  it('warn of what is offered beside them', () => {
    const message = 'advertised but not declared: feature-sg';
    const compared = compareFeatures([], ADVERTISED, seen(2, 0));
    expect(compared).to.include({ verdict: 'warn', message });
    expect(compared.lines).to.deep.equal(['feature-sg: not declared, advertised, its tests: 2 passed, 0 failed']);
  });

  it('were tried by the tests that they open, known deviations aside', () => {
    const trials = new Trials();
    const gated = { options: { gate: ['feature-sg', '!feature-x'] } };
    const expectation = { verdict: 'fail', reason: 'r', source: 's', met: true } as const;
    for (const record of [test(), test({ verdict: 'warn' }), failure(), failure({ expectation }), skipped('x')]) {
      trials.add(gated, record);
    }
    trials.add({ options: {} }, failure());
    expect(trials.of('feature-sg')).to.deep.equal({ passed: 2, failed: 1 });
    expect(trials.of('feature-y')).to.deep.equal({ passed: 0, failed: 0 });
  });
});
