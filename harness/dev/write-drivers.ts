/** `npm run docs:drivers -- DIR…`: writes docs/drivers.md from the results in these folders. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordFiles, runIn } from '../cli/record-files.js';
import { packageRoot } from '../base/root.js';
import { groupSessions } from '../../reports/records.js';
import { driversPage } from './drivers-page.js';

const files = process.argv.slice(2).flatMap((folder) => recordFiles(folder));
const groups = files.flatMap((file) => groupSessions(runIn(file, { traces: false })));
writeFileSync(join(packageRoot, 'docs/drivers.md'), driversPage(groups));
