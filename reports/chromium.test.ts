/** The page in a real browser, if available: its script runs, and the content security policy blocks nothing. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { CHROMIUM } from '../harness/dev/chromium.js';
import { html } from './html.js';
import { describeSample, end, failure, HOSTILE, saying, session, test } from './records.fixture.js';

/** The numbers that Blink uses. */
const SCHEMES = { dark: 0, light: 1 } as const;

(CHROMIUM === undefined ? describe.skip : describe)('the page in Chromium', function () {
  this.timeout(60_000);

  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-chromium-'));
    const tests = [
      test(),
      failure(),
      failure({ id: 'frontend.rings.odd', ...saying('fail', HOSTILE), title: HOSTILE }),
    ];
    const groups = [{ session: session({ planned: 3 }), tests, end: end() }];
    writeFileSync(join(folder, 'page.html'), html(groups, { strict: false, describe: describeSample }));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const chromium = (hash: string, ...switches: string[]): { stdout: string; stderr: string } => {
    const usual = ['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'];
    const args = [...usual, `--user-data-dir=${folder}`, ...switches, `file://${folder}/page.html${hash}`];
    return spawnSync(CHROMIUM ?? '', args, { encoding: 'utf8' });
  };

  it('shows the filter by its script and the ladder of each failure, without console messages', () => {
    const { stdout, stderr } = chromium('', '--dump-dom');
    expect(stdout, stderr).to.match(/<div class="filter"(?![^>]*\bhidden)[^>]*>/);
    expect(stdout.match(/<svg class="ladder"/g)).to.have.length(2);
    expect(stderr).not.to.match(/CONSOLE|Refused|Uncaught/);
  });

  it('applies the filter in its address', () => {
    const shown = (hash: string): string[] =>
      [...chromium(hash, '--dump-dom').stdout.matchAll(/<\w+ class="test \w+"(?! hidden).*?<code>(.*?)</gs)].map(
        ([, id = '']) => id,
      );
    expect(shown('#tests')).to.have.length(3);
    expect(shown('#show=failed')).to.have.length(2);
    expect(shown('#show=failed&find=RINGS+odd')).to.deep.equal(['frontend.rings.odd']);
    expect(shown('#find=no+such+word')).to.deep.equal([]);
  });

  it('is dark if the reader prefers it', () => {
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

/** The colour of the upper left corner of a PNG; no earlier pixel can be the base of a difference. */
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
