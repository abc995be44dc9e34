import { expect } from 'chai';
import { failure, RULES, session, skipped, test } from './records.fixture.js';
import type { TestRecord } from '../harness/run/record.js';
import { type Observed, standings } from './standings.js';

function of(id: string, tests: TestRecord[], { strict = false, facts = {} } = {}): Observed | undefined {
  return standings({ session: session({ facts }), tests }, RULES, strict).get(id);
}

describe('the result of a requirement', () => {
  it('is the worst of its checks, with the tests', () => {
    const tests = [test(), failure(), failure({ id: 'frontend.rings.bar' })];
    expect(of('RING-09', tests)?.standing).to.equal('failed');
    expect(of('RING-09', tests)?.tests.map(([{ id }]) => id)).to.deep.equal([
      'frontend.rings.foo',
      'frontend.rings.bar',
    ]);
    expect(of('RING-01', tests)?.standing).to.equal('passed');
    const warned = test({ verdict: 'warn', checks: [{ requirements: ['RING-01'], verdict: 'warn' }] });
    expect(of('RING-01', [test(), warned])?.standing).to.equal('warned');
    expect(of('RING-01', [warned], { strict: true })?.standing).to.equal('failed');
    const known = failure({ expectation: { verdict: 'fail', reason: '', source: '', met: true } });
    expect(of('RING-09', [known])?.standing).to.equal('known');
  });

  it('says why there is no check', () => {
    expect(of('RING-09', [skipped('no feature-sg', { id: 'frontend.rings.foo' })])).to.include({
      standing: 'unobserved',
      why: 'no feature-sg',
    });
    expect(of('RING-09', [skipped('it did not arise', { id: 'frontend.monitor.ring-09' })])).to.include({
      why: 'it did not arise',
    });
    expect(of('RING-09', [])).to.include({ standing: 'unobserved', why: 'no test of this run checks it' });
    expect(of('RING-09', [failure({ checks: [], unreached: ['RING-09'] })])?.standing).to.equal('unreached');
    expect(of('RING-07', [])).to.include({ standing: 'untestable', why: 'every driver conforms' });
  });

  it('is missing if the requirement binds the peer or is newer than the header of the run', () => {
    expect(of('RING-08', [])?.standing).to.equal('unbound');
    const facts = { spec: 'fecc45fa4a (netif.h: multiple queues (2014))' };
    expect(of('RING-10', [], { facts })?.standing).to.equal('unbound');
    expect(of('RING-10', [], { facts: { spec: '54d8f27d04 (netif.h: trusted (2022))' } })?.standing).to.equal(
      'unobserved',
    );
  });

  it('is also there for a requirement that this version does not know', () => {
    expect(of('OLD-01', [test({ checks: [{ requirements: ['OLD-01'], verdict: 'pass' }] })])?.standing).to.equal(
      'passed',
    );
  });
});
