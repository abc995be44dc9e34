import { expect } from 'chai';
import { causeLine, causes, classed, classOf } from './causes.js';
import { failure, saying, skipped, test } from './records.fixture.js';

const silent = (n: number) =>
  failure({ id: `frontend.rings.silent-${n}`, class: 'setup', ...saying('fail', `no ARP reply from 198.18.${n}.2`) });
const lines = (tests: Parameters<typeof causes>[0], strict = false): string[] => causes(tests, strict).map(causeLine);

describe('causes of failures', () => {
  it('are equal if messages differ only in numbers of vifs, refs and times', () => {
    expect(lines([failure(), silent(1), silent(2), silent(3)])).to.deep.equal([
      '3 tests: setup: no ARP reply from 198.18.N.2 (first in frontend.rings.silent-1)',
      '1 test: text: id: expected 4096 to be at most 255 (in frontend.rings.foo)',
    ]);
    const varied = ['ref 8 of vif1.2 after 20 ms', 'ref 90 of vif1.3 after 1999 ms'];
    expect(lines(varied.map((text) => failure(saying('fail', text))))).to.have.length(1);
    expect(lines(['status -1', 'status -2'].map((text) => failure(saying('fail', text))))).to.have.length(2);
  });

  it('keep the message if it is the same in all tests', () => {
    expect(lines([silent(1), silent(1)])[0]).to.contain('no ARP reply from 198.18.1.2 (first in');
  });

  it('distinguish classes, and failures from errors', () => {
    const silence = saying('fail', 'no reply');
    const tests = [failure(silence), failure({ ...silence, class: 'setup' }), test(saying('error', 'no reply'))];
    expect(causes(tests, false).map((cause) => [cause.outcome, cause.class])).to.deep.equal([
      ['failed', 'text'],
      ['failed', 'setup'],
      ['error', 'environment'],
    ]);
  });

  it('contain no test with an expected result', () => {
    const known = failure({ expectation: { verdict: 'fail', reason: 'r', source: 's', met: true } });
    const warned = test(saying('warn', 'slow'));
    expect(lines([test(), known, skipped('x'), warned])).to.deep.equal([]);
    expect(lines([warned], true)).to.deep.equal(['1 test: warn: slow (in frontend.rings.one)']);
    const unmet = test({ expectation: { ...known.expectation!, met: false, problem: 'fail was expected' } });
    expect(classOf(unmet)).to.equal('expectation');
  });

  it('are found in linear time, however long a message is', () => {
    for (const text of [
      '1'.repeat(1_000_000),
      '/domain/'.repeat(125_000),
      '\x1b['.repeat(500_000),
      ' '.repeat(1_000_000),
    ])
      expect(lines([failure(saying('fail', text)), failure(saying('fail', `${text}x`))])).to.have.length.at.least(1);
  });

  it('have a line that begins with the class of the failure', () => {
    expect(classed(silent(1))).to.equal('setup: no ARP reply from 198.18.1.2');
    expect(classed(skipped('no feature-sg'))).to.equal('no feature-sg');
  });
});
