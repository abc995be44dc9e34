import { expect } from 'chai';
import { failure, skipped, test } from '../../reports/records.fixture.js';
import { featuresOf, joinedFeatures, judgeFeatures, Trials } from './declared.js';
import { testMessage, type TestRecord } from './record.js';

const ADVERTISED = { 'feature-sg': '1', 'feature-gso-tcpv4': '0', 'multi-queue-max-queues': '4', state: '4', mac: 'x' };

/** The results of the tests of feature-sg. */
const seen = (passed: number, failed: number) => ({
  of: (key: string) => (key === 'feature-sg' ? { passed, failed } : { passed: 0, failed: 0 }),
});

const compareFeatures = (...args: Parameters<typeof featuresOf>) => judgeFeatures(featuresOf(...args));

describe('declared features', () => {
  it('pass if exactly the declared features are advertised', () => {
    expect(compareFeatures(['feature-sg'], ADVERTISED, seen(2, 0))).to.deep.equal({
      verdict: 'pass',
      checks: [],
      features: [{ key: 'feature-sg', declared: true, advertised: true, passed: 2, failed: 0 }],
      infos: ['feature-sg: declared, advertised, its tests: 2 passed, 0 failed'],
    });
    const two = compareFeatures(['feature-sg', 'multi-queue-max-queues'], ADVERTISED, seen(0, 0));
    expect(two).to.include({ verdict: 'pass' });
    expect(two.infos[1]).to.equal('multi-queue-max-queues: declared, advertised, no test of it ran');
  });

  for (const key of ['feature-gso-tcpv4', 'feature-ctrl-ring']) {
    it(`fail with ${key}, which is ${key in ADVERTISED ? 'off' : 'missing'}`, () => {
      const compared = compareFeatures(['feature-sg', key], ADVERTISED, seen(1, 0));
      expect(compared).to.include({ verdict: 'fail' });
      expect(testMessage(compared)).to.equal(`declared but not advertised: ${key}`);
    });
  }

  it('fail if the tests of one fail', () => {
    const compared = compareFeatures(['feature-sg'], ADVERTISED, seen(3, 1));
    expect(compared).to.include({ verdict: 'fail' });
    expect(testMessage(compared)).to.equal('declared but broken: feature-sg');
  });

  it('warn of a feature that is advertised but not declared', () => {
    const compared = compareFeatures([], ADVERTISED, seen(2, 0));
    expect(compared).to.include({ verdict: 'warn' });
    expect(testMessage(compared)).to.equal('advertised but not declared: feature-sg');
    expect(compared.infos).to.deep.equal(['feature-sg: not declared, advertised, its tests: 2 passed, 0 failed']);
  });

  it('warn of any other key that enabled tests', () => {
    const compared = compareFeatures(['feature-sg'], ADVERTISED, {
      of: (key) => ({ passed: key === 'multi-queue-max-queues' ? 3 : 0, failed: 0 }),
    });
    expect(testMessage(compared)).to.equal('advertised but not declared: multi-queue-max-queues');
  });

  it('of the parts of a run are added up', () => {
    const part = (passed: number, failed: number): TestRecord =>
      test({ chapter: 'session', ...compareFeatures(['feature-sg', 'feature-x'], ADVERTISED, seen(passed, failed)) });
    const joined = joinedFeatures(part(2, 0), part(1, 1));
    expect(joined).to.include({ verdict: 'fail', class: 'declared' });
    expect(testMessage(joined)).to.equal('declared but not advertised: feature-x; declared but broken: feature-sg');
    expect(joined.infos[0]).to.equal('feature-sg: declared, advertised, its tests: 3 passed, 1 failed');
  });

  it('of a part without observations are replaced by those of another part', () => {
    const seeing = test({ chapter: 'session', ...compareFeatures(['feature-sg'], ADVERTISED, seen(1, 0)) });
    const blind = skipped('no connection');
    for (const [a, b] of [[seeing, blind] as const, [blind, seeing] as const]) {
      expect(joinedFeatures(a, b)).to.equal(seeing);
    }
  });

  it('are a known deviation if an expectation is met in each part that fails', () => {
    const entry = { verdict: 'fail', reason: 'r', source: 's' } as const;
    const part = (failed: number, met: boolean): TestRecord => ({
      ...test({ chapter: 'session', ...compareFeatures(['feature-sg'], ADVERTISED, seen(1, failed)) }),
      expectation: { ...entry, met },
    });
    expect(joinedFeatures(part(0, false), part(1, true)).expectation?.met).to.equal(true);
    expect(joinedFeatures(part(1, false), part(1, true)).expectation?.met).to.equal(false);
    expect(joinedFeatures(part(0, false), part(0, false)).expectation?.met).to.equal(false);
  });

  it('count the tests that they enable, without known deviations', () => {
    const trials = new Trials();
    const gated = { options: { gate: ['feature-sg', '!feature-x'] } };
    const expectation = { verdict: 'fail', reason: 'r', source: 's', met: true } as const;
    for (const record of [test(), test({ verdict: 'warn' }), failure(), failure({ expectation }), skipped('x')]) {
      trials.add(gated, record);
    }
    trials.add({ options: {} }, failure());
    trials.add({ options: { about: 'feature-rx-copy' } }, test());
    expect(trials.of('feature-sg')).to.deep.equal({ passed: 2, failed: 1 });
    expect(trials.of('feature-rx-copy')).to.deep.equal({ passed: 1, failed: 0 });
    expect(trials.of('feature-y')).to.deep.equal({ passed: 0, failed: 0 });
  });
});
