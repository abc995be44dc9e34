/** The commands that the documentation shows, for the tests that run them. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../root.js';

export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(packageRoot, 'docs')).map((page) => `docs/${page}`),
].filter((page) => page.endsWith('.md'));

/** Folders of results that the pages take for granted. */
const RESULTS = ['results', 'results.old', 'results.last', 'results.shard-1', 'results.shard-2', 'part-1', 'part-2'];
/** What can't be done without a Xen host, a lab host or QEMU. */
export const NEEDS_HOST = /^lab (?!status|down)|--on |--target /;

/** Makes the results that the pages take for granted, in `folder`, where `netifspec` runs its arguments. */
export function makeResults(folder: string, netifspec: (...args: string[]) => unknown): void {
  const [first = '', ...others] = RESULTS;
  netifspec('run', '--test', 'frontend.xenbus.connect', '--out', first);
  for (const other of others) cpSync(join(folder, first), join(folder, other), { recursive: true });
}

/** What a CI engine puts in the place of its variables. */
const CI: Readonly<Record<string, string>> = { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '2', part: '2', HOST: 'labhost' };

function inCi(variable: string): string {
  const value = CI[variable];
  if (value === undefined) throw new Error(`nothing stands for $${variable} of a recipe`);
  return value;
}

/** The commands in a page's blocks of shell, and in its recipes for CI engines: what stands behind `netifspec`. */
export function commandsOf(page: string): string[] {
  const text = readFileSync(join(packageRoot, page), 'utf8');
  const blocks = (languages: string): string[] =>
    [...text.matchAll(new RegExp(`^\`\`\`(?:${languages})\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
  const shell = blocks('sh')
    .flatMap((block) => block.split('\n'))
    .flatMap((line) => /^(?:npx )?netifspec (.*)$/.exec(line)?.[1] ?? []);
  const recipes = blocks('yaml|groovy').flatMap((block) =>
    [...block.matchAll(/\bnpx netifspec ([^"\n]*(?:\n +--[^"\n]*)*)/g)].map(([, command = '']) =>
      command
        .replace(/\s+/g, ' ')
        .replace(/\$(?:\{\{ matrix\.(\w+) \}\}|(\w+))/g, (_, a: string, b: string) => inCi(a || b)),
    ),
  );
  return [...shell, ...recipes];
}

/** A command's words, as a shell makes them. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b ?? '');
