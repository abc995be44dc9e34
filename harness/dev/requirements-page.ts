/** The page of all requirements, generated from the catalogue, the suites and the defects. */
import { DEFECTS } from '../reference/defects/index.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { PREFIXES, prefixOf } from '../../suites/requirements/prefixes.js';
import { rulesOf } from '../run/monitored.js';
import { markdownTable, plainText } from './markdown-table.js';
import { HEADERS, type Requirement, TEXT_VERSIONS } from '../run/requirement.js';

const COLUMNS = ['id', 'side', 'level', 'since', 'requirement', 'source', 'tests', 'defects'];

const HEAD = `# Requirements

Made by \`npm run docs\` from the catalogue in \`suites/requirements/\`, the suites and the defects. Ids are permanent.

- **side**: the end that the requirement binds.
- **level**: must, should or may, as the header words it; de-facto where no header says it, but drivers agree and peers
  rely on it.
- **since**: the first version of the header that has the requirement; see [versions](#versions).
- **source**: where the requirement is stated; for a must, also the lines of the header that oblige, in
  ${HEADERS}.
- **tests**: the tests with a check that names the requirement, and the rules of the monitor (\`ROLE.monitor.…\`), which
  every test checks; or why no peer can check it.
- **defects**: the deliberate faults that break the requirement; \`netifspec validate\` shows that the tests catch them.
`;

/** docs/requirements.md. Throws if a prefix of the catalogue has no title here. */
export function requirementsPage(): string {
  const prefixes = [...new Set(CATALOGUE.requirements.map(({ id }) => prefixOf(id)))];
  const sections = prefixes.map((prefix) => {
    const title = PREFIXES[prefix];
    if (title === undefined)
      throw new Error(`prefix ${prefix} of the catalogue has no title in suites/requirements/prefixes.ts`);
    const rows = CATALOGUE.requirements.filter(({ id }) => prefixOf(id) === prefix).map(row);
    return [`## ${prefix}: ${title}`, '', ...markdownTable(COLUMNS, rows)].join('\n');
  });
  const versions = markdownTable(['version', 'what it adds'], Object.entries(TEXT_VERSIONS));
  return [HEAD, sections.join('\n\n'), '', '## Versions', '', ...versions, ''].join('\n');
}

function row({ id, side, level, since, statement, source, lines, note, untestable }: Requirement): string[] {
  const tests = [...CATALOGUE.checking(id), ...rulesOf(id).map((rule) => rule.id)].map((test) => `\`${test}\``);
  const defects = DEFECTS.filter(({ breaks }) => breaks === id).map((defect) => `\`${defect.id}\``);
  const said = note === undefined ? plainText(statement) : `${plainText(statement)}<br>_${plainText(note)}_`;
  return [
    `<a id="${id.toLowerCase()}"></a>${id}`,
    side,
    level,
    since,
    said,
    lines === undefined ? plainText(source) : `${plainText(source)}<br>${plainText(lines)}`,
    untestable === undefined ? tests.join('<br>') : `_untestable: ${plainText(untestable)}_`,
    defects.join('<br>'),
  ];
}
