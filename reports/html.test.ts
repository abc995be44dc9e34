import { expect } from 'chai';

import { html } from './html.js';
import type { Group } from './records.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

function page(groups: Group[], strict = false): string {
  return html(groups, { strict, describe: describeSample });
}

const whole: Group = {
  session: session({ planned: 4 }),
  tests: [
    test(),
    failure(),
    skipped('no feature-sg', { id: 'frontend.sg.a', chapter: 'sg' }),
    failure({
      id: 'frontend.rings.old',
      expectation: { verdict: 'fail', reason: 'old', source: 'netfront.c', met: true },
    }),
  ],
  end: end(),
};

describe('HTML', () => {
  it('has the summary, and each test with its explanation', () => {
    const text = page([whole]);
    expect(text).to.match(/^<!doctype html>/);
    expect(text)
      .to.include('Some results are not as expected. linux: of 3 tests 1 failed.')
      .and.include('3 of 4 tests executed');
    expect(text).to.include('<details class="test failed">').and.include('<div class="test passed">');
    expect(text).to.include('Observed: 4096').and.include('net eth0: bad id').and.include('<em>no feature-sg</em>');
    expect(text).to.include('<em>text: id: expected 4096 to be at most 255</em>');
    expect(text).to.include('1 passed, 1 known, 1 failed').and.include('<dt>1</dt><dd>no feature-sg</dd>');
  });

  it('has a table of the causes of failures, with their tests', () => {
    const silent = [1, 2].map((n) =>
      failure({ id: `frontend.sg.${n}`, class: 'setup', ...saying('fail', `vif${n} is silent`) }),
    );
    const [, table = ''] = page([{ ...whole, tests: [failure(), ...silent] }]).split('id="causes"');
    const [first = '', second = ''] = table.split('<tr class="failed">').slice(1);
    expect(first)
      .to.match(/<th>2<\/th>[^]*<b>setup<\/b>: vifN is silent/)
      .and.include('<code>frontend.sg.2</code>');
    expect(second).to.match(/<th>1<\/th>[^]*<b>text<\/b>: id: expected 4096/);
    expect(page([{ ...whole, tests: [test()] }])).not.to.include('id="causes"');
  });

  it('has a table of requirements by target with the worst result', () => {
    const other: Group = { session: session({ target: 'bsd' }), tests: [test({ target: 'bsd' })], end: end() };
    const rows = (page([whole, other]).split('id="requirements"')[1] ?? '').split('<tr>').slice(2);
    expect(rows).to.have.length(2);
    expect(rows[0])
      .to.include('RING-01')
      .and.match(/pass<\/span><\/td>\s*<td class="passed">/);
    expect(rows[1])
      .to.include('a response carries the id')
      .and.match(/<td class="failed">.*\s*<td class="soft">–/);
  });

  it('shows a failed check of a known deviation as known', () => {
    const known: Group = { ...whole, tests: whole.tests.slice(3) };
    expect(page([known])).to.match(/RING-09[^]*?<td class="known"><span class="verdict">known/);
  });

  it('reports missing results', () => {
    expect(page([{ session: session(), tests: [] }]))
      .to.include('the run was killed')
      .and.include('results are missing');
    expect(page([{ ...whole, tests: [test()], session: session() }])).to.include('All results are as expected.');
    expect(page([])).to.include('results are missing');
  });

  it('escapes any text of a driver', () => {
    const spoilt = failure({
      id: HOSTILE,
      title: HOSTILE,
      chapter: HOSTILE,
      kernelLog: [HOSTILE],
      checks: [{ requirements: [HOSTILE], ...saying('fail', HOSTILE) }],
    });
    const facts = { [HOSTILE]: HOSTILE };
    const text = page([
      { session: session({ target: HOSTILE, facts, features: facts }), tests: [spoilt, skipped(HOSTILE)], end: end() },
    ]);
    expect(text).not.to.include('<script>alert').and.not.include('\0').and.not.include('\x1b');
    expect(text.match(/<script>/g)).to.have.length(1);
    expect(text).to.include('&#60;script&#62;alert(1)');
  });
});
