import { expect } from 'chai';

import { html } from './html.js';
import type { Group } from './records.js';
import { describeSample, end, failure, HOSTILE, session, skipped, test } from './test-records.js';

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
  it('has the summary, each test and what is to be said about it', () => {
    const text = page([whole]);
    expect(text).to.match(/^<!doctype html>/);
    expect(text).to.include('Not everything came as expected.').and.include('3 of 4 tests executed');
    expect(text).to.include('<details class="test failed">').and.include('<div class="test passed">');
    expect(text).to.include('Observed: 4096').and.include('net eth0: bad id').and.include('<em>no feature-sg</em>');
    expect(text).to.include('1 passed, 1 known, 1 failed').and.include('<dt>1</dt><dd>no feature-sg</dd>');
  });

  it('has a table of requirements by target with the worst that was seen', () => {
    const other: Group = { session: session({ target: 'bsd' }), tests: [test({ target: 'bsd' })], end: end() };
    const rows = page([whole, other]).split('<tr>').slice(2);
    expect(rows).to.have.length(2);
    expect(rows[0])
      .to.include('RING-01')
      .and.match(/pass<\/span><\/td>\s*<td class="passed">/);
    expect(rows[1])
      .to.include('a response carries the id')
      .and.match(/<td class="failed">.*\s*<td class="soft">–/);
  });

  it('shows a bad check of a known deviation as known', () => {
    const known: Group = { ...whole, tests: whole.tests.slice(3) };
    expect(page([known])).to.match(/RING-09[^]*?<td class="known"><span class="verdict">known/);
  });

  it('says when results are missing', () => {
    expect(page([{ session: session(), tests: [] }]))
      .to.include('the run was killed')
      .and.include('results are missing');
    expect(page([{ ...whole, tests: [test()], session: session() }])).to.include('Everything came as expected.');
    expect(page([])).to.include('Not everything came');
  });

  it('escapes whatever an IUT says', () => {
    const spoilt = failure({
      id: HOSTILE,
      title: HOSTILE,
      chapter: HOSTILE,
      message: HOSTILE,
      kernelLog: [HOSTILE],
      checks: [{ requirements: [HOSTILE], verdict: 'fail', message: HOSTILE }],
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
