import { expect } from 'chai';
import { Violation } from '../peer/violation.js';
import { Expired } from '../xen/wait.js';
import { failureOf } from './judge.js';
import { type Failure, failureText } from './record.js';
import { Unmet } from './unmet.js';

/** The failure of an assertion, as data. */
function found(check: () => unknown): Failure {
  try {
    check();
  } catch (error) {
    const failure = failureOf(error as Error);
    // Nothing is lost: the text is the message of chai.
    expect(failureText(failure)).to.equal((error as Error).message.replace(/\s+/g, ' '));
    return failure;
  }
  throw new Error('the assertion did not fail');
}

describe('a failure', () => {
  it('has a subject, an expectation and an observation', () => {
    expect(found(() => expect(1, 'number').to.equal(2))).to.deep.equal({
      about: 'number',
      expected: 'to equal 2',
      observed: '1',
    });
    expect(found(() => expect([1], 'a: b: c').to.deep.equal([2]))).to.include({ about: 'a: b: c', observed: '[ 1 ]' });
    const names = ['a name of more than twenty letters', 'another name of more than twenty letters'];
    expect(found(() => expect(names, 'kinds').to.deep.equal([]))).to.include({
      observed: `[ '${names.join("', '")}' ]`,
    });
    expect(found(() => expect('expected x to').to.equal('y'))).to.include({ observed: "'expected x to'" });
    expect(found(() => expect(-3).to.be.oneOf([-1, -2]))).to.include({ expected: 'to be one of [ -1, -2 ]' });
    expect(found(() => expect(undefined).to.not.equal(undefined))).to.include({ observed: 'undefined' });
  });

  it('has only an observation if the error has no such parts', () => {
    expect(found(() => expect.fail('short'))).to.deep.equal({ observed: 'short' });
    expect(found(() => expect([1, 2], 'list').to.have.length(3))).to.have.all.keys('observed');
    expect(failureOf(new Violation([], 'other\n bytes'))).to.deep.equal({ observed: 'other bytes' });
  });

  it('has the parts that a test names', () => {
    const failure = { about: 'status of slot 2', observed: 'OKAY', expected: 'ERROR or DROPPED' };
    expect(failureOf(new Unmet(failure))).to.equal(failure);
    expect(failureText(failure)).to.equal('status of slot 2: OKAY, expected ERROR or DROPPED');
  });

  it('of a timeout has the awaited thing and the time', () => {
    const failure = failureOf(new Expired('answer', 1000, 0));
    expect(failure).to.deep.equal({ expected: 'answer', withinMs: 1000 });
    expect(failureText(failure)).to.equal('no answer within 1000 ms');
  });
});
