/** The page in a real browser, if available: its script runs, and the content security policy blocks nothing. */
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenPage, withPage } from '../harness/dev/browser.js';
import { CHROMIUM } from '../harness/dev/chromium.js';
import { html } from './html.js';
import type { Group } from './records.js';
import { end, failure, HOSTILE, RULES, saying, session, test } from './records.fixture.js';

const DESKTOP = { width: 1280, height: 900 };

(CHROMIUM === undefined ? describe.skip : describe)('the page in Chromium', function () {
  this.timeout(120_000);

  let folder: string;
  const write = (name: string, groups: Group[]): void =>
    writeFileSync(join(folder, name), [...html(groups, { strict: false, catalogue: RULES })].join(''));
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-chromium-'));
    const tests = [
      test(),
      test({ id: 'frontend.sg.slow', title: 'is slow', chapter: 'sg', durationMs: 900 }),
      failure(),
      failure({ id: 'frontend.rings.odd', ...saying('fail', HOSTILE), title: HOSTILE }),
      failure({ id: 'frontend.rings.shy', ...saying('warn', 'a warning'), durationMs: 5 }),
    ];
    const one = { session: session({ planned: 5 }), tests, end: end() };
    const bsd = { session: session({ target: 'bsd' }), tests: [test({ target: 'bsd' })], end: end() };
    write('page.html', [one]);
    write('fleet.html', [one, bsd]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Opens a page, runs `work`, and expects that nothing was logged or blocked. */
  const visit = <T>(address: string, work: (page: OpenPage) => Promise<T>, look = DESKTOP): Promise<T> =>
    withPage(async (page) => {
      await page.look(look);
      await page.open(`file://${folder}/${address}`);
      const result = await work(page);
      expect(page.problems).to.deep.equal([]);
      return result;
    });
  const shown = (page: OpenPage): Promise<unknown> =>
    page.evaluate(
      `[...document.querySelectorAll('#tests .test')].filter((each) => each.checkVisibility()).map((each) => each.querySelector('.id, code').firstChild.data)`,
    );

  it('applies the filter in its address', async () => {
    const found = async (hash: string): Promise<unknown> => visit(`page.html${hash}`, shown);
    expect(await found('#tests')).to.have.length(5);
    expect(await found('#show=failed')).to.deep.equal(['frontend.rings.foo', 'frontend.rings.odd']);
    expect(await found('#show=failed&find=RINGS+odd')).to.deep.equal(['frontend.rings.odd']);
    expect(await found('#find=no+such+word')).to.deep.equal([]);
    expect(await found('#sort=slowest&show=passed')).to.deep.equal(['frontend.sg.slow', 'frontend.rings.one']);
  });

  it('keeps the filter and the order in its address, and undoes both', async () => {
    await visit('fleet.html', async (page) => {
      expect(await shown(page)).to.deep.equal([]);
      const click = (selector: string): Promise<unknown> =>
        page.evaluate(`document.querySelector('${selector}').click()`);
      await click('#tests button.passed');
      await click('#tests button.sort');
      expect(await page.evaluate('location.hash')).to.equal('#show=passed&sort=slowest');
      expect(await shown(page)).to.deep.equal(['frontend.sg.slow', 'frontend.rings.one', 'frontend.rings.one']);
      await click('#tests button.sort');
      expect(await shown(page)).to.deep.equal(['frontend.rings.one', 'frontend.sg.slow', 'frontend.rings.one']);
      await click('#tests button[value=""]');
      expect(await shown(page)).to.deep.equal([]);
      await click('#requirements button.failed');
      const rows = `[...document.querySelectorAll('tr')].filter((each) => each.checkVisibility()).map(({ id }) => id)`;
      expect(await page.evaluate(rows))
        .to.include('RING-09')
        .and.not.include('RING-01');
    });
  });

  it('opens the test and the requirement that its address names, and shows it', async () => {
    const sees = (selector: string): string => `(() => {
      const found = document.querySelector('${selector}');
      const { top, bottom } = found.getBoundingClientRect();
      return found.checkVisibility({ contentVisibilityAuto: true }) && top < innerHeight && bottom > 0;
    })()`;
    const after = (address: string, selector: string): Promise<unknown> =>
      visit(address, (page) => page.evaluate(sees(selector)));
    expect(await after('page.html#linux/frontend.rings.odd', '[id$="rings.odd"] dl')).to.equal(true);
    expect(await after('page.html#frontend.rings.shy', '[id$="rings.shy"] dl')).to.equal(true);
    expect(await after('fleet.html#bsd/frontend.rings.one', '[id="bsd/frontend.rings.one"]')).to.equal(true);
    expect(await after('fleet.html#RING-09', '#RING-09 .evidence')).to.equal(true);
    expect(await after('fleet.html#no-such-thing', 'h1')).to.equal(true);
  });

  it('copies the command that reproduces a failure', async () => {
    await visit('page.html', async (page) => {
      await page.evaluate(`document.querySelector('.copy').click()`);
      expect(await page.evaluate('getSelection().toString()')).to.equal(
        'netifspec run --target linux.yaml --test frontend.rings.foo --seed 7',
      );
      expect(await page.evaluate(`document.querySelector('.copy').textContent`)).to.equal('copied');
    });
  });

  it('fits a telephone', async () => {
    const width = { width: 375, height: 800 };
    for (const name of ['page.html', 'fleet.html#show=failed']) {
      const found = await visit(name, (page) => page.evaluate('document.documentElement.scrollWidth'), width);
      expect(found, name).to.be.at.most(375);
    }
  });

  it('is dark if the reader prefers it', async () => {
    await visit('page.html', async (page) => {
      const background = 'getComputedStyle(document.body).backgroundColor';
      expect(await page.evaluate(background)).to.equal('rgb(251, 251, 250)');
      await page.look({ ...DESKTOP, scheme: 'dark' });
      expect(await page.evaluate(background)).to.equal('rgb(21, 23, 27)');
    });
  });
});
