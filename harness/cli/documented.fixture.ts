/** The commands in the documentation, for the tests that run them. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { combinations } from '../explore/combinations.js';

export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'RELEASING.md',
  'SECURITY.md',
  ...readdirSync(join(packageRoot, 'docs')).map((page) => `docs/${page}`),
].filter((page) => page.endsWith('.md'));

/** Folders of results that the pages assume. */
const RESULTS = ['results', 'results.old', 'results.last', 'results.shard-1', 'results.shard-2', 'part-1', 'part-2'];
/** Commands that need a Xen host, a lab host or QEMU. */
export const NEEDS_HOST = /^lab (?!status|down)|--on |--target /;

/** Creates the results that the pages assume in `folder`; `netifspec` runs its arguments there. */
export function makeResults(folder: string, netifspec: (...args: string[]) => unknown): void {
  const [first = '', ...others] = RESULTS;
  netifspec('run', '--test', 'frontend.xenbus.connect', '--out', first);
  for (const other of others) cpSync(join(folder, first), join(folder, other), { recursive: true });
  const sequences = join(folder, first, 'explore/sequences');
  mkdirSync(sequences, { recursive: true });
  const script = { role: 'backend', start: combinations(2).rows.slice(0, 2), steps: [] };
  writeFileSync(join(sequences, 'backend.explore.mcast-09.json'), JSON.stringify(script));
}

/** The arguments of `netifspec` in the shell blocks of a page. */
export function commandsOf(page: string): string[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  return [...text.matchAll(/^```sh\n([^]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .flatMap((line) => /^(?:npx )?netifspec (.*)$/.exec(line)?.[1] ?? []);
}

/** Splits a command into words, as a shell does. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b ?? '');
