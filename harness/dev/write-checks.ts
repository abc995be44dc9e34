/** `npm run checks`: writes suites/checks.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { checksOf, observedTests } from './observed-tests.js';

const rows = Object.entries(checksOf(await observedTests())).map(
  ([id, checks]) => `  '${id}': [${checks.map((each) => `'${each}'`).join(', ')}],\n`,
);
writeFileSync(
  join(packageRoot, 'suites/checks.ts'),
  `/** The requirements that the checks of each test name. Written by \`npm run checks\`, and held against runs by a test. */
// prettier-ignore
export const CHECKS: Readonly<Record<string, readonly string[]>> = {
${rows.join('')}};
`,
);
