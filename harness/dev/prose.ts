/**
 * `npm run lint:prose`: the words of requirements, titles, messages, comments, `--help` texts, pages, and of what the
 * defects and legal drivers do, follow the house style.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../suites/catalogue.js';
import { MAIN, packageRoot } from '../base/root.js';
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import { findings, type Kind, proseOf } from './house-style.js';
import { commentsOf, messagesOf, shellCommentsOf, titlesOf } from './source-prose.js';

interface Text {
  /** A file, the id of a test or requirement, or a command. */
  readonly place: string;
  readonly kind: Kind;
  readonly text: string;
}

/** Generated from the catalogue, which is checked itself. */
const GENERATED = 'requirements.md';

function catalogueTexts(): Text[] {
  const titles = CATALOGUE.tests.map(({ id, title }) => ({ place: id, text: title }));
  const requirements = CATALOGUE.requirements.map(({ id, statement, note = '', untestable = '' }) => ({
    place: id,
    text: [statement, note, untestable].join('\n'),
  }));
  return [...titles, ...requirements].map((each) => ({ ...each, kind: 'catalogue' }));
}

/** What defects do wrong, and what legal drivers choose. */
function driverTexts(): Text[] {
  const faults = DEFECTS.map(({ id, fault }) => ({ place: id, text: fault }));
  const choices = LEGAL.map(({ id, choice }) => ({ place: id, text: choice }));
  return [...faults, ...choices].map((each) => ({ ...each, kind: 'title' }));
}

/** The `--help` of a command and, in it, of each of its subcommands. */
function helpTexts(command: readonly string[] = []): Text[] {
  const text = execFileSync(process.execPath, [MAIN, ...command, '--help'], { encoding: 'utf8' });
  const [, commands = ''] = /^Commands:\n((?: .*\n)+)/m.exec(text) ?? [];
  const names = [...commands.matchAll(/^ {2}([a-z]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  const place = ['netifspec', ...command, '--help'].join(' ');
  return [{ place, kind: 'help', text }, ...names.flatMap((name) => helpTexts([...command, name]))];
}

function pages(): Text[] {
  const inRoot = readdirSync(packageRoot);
  const inDocs = readdirSync(join(packageRoot, 'docs')).filter((name) => name !== GENERATED);
  return [...inRoot, ...inDocs.map((name) => `docs/${name}`)]
    .filter((name) => name.endsWith('.md'))
    .map((place) => ({ place, kind: 'page', text: proseOf(readFileSync(join(packageRoot, place), 'utf8')) }));
}

/** The comments and messages of source files, and the titles of unit tests. */
function sourceTexts(): Text[] {
  return ['harness', 'native', 'suites', 'reports']
    .flatMap((folder) =>
      readdirSync(join(packageRoot, folder), { encoding: 'utf8', recursive: true }).map((name) => join(folder, name)),
    )
    .filter((name) => name.endsWith('.ts'))
    .flatMap((place): Text[] => {
      const source = readFileSync(join(packageRoot, place), 'utf8');
      if (place.endsWith('.test.ts')) return [{ place, kind: 'title', text: titlesOf(source) }];
      return [
        { place, kind: 'comment', text: commentsOf(source) },
        { place, kind: 'message', text: messagesOf(source) },
      ];
    });
}

/** Scripts, configuration files and C++. */
const SCRIPTS = [
  ...['.ci', '.github', 'action.yml', 'templates', 'docs/ci', 'docs/examples'],
  ...['harness/lab/image', 'harness/lab/targets', 'native'],
];

/** The comments of scripts, configuration files and C++. */
function scriptTexts(): Text[] {
  const files = execFileSync('git', ['ls-files', ...SCRIPTS], { cwd: packageRoot, encoding: 'utf8' });
  return files
    .split('\n')
    .filter((name) => name !== '' && !/\.(?:ts|md)$/.test(name))
    .map((place) => {
      const source = readFileSync(join(packageRoot, place), 'utf8');
      const isShell = !/\.(?:cc|h|c|mjs)$/.test(place);
      return { place, kind: 'comment', text: isShell ? shellCommentsOf(source) : commentsOf(source) };
    });
}

const found = [
  ...pages(),
  ...driverTexts(),
  ...scriptTexts(),
  ...sourceTexts(),
  ...helpTexts(),
  ...catalogueTexts(),
].flatMap(({ place, kind, text }) =>
  findings(text, kind).map(({ line, word, advice }) => {
    const isFile = place.includes('/');
    const where = isFile ? `${place}:${line}` : place;
    return `${where}: "${word}": write ${advice}`;
  }),
);
for (const line of found) process.stdout.write(`${line}\n`);
process.exitCode = found.length > 0 ? 1 : 0;
