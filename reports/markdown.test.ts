import { expect } from 'chai';
import { marked } from 'marked';
import { DIFF_FORMATS } from './diff-formats.js';
import { diff, resultsOf } from './diff.js';
import { code } from './markdown-text.js';
import { markdown, type MarkdownOptions } from './markdown.js';
import type { Group } from './records.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

/** Text with which a driver may try to break a Markdown page. */
const ATTACKS = [
  HOSTILE,
  '# heading',
  '| a | b |\\| c',
  '`code` ``` **bold** __bold__ ~~no~~',
  '[link](https://evil.example.org) ![picture](https://evil.example.org/x.png) <https://evil.example.org>',
  'https://evil.example.org www.evil.example.org',
  '</code></details><img src=x onerror=alert(1)><!-- @everyone #1 &#60;b&#62;',
  '- item\n\n---\n\n> quote',
];

const summary = (groups: readonly Group[], options: Partial<MarkdownOptions> = {}): string =>
  markdown(groups, { strict: false, describe: describeSample, ...options });

const group = (tests: Group['tests'], target = 'linux'): Group => ({
  session: session({ target, planned: tests.length }),
  tests,
  end: end(),
});

/** The HTML that a reader shows, without what is in code. */
const outsideOfCode = (text: string): string =>
  marked.parse(text, { async: false, gfm: true }).replace(/<code>[^<]*<\/code>/g, '');

describe('Markdown', () => {
  it('has a headline, and a row for each target', () => {
    const text = summary([group([test(), skipped('no feature-sg', { id: 'a.b' })]), group([failure()], 'bsd')]);
    expect(text).to.match(/^## netifspec: 1 of 2 tests failed\n/);
    expect(text).to.match(/^\| <code>linux<\/code> \| as expected \| 1 \| 0 \| 0 \| 0 \| 0 \| 1 \| 1 of 3 \| 0 s \|$/m);
    expect(text).to.match(/^\| <code>bsd<\/code> \| \*\*not as expected\*\* \| 0 \| 0 \| 1 /m);
    expect(summary([group([test()])])).to.match(/^## netifspec: all results are as expected \(1 tests\)\n/);
  });

  it('has each cause of failures with its tests, and the requirement that was broken', () => {
    const ids = [1, 2, 3, 4].map((n) => `frontend.sg.${n}`);
    const silent = ids.map((id, n) => failure({ id, class: 'setup', ...saying('fail', `vif${n} is silent`) }));
    const text = summary([group([...silent, failure()])]);
    expect(text).to.include('<summary><code>linux</code>: 4 tests: <code>setup: vifN is silent</code></summary>');
    for (const id of ids) expect(text).to.include(`- <code>${id}</code>\n`);
    expect(text).to.include(
      '- requirement <code>RING-09</code>: <code>a response carries the id of its request</code>',
    );
  });

  it('has the changes since a baseline, with regressions unfolded', () => {
    const [before, now] = [
      [test(), failure()],
      [failure({ id: test().id }), test({ id: failure().id })],
    ];
    const changes = diff(resultsOf([group(before)], false), resultsOf([group(now)], false));
    const text = summary([group(now)], { changes });
    expect(text).to.include('### Changes since the baseline\n\n1 broken, 1 fixed\n');
    expect(text).to.match(
      /^- <code>frontend\.rings\.one<\/code> \(<code>linux<\/code>\): passed → failed: <code>text: id: /m,
    );
    expect(text).to.match(/<details><summary>1 fixed: .*<\/summary>\n\n- <code>frontend\.rings\.foo<\/code>/);
    expect(summary([group(now)], { changes: [] })).to.include('\nno difference\n');
    expect(DIFF_FORMATS.markdown(changes)).to.match(/^## netifspec: changes\n\n1 broken, 1 fixed\n/);
  });

  it('lists warnings, and reports a run that is incomplete', () => {
    expect(summary([group([test({ ...saying('warn', 'slow') })])])).to.match(
      /<summary>1 warning<\/summary>\n\n- <code>linux<\/code>: <code>frontend\.rings\.one<\/code>: <code>slow<\/code>/,
    );
    const cut = summary([{ session: session(), tests: [test()] }]);
    expect(cut).to.include('## netifspec: the environment failed, results are missing');
    expect(cut).to.include('**incomplete**: <code>linux</code>: <code>the run was killed: it has no end record</code>');
  });

  it('links to the tests in the HTML report', () => {
    const text = summary([group([failure()])], { url: new URL('https://ci.example.org/job/(7)/results') });
    const links = [...marked.parse(text, { async: false }).matchAll(/href="([^"]*)"/g)];
    expect(links.map(([, link]) => link)).to.deep.equal([
      'https://ci.example.org/job/%287%29/results/report.html#find=frontend.rings.foo',
      'https://ci.example.org/job/%287%29/results/report.html',
    ]);
  });

  it('is shorter than the longest comment that GitHub accepts', () => {
    const tests = Array.from({ length: 3000 }, (_, n) =>
      failure({
        id: `frontend.a.${n}`,
        ...saying('fail', `<${'*'.repeat(1000)}${String.fromCharCode(97 + (n % 26))}`),
      }),
    );
    const text = summary([group(tests)], { changes: diff(resultsOf([], false), resultsOf([group(tests)], false)) });
    expect(text).to.have.length.below(65_536);
    expect(text).to.include('(The rest is too long for a summary');
  });

  for (const attack of ATTACKS) {
    it(`shows text of a driver as it is: ${JSON.stringify(attack).slice(0, 40)}`, () => {
      const spoilt = [
        failure({ id: attack, title: attack, ...saying('fail', attack) }),
        test({ id: `${attack}w`, ...saying('warn', attack) }),
      ];
      const spoiltGroup = group(spoilt, attack);
      const changes = diff(resultsOf([], false), resultsOf([spoiltGroup], false));
      const describeAttack = () => ({ statement: attack, source: attack, level: 'must' });
      const plain = [
        failure({ id: 'x', title: 'x', ...saying('fail', 'x') }),
        test({ id: 'xw', ...saying('warn', 'x') }),
      ];
      const plainChanges = diff(resultsOf([], false), resultsOf([group(plain, 'x')], false));
      expect(outsideOfCode(summary([spoiltGroup], { changes, describe: describeAttack }))).to.equal(
        outsideOfCode(summary([group(plain, 'x')], { changes: plainChanges })),
      );
      expect(code(attack)).to.match(/^<code>[^<>`|*_[\]@]*<\/code>$/);
    });
  }
});
