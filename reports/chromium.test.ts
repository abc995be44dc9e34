/** The page in a real browser, where there is one: its script runs, and nothing of it is refused. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { html } from './html.js';
import { describeSample, end, failure, HOSTILE, session, test } from './test-records.js';

const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

(CHROMIUM === undefined ? describe.skip : describe)('the page in Chromium', function () {
  this.timeout(60_000);

  it('has its filter shown by its own script, each failure with its ladder, and no complaint', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netifspec-chromium-'));
    try {
      const tests = [test(), failure(), failure({ id: 'frontend.rings.odd', message: HOSTILE, title: HOSTILE })];
      const page = html([{ session: session({ planned: 3 }), tests, end: end() }], {
        strict: false,
        describe: describeSample,
      });
      writeFileSync(join(folder, 'page.html'), page);
      const switches = ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'];
      const args = [...switches, `--user-data-dir=${folder}`, '--dump-dom', `file://${folder}/page.html`];
      const { stdout, stderr } = spawnSync(CHROMIUM ?? '', args, { encoding: 'utf8' });
      expect(stdout, stderr).to.match(/<div class="filter"(?![^>]*\bhidden)[^>]*>/);
      expect(stdout.match(/<svg class="ladder"/g)).to.have.length(2);
      expect(stderr).not.to.match(/CONSOLE|Refused|Uncaught/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
