/** The folder of the installed package, with its package.json and the files that are not compiled. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error('netifspec: package.json is missing; install netifspec again');
  }
}

export const packageRoot = findRoot();

/** The compiled module of the command line. */
export const MAIN = join(packageRoot, 'dist/harness/cli/main.js');

/** netifspec's own version. */
export const version = (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string })
  .version;
