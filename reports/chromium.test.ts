/** The page in a real browser, where there is one: its script runs, and nothing of it is refused. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { html } from './html.js';
import { describeSample, end, failure, HOSTILE, session, test } from './test-records.js';

const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** As Blink numbers them. */
const SCHEMES = { dark: 0, light: 1 } as const;

(CHROMIUM === undefined ? describe.skip : describe)('the page in Chromium', function () {
  this.timeout(60_000);

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-chromium-'));
    const tests = [test(), failure(), failure({ id: 'frontend.rings.odd', message: HOSTILE, title: HOSTILE })];
    const groups = [{ session: session({ planned: 3 }), tests, end: end() }];
    writeFileSync(join(folder, 'page.html'), html(groups, { strict: false, describe: describeSample }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const chromium = (hash: string, ...switches: string[]): { stdout: string; stderr: string } => {
    const usual = ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'];
    const args = [...usual, `--user-data-dir=${folder}`, ...switches, `file://${folder}/page.html${hash}`];
    return spawnSync(CHROMIUM ?? '', args, { encoding: 'utf8' });
  };

  it('has its filter shown by its own script, each failure with its ladder, and no complaint', () => {
    const { stdout, stderr } = chromium('', '--dump-dom');
    expect(stdout, stderr).to.match(/<div class="filter"(?![^>]*\bhidden)[^>]*>/);
    expect(stdout.match(/<svg class="ladder"/g)).to.have.length(2);
    expect(stderr).not.to.match(/CONSOLE|Refused|Uncaught/);
  });

  it('shows what its address asks for', () => {
    const shown = (hash: string): string[] =>
      [...chromium(hash, '--dump-dom').stdout.matchAll(/<\w+ class="test \w+"(?! hidden).*?<code>(.*?)</gs)].map(
        ([, id = '']) => id,
      );
    expect(shown('#tests')).to.have.length(3);
    expect(shown('#show=failed')).to.have.length(2);
    expect(shown('#show=failed&find=RINGS+odd')).to.deep.equal(['frontend.rings.odd']);
    expect(shown('#find=no+such+word')).to.deep.equal([]);
  });

  it('is dark where its reader wants that', () => {
    const corner = (scheme: 'dark' | 'light'): string => {
      const picture = join(folder, `${scheme}.png`);
      const { stderr } = chromium(
        '',
        `--screenshot=${picture}`,
        `--blink-settings=preferredColorScheme=${SCHEMES[scheme]}`,
      );
      return firstPixel(readFileSync(picture), stderr);
    };
    expect(corner('light')).to.equal('fbfbfa');
    expect(corner('dark')).to.equal('15171b');
  });
});

/** Of the left upper corner of a PNG, which nothing comes before that could be the base of a difference. */
function firstPixel(png: Buffer, said: string): string {
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  expect(parts, said).not.to.deep.equal([]);
  return inflateSync(Buffer.concat(parts)).toString('hex', 1, 4);
}
