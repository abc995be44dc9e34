import { expect } from 'chai';
import { historyHtml } from './history-html.js';
import { history, isFlaky, type TargetHistory } from './history.js';
import type { Group, Outcome } from './records.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

const day = (n: number): string => `2026-01-0${n}T00:00:00.000Z`;

/** A run of day `n`. */
const run = (n: number, tests: Group['tests'], fields: Partial<Group['session']> = {}): Group => ({
  session: session({ started: day(n), planned: tests.length, ...fields }),
  tests,
  end: end(),
});
const id = test().id;
const bad = failure({ id, trace: [], durationMs: 30 });

/** Outcomes in short: a letter for each run. */
const LETTERS: Record<string, Outcome> = {
  p: 'passed',
  w: 'warned',
  k: 'known',
  f: 'failed',
  e: 'error',
  s: 'skipped',
};
const outcomes = (letters: string): (Outcome | null)[] => [...letters].map((letter) => LETTERS[letter] ?? null);

describe('history', () => {
  it('has the runs of each target by their start, and counts a run once', () => {
    const other = run(1, [test()], { target: 'bsd' });
    const targets = history([run(2, [bad]), run(1, [test()]), other, run(2, [bad])], false);
    expect(targets.map(({ target, runs }) => [target, runs.map(({ started }) => started)])).to.deep.equal([
      ['linux', [day(1), day(2)]],
      ['bsd', [day(1)]],
    ]);
    expect(targets[0]?.runs[1]).to.include({ failed: 1, passed: 0, passRate: 0, durationMs: 30, netifspec: '0.1.0' });
    expect(targets[0]?.runs[0]).to.include({ passed: 1, passRate: 1, requirementsChecked: 1 });
  });

  it('has for each test since when it fails, its message, its pass rate and its duration', () => {
    const [{ tests = [] } = {}] = history([run(1, [test()]), run(2, [bad]), run(3, []), run(4, [bad])], false);
    expect(tests).to.deep.equal([
      {
        id,
        outcomes: ['passed', 'failed', null, 'failed'],
        passRate: 0.3333,
        flaky: false,
        failsSince: day(2),
        message: 'text: id: expected 4096 to be at most 255',
        medianMs: 30,
      },
    ]);
  });

  it('has the worst result of each requirement', () => {
    const [{ requirements = [] } = {}] = history([run(1, [test()]), run(2, [bad, test({ id: 'other' })])], false);
    expect(requirements.map(({ id, outcomes, failsSince }) => [id, outcomes, failsSince])).to.deep.equal([
      ['RING-01', ['passed', 'passed'], undefined],
      ['RING-09', [null, 'failed'], day(2)],
    ]);
  });

  it('judges by --strict, and treats errors and skips as no verdict', () => {
    const runs = [run(1, [test({ ...saying('warn', 'slow') })]), run(2, [skipped('no sg', { id })])];
    runs.push(run(3, [test({ ...saying('error', 'lab') })]));
    const passRates = [false, true].map((strict) => history(runs, strict)[0]?.tests[0]?.passRate);
    expect(passRates).to.deep.equal([1, 0]);
    expect(history(runs, true)[0]?.tests[0]?.failsSince).to.equal(day(1));
  });

  for (const [letters, flaky] of [
    ['pppp', false],
    ['pfff', false],
    ['pffp', false],
    ['fffp', false],
    ['ppfp', true],
    ['pfep', true],
    ['pfsfp', false],
    ['pfpf', true],
    ['fpf', false],
    ['pfffpppfffp', true],
    ['kfw', true],
    ['', false],
  ] as const) {
    it(`calls ${letters || 'no result'} ${flaky ? '' : 'not '}flaky`, () => {
      expect(isFlaky(outcomes(letters))).to.equal(flaky);
    });
  }

  describe('as a page', () => {
    const page = (targets: readonly TargetHistory[]): string => historyHtml(targets, describeSample);

    it('has the failing and the flaky tests, the requirements, and the trend', () => {
      const flaky = (n: number): Group['tests'][number] =>
        n === 2 ? failure({ id: 'a.flaky' }) : test({ id: 'a.flaky' });
      const text = page(
        history(
          [1, 2, 3].map((n) => run(n, [n === 1 ? test() : bad, flaky(n)])),
          false,
        ),
      );
      const [, failing = '', flakyTests = '', requirements = ''] = text
        .split('<h3>')
        .filter((part) => !/^(Pass|Dur)/.test(part));
      expect(failing)
        .to.match(/^Failing tests/)
        .and.include('33.3 %')
        .and.include('2026-01-02 00:00')
        .and.include(id);
      expect(failing).to.match(/<i class="passed" style="flex:1"[^>]*><\/i><i class="failed" style="flex:2"/);
      expect(flakyTests)
        .to.match(/^Flaky tests/)
        .and.match(/a\.flaky<\/code> <span class="flaky">flaky/);
      expect(requirements)
        .to.match(/^Requirements that failed/)
        .and.include('a response carries the id of its request');
      expect(text).to.include('<summary>1 requirement without a failure</summary>');
      expect(text).to.match(/aria-label="pass rate by run">[^]*?<title>2026-01-02 00:00: 0\.0 %<\/title>/);
    });

    it('names the facts that changed when a test began to fail', () => {
      const facts = (kernel: string) => ({ facts: { xen: '4.17', kernel } });
      const text = page(history([run(1, [test()], facts('6.1.5')), run(2, [bad], facts('6.1.6'))], false));
      expect(text).to.include('<td>2026-01-02 00:00<br><small>kernel: 6.1.5 → 6.1.6</small></td>');
      expect(page(history([run(1, [bad], facts('6.1.5'))], false))).not.to.include('→');
    });

    it('escapes any text of a driver', () => {
      const spoilt = failure({ id: HOSTILE, checks: [{ requirements: [HOSTILE], ...saying('fail', HOSTILE) }] });
      const fields = { target: HOSTILE, started: HOSTILE, version: HOSTILE };
      const text = page(history([run(1, [spoilt], fields), { ...run(1, [spoilt], fields), tests: [spoilt] }], false));
      expect(text).not.to.match(/<script|\0|\x1b/);
      expect(text).to.include('&#60;script&#62;alert(1)');
    });
  });
});
