/** The page of the drivers that were tested, made from the records of their runs. */
import { CATALOGUE } from '../../suites/catalogue.js';
import { PREFIXES, prefixOf } from '../../suites/requirements/prefixes.js';
import { type Group, summarise } from '../../reports/records.js';
import { type Observed, type Standing, standings } from '../../reports/standings.js';
import { type Role, ROLES } from '../run/record.js';
import { markdownTable, plainText } from './markdown-table.js';

const HEAD = `# Drivers

Made by \`npm run docs:drivers\` from the records of whole runs in the lab. Each column is a driver, each row a requirement
that some driver was seen to keep or to break.

| mark  | meaning                                                                       |
| ----- | ----------------------------------------------------------------------------- |
| yes   | every check of the requirement passed                                         |
| _n_   | a check failed, for the reason with that number below the table               |
| no    | a check failed, for a reason that nobody has looked up yet                    |
| warns | the driver departs from a should                                              |
| -     | not observed: the driver does not have the feature, or no test could look at it |
`;

const MARKS: Readonly<Record<Standing, string>> = {
  passed: 'yes',
  warned: 'warns',
  failed: 'no',
  known: 'no',
  error: '-',
  unreached: '-',
  unobserved: '-',
  untestable: '-',
  unbound: '-',
};

/** docs/drivers.md. The groups are in the order of the columns. */
export function driversPage(groups: readonly Group[]): string {
  return `${[HEAD, ...ROLES.flatMap((role) => sectionOf(role, groups))].join('\n')}\n`;
}

function sectionOf(role: Role, all: readonly Group[]): string[] {
  const groups = all.filter(({ session }) => session.role === role);
  if (groups.length === 0) return [];
  const notes = new Notes();
  const columns = groups.map((group) => ({ group, results: standings(group, CATALOGUE, false) }));
  const rows = CATALOGUE.requirements.flatMap(({ id, level, statement }) => {
    const cells = columns.map(({ group, results }) => mark(results.get(id), group, notes));
    const link = `[${id}](requirements.md#${id.toLowerCase()})`;
    return cells.every((cell) => cell === '-') ? [] : [{ id, cells: [link, level, plainText(statement), ...cells] }];
  });
  const names = groups.map(({ session }) => session.target);
  const chapters = [...new Set(rows.map(({ id }) => prefixOf(id)))].flatMap((prefix) => [
    `### ${role}s: ${PREFIXES[prefix] ?? prefix}`,
    '',
    ...markdownTable(
      ['id', 'level', 'requirement', ...names],
      rows.filter(({ id }) => prefixOf(id) === prefix).map(({ cells }) => cells),
    ),
    '',
  ]);
  const title = role === 'frontend' ? 'Frontends' : 'Backends';
  return [
    `## ${title}`,
    '',
    ...overview(groups),
    '',
    ...chapters,
    `### Known deviations of the ${role}s`,
    '',
    ...notes.lines(),
    '',
  ];
}

function overview(groups: readonly Group[]): string[] {
  return markdownTable(
    ['driver', 'date', 'Xen', 'kernel', 'tests run', 'passed', 'known deviations', 'failed', 'warned'],
    groups.map((group) => {
      const { session } = group;
      const { executed, passed, expected, failed, warned } = summarise(group, false);
      const facts = [session.facts['xen'], session.facts['kernel']].map((fact) => plainText(fact ?? '-'));
      return [
        session.target,
        session.started.slice(0, 10),
        ...facts,
        ...[executed, passed, expected, failed, warned].map(String),
      ];
    }),
  );
}

/** The numbered reasons of known deviations. */
class Notes {
  readonly #numbers = new Map<string, number>();

  numberOf(reason: string, source: string): number {
    const text = `${plainText(reason)} (${plainText(source)})`;
    const number = this.#numbers.get(text) ?? this.#numbers.size + 1;
    this.#numbers.set(text, number);
    return number;
  }

  lines(): string[] {
    return [...this.#numbers].map(([text, number]) => `${number}. ${text}`);
  }
}

function mark(observed: Observed | undefined, { tests }: Group, notes: Notes): string {
  if (!observed) return '-';
  const worst = observed.tests.filter(([, outcome]) => outcome === 'known').map(([{ id }]) => id);
  const reasons = tests.flatMap(({ id, expectation }) => (expectation && worst.includes(id) ? [expectation] : []));
  if (observed.standing !== 'known' || reasons.length === 0) return MARKS[observed.standing];
  const numbers = new Set(reasons.map(({ reason, source }) => notes.numberOf(reason, source)));
  return [...numbers].map((number) => `_${number}_`).join(' ');
}
