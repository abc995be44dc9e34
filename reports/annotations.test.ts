import { expect } from 'chai';
import { annotations } from './annotations.js';
import type { Group } from './records.js';
import { end, failure, HOSTILE, saying, session, test } from './records.fixture.js';

const group = (tests: Group['tests']): Group => ({ session: session({ planned: tests.length }), tests, end: end() });

describe('annotations of GitHub', () => {
  it('are an error for each cause and a warning for each test that warned', () => {
    const silent = [1, 2].map((n) => failure({ id: `frontend.a.${n}`, ...saying('fail', `vif${n} is silent`) }));
    const warned = test({ ...saying('warn', '50% slow') });
    expect(annotations([group([...silent, warned])], false)).to.deep.equal([
      '::error title=linux%3A frontend.a.1 and 1 more::text: vifN is silent',
      '::warning title=linux%3A frontend.rings.one::50%25 slow',
    ]);
    expect(annotations([group([warned])], true)).to.deep.equal([
      '::error title=linux%3A frontend.rings.one::warn: 50%25 slow',
    ]);
    expect(annotations([group([test()])], false)).to.deep.equal([]);
  });

  it('report an incomplete run', () => {
    expect(annotations([{ session: session(), tests: [test()] }], false)).to.deep.equal([
      '::error title=linux::the run was killed: it has no end record',
    ]);
  });

  it('are no more than GitHub shows', () => {
    const many = Array.from({ length: 12 }, (_, n) => failure({ id: `frontend.a.${n}`, ...saying('fail', `x${n}`) }));
    const lines = annotations([group(many)], false);
    expect(lines).to.have.length(10);
    expect(lines.at(-1)).to.equal('::error title=netifspec::3 more in the summary and in report.html');
  });

  it('are one line each, whatever a driver says', () => {
    const id = `a,file=x::b%0A${HOSTILE}`;
    const lines = annotations([group([failure({ id, ...saying('fail', '\n::stop-commands::x\n%0A') })])], false);
    expect(lines).to.have.length(1);
    expect(lines[0])
      .to.match(/^::error title=[^:,\n]*::[^\n]*$/)
      .and.to.include('a%2Cfile=x%3A%3Ab%250A');
  });
});
