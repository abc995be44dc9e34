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

/** Values of the variables that a CI engine sets. */
const CI: Readonly<Record<string, string>> = { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '2', part: '2', HOST: 'labhost' };

function inCi(variable: string): string {
  const value = CI[variable];
  if (value === undefined) throw new Error(`no value for $${variable} in a recipe; add it to CI`);
  return value;
}

/** The arguments of `netifspec` in the shell blocks and CI recipes of a page. */
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

/** Splits a command into words, as a shell does. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b ?? '');
