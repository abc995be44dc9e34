/** `npm run docs`: writes the pages that are made of the target file's schema. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.js';
import { targetJsonSchema, targetPage } from '../run/template.js';

writeFileSync(join(packageRoot, 'docs/target-file.md'), targetPage());
writeFileSync(join(packageRoot, 'docs/target.schema.json'), `${JSON.stringify(targetJsonSchema(), null, 2)}\n`);
