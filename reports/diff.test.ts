import { expect } from 'chai';
import type { TestRecord } from '../harness/run/record.js';
import { DIFF_FORMATS } from './diff-formats.js';
import { type Change, diff, isRegression, resultsOf } from './diff.js';
import { groupSessions } from './records.js';
import { end, failure, HOSTILE, saying, session, test } from './records.fixture.js';

describe('difference of two runs', () => {
  const id = 'frontend.rings.one';
  const known = { verdict: 'fail', reason: 'slow', source: 'x.c:1', met: true } as const;
  const skipped = test({ id, verdict: 'skip', checks: [], skip: { class: 'gate', reason: 'no feature-sg' } });
  const broken = failure({ id });
  const of = (tests: readonly TestRecord[]) => resultsOf(groupSessions([session(), ...tests, end()]), false);
  const change = (before: readonly TestRecord[], now: readonly TestRecord[]) => diff(of(before), of(now));

  for (const [what, before, now, kind, regression] of [
    ['a pass that fails', [test({ id })], [broken], 'broken', true],
    ['a pass that ends in an error', [test({ id })], [test({ id, ...saying('error', 'x') })], 'broken', true],
    ['a skip that fails', [skipped], [broken], 'broken', true],
    ['an error that is a failure', [test({ id, ...saying('error', 'x') })], [broken], 'broken', true],
    ['a new test that fails', [], [broken], 'new-broken', true],
    ['a missing test', [test({ id })], [], 'gone', true],
    ['a pass that is skipped', [test({ id })], [skipped], 'skipped', true],
    ['a pass that warns', [test({ id })], [test({ id, ...saying('warn', 'x') })], 'warned', true],
    ['a failure that is an error', [broken], [test({ id, ...saying('error', 'x') })], 'changed', false],
    ['a pass that is a known failure', [test({ id })], [failure({ id, expectation: known })], 'changed', false],
    ['a pass with fewer checks', [test({ id })], [test({ id, checks: [] })], 'fewer-checks', true],
    ['a failure that passes', [broken], [test({ id })], 'fixed', false],
    ['a known failure that passes', [failure({ id, expectation: known })], [test({ id })], 'fixed', false],
    ['a skip that passes', [skipped], [test({ id })], 'executed', false],
    ['a new test that passes', [], [test({ id })], 'new', false],
  ] as const) {
    it(`reports ${what} as ${kind}${regression ? ', a regression' : ''}`, () => {
      const changes = change(before, now);
      expect(changes.map((each) => each.kind)).to.deep.equal([kind]);
      expect(changes.some(isRegression)).to.equal(regression);
    });
  }

  it('is empty between failures, between skips, and if more requirements were checked, or the same more often', () => {
    const more = test({ id, checks: [...test().checks, { requirements: ['RING-02'], verdict: 'pass' }] });
    const often = test({ id, checks: [...test().checks, ...test().checks] });
    expect(
      [
        change([broken], [broken]),
        change([skipped], [skipped]),
        change([test({ id })], [more]),
        change([often], [test({ id })]),
      ].flat(),
    ).to.deep.equal([]);
    expect(DIFF_FORMATS.text([])).to.equal('no difference\n');
  });

  it('is a line for each test in a format for grep, worst first', () => {
    const other = test({ id: 'frontend.rings.two' });
    const text = DIFF_FORMATS.text(change([test({ id }), skipped, failure({ id: other.id })], [broken, other]));
    expect(text.replace(/ +/g, ' ')).to.match(
      /^BROKEN linux frontend\.rings\.one \w+ -> failed .*\nFIXED linux frontend\.rings\.two failed -> passed\n1 broken, 1 fixed\n$/,
    );
  });

  it('is data with the counts and each change', () => {
    const changes = change([test({ id })], [broken]);
    expect(JSON.parse(DIFF_FORMATS.json(changes))).to.deep.equal({
      schema: 1,
      regressions: 1,
      counts: { broken: 1 },
      changes: [
        {
          kind: 'broken',
          regression: true,
          target: 'linux',
          id,
          before: 'passed',
          now: 'failed',
          message: 'text: id: expected 4096 to be at most 255',
        },
      ],
    });
  });

  it('is a page with a table for each kind of change', () => {
    const text = DIFF_FORMATS.html(change([test({ id }), skipped], [broken]));
    expect(text)
      .to.include('1 result is worse: 1 broken.')
      .and.match(/<h2 id="broken">/);
    expect(text).to.match(/<code>frontend\.rings\.one<\/code><br><small>text: id: [^]*class="failed"/);
    expect(DIFF_FORMATS.html([])).to.include('Nothing is worse: no difference.');
    const spoilt: Change = { kind: 'new', target: HOSTILE, id: HOSTILE, message: HOSTILE, now: 'passed' };
    expect(DIFF_FORMATS.html([spoilt])).not.to.match(/<script|\0|\x1b/);
  });
});
