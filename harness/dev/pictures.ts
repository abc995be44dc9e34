/**
 * `npm run docs:pictures`: docs/report.png, the HTML report of a failure; docs/matrix.png, that of a fleet; and
 * docs/history.png, the history of a driver. Needs Chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import type { ResultRecord } from '../run/record.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { describe } from '../cli/results.js';
import { history } from '../../reports/history.js';
import { historyHtml } from '../../reports/history-html.js';
import { html } from '../../reports/html.js';
import { groupSessions } from '../../reports/records.js';
import { withPage } from './browser.js';
import { CHROMIUM, CHROMIUM_NAMES } from './chromium.js';
import { sampleRecords } from './failure-sample.js';
import { fleetRecords } from './fleet-sample.js';
import { historyRecords } from './history-sample.js';

const OTHERS = ['backend.xenbus.connect', 'backend.receive.full-ring'];

/** The size is in pixels, its height down to the end of what the picture is about. */
interface Picture {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly content: () => Promise<string>;
  /** Chapters of requirements that are unfolded, by their titles. */
  readonly open: readonly string[];
}

const report = (records: readonly ResultRecord[]): string =>
  [...html(groupSessions(records), { strict: false, catalogue: CATALOGUE })].join('');

const PICTURES: readonly Picture[] = [
  {
    file: 'report.png',
    width: 1080,
    height: 1392,
    content: async () => report(await sampleRecords(OTHERS, 'picture')),
    open: [],
  },
  {
    file: 'matrix.png',
    width: 1280,
    height: 1150,
    content: async () => report(await fleetRecords()),
    open: ['trusted', 'link state'],
  },
  {
    file: 'history.png',
    width: 1080,
    height: 900,
    content: async () => historyHtml(history((await historyRecords()).flatMap(groupSessions), false), describe),
    open: [],
  },
];

if (CHROMIUM === undefined) {
  process.stderr.write(`docs:pictures needs one of ${CHROMIUM_NAMES.join(', ')}; install the package chromium\n`);
  process.exitCode = 3;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-pictures-'));
  try {
    for (const picture of PICTURES) await take(picture, join(folder, 'report.html'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function take({ file, width, height, content, open }: Picture, path: string): Promise<void> {
  writeFileSync(path, await content());
  await withPage(async (page) => {
    await page.look({ width, height });
    await page.open(`file://${path}`);
    await page.evaluate(`for (const each of document.querySelectorAll('details.chapter'))
      if (${JSON.stringify(open)}.some((title) => each.textContent.trim().startsWith(title))) each.open = true`);
    writeFileSync(join(packageRoot, 'docs', file), await page.picture());
  });
}
