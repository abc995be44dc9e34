/** `npm run docs:pictures`: docs/report.png, the HTML report of a failure. Needs Chromium. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '../cli/results.js';
import { packageRoot } from '../base/root.js';
import { CHROMIUM, CHROMIUM_NAMES } from './chromium.js';
import { html } from '../../reports/html.js';
import { groupSessions } from '../../reports/records.js';
import { sampleRecords } from './failure-sample.js';

const OTHERS = ['backend.xenbus.connect', 'backend.receive.full-ring'];
/**
 * Pixels: the width at which a repository page shows the image, and the height of this report down to the end of the
 * failure.
 */
const SIZE = '1080,1690';

if (CHROMIUM === undefined) {
  process.stderr.write(`docs:pictures needs one of ${CHROMIUM_NAMES.join(', ')}; install the package chromium\n`);
  process.exitCode = 3;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-pictures-'));
  const page = join(folder, 'report.html');
  const report = html(groupSessions(await sampleRecords(OTHERS, 'picture')), { strict: false, describe });
  // Opens the failure, as a click would.
  writeFileSync(page, report.replace('<details class="test failed"', '<details open class="test failed"'));
  const { status, stderr } = spawnSync(
    CHROMIUM,
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--user-data-dir=${folder}`],
      ...[`--window-size=${SIZE}`, '--blink-settings=preferredColorScheme=1'],
      ...[`--screenshot=${join(packageRoot, 'docs/report.png')}`, `file://${page}`],
    ],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) throw new Error(`${CHROMIUM} ended with ${status}: ${stderr}`);
}
