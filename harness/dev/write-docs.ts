/**
 * `npm run docs`: updates the generated parts of the pages: the schemas of target files and of records, the catalogue and
 * the sample of a run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { recordJsonSchema } from '../run/record-schema.js';
import { targetJsonSchema, targetPage } from '../run/template.js';
import { withCounts } from './counts.js';
import { SAMPLE_PAGES, sampleRecords, sampleText, withSample } from './failure-sample.js';
import { requirementsPage } from './requirements-page.js';

const read = (file: string): string => readFileSync(join(packageRoot, file), 'utf8');
const write = (file: string, text: string): void => writeFileSync(join(packageRoot, file), text);

write('docs/target-file.md', targetPage());
write('docs/target.schema.json', `${JSON.stringify(targetJsonSchema(), null, 2)}\n`);
write('docs/results.schema.json', `${JSON.stringify(recordJsonSchema(), null, 2)}\n`);
write('docs/requirements.md', requirementsPage());
write('README.md', withCounts(read('README.md')));
const records = await sampleRecords();
for (const [page, options] of Object.entries(SAMPLE_PAGES)) {
  write(page, withSample(read(page), sampleText(records, options)));
}
