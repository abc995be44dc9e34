/**
 * `npm run docs:pictures`: docs/report.png, the HTML report of a failure, and docs/matrix.png, that of a fleet. Needs
 * Chromium.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import type { ResultRecord } from '../run/record.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { html } from '../../reports/html.js';
import { groupSessions } from '../../reports/records.js';
import { withPage } from './browser.js';
import { CHROMIUM, CHROMIUM_NAMES } from './chromium.js';
import { sampleRecords } from './failure-sample.js';
import { fleetRecords } from './fleet-sample.js';

const OTHERS = ['backend.xenbus.connect', 'backend.receive.full-ring'];

/** The size is in pixels, its height down to the end of what the picture is about. */
interface Picture {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly records: () => Promise<readonly ResultRecord[]>;
  /** Chapters of requirements that are unfolded, by their titles. */
  readonly open: readonly string[];
}

const PICTURES: readonly Picture[] = [
  { file: 'report.png', width: 1080, height: 1392, records: () => sampleRecords(OTHERS, 'picture'), open: [] },
  { file: 'matrix.png', width: 1280, height: 1150, records: fleetRecords, open: ['trusted', 'link state'] },
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

async function take({ file, width, height, records, open }: Picture, path: string): Promise<void> {
  const groups = groupSessions(await records());
  writeFileSync(path, [...html(groups, { strict: false, catalogue: CATALOGUE })].join(''));
  await withPage(async (page) => {
    await page.look({ width, height });
    await page.open(`file://${path}`);
    await page.evaluate(`for (const each of document.querySelectorAll('details.chapter'))
      if (${JSON.stringify(open)}.some((title) => each.textContent.trim().startsWith(title))) each.open = true`);
    writeFileSync(join(packageRoot, 'docs', file), await page.picture());
  });
}
