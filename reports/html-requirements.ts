/** The requirements, by chapter, with the result of each driver. */
import { PREFIXES, prefixOf } from '../suites/requirements/prefixes.js';
import { ROLES } from '../harness/run/record.js';
import { bar, countOutcomes, type Driver, driverPlace, type Report, ruleplace, testLink } from './html-model.js';
import { html as h, type Markup } from './markup.js';
import type { Observed, Standing } from './standings.js';

/** The word and the sign of each result, from worst to best. */
const RESULTS: Readonly<Record<Standing, readonly [word: string, sign: string, meaning: string]>> = {
  failed: ['broken', '\u00d7', 'a check failed'],
  error: ['error', '!', 'the environment failed during a check'],
  warned: ['not kept', '~', 'a check of a SHOULD, or of good practice, failed'],
  known: ['known', '\u2248', 'a check failed as the expectations file says'],
  passed: ['held', '\u2713', 'every check held'],
  unreached: ['not reached', '\u2026', 'a test failed before its check'],
  unobserved: ['not observed', '\u2013', 'no check could be made with this driver or in this run'],
  untestable: ['not testable', '\u2205', 'no peer can check it'],
  unbound: ['', '', 'the requirement does not bind this end, or is newer than the header of the run'],
};
const ORDER = Object.keys(RESULTS) as Standing[];
/** Results that count as checked, and those without a result that could have one. */
const CHECKED: readonly Standing[] = ['failed', 'error', 'warned', 'known', 'passed'];
const OPEN: readonly Standing[] = ['unreached', 'unobserved'];

/** Number of drivers up to which a cell has its word. */
const WORDY = 8;
/** Number of drivers from which the table scrolls sideways. */
const WIDE = 16;

type Size = 'one' | 'few' | 'many' | 'scrolls';

/** How much room a column has. */
function sizeOf({ drivers }: Report): Size {
  if (drivers.length === 1) return 'one';
  return drivers.length <= WORDY ? 'few' : drivers.length <= WIDE ? 'many' : 'scrolls';
}

interface Row {
  readonly id: string;
  readonly cells: readonly Observed[];
}

const UNBOUND: Observed = { standing: 'unbound', tests: [] };

/** The table of requirements, with a column for each driver. */
export function* requirementSection(report: Report): Generator<Markup> {
  const { drivers } = report;
  const ids = new Set(drivers.flatMap(({ standings }) => [...standings.keys()]));
  const rows = [...ids]
    .map((id): Row => ({ id, cells: drivers.map(({ standings }) => standings.get(id) ?? UNBOUND) }))
    .filter(({ cells }) => cells.some(({ standing }) => standing !== 'unbound'));
  const chapters = new Map<string, Row[]>();
  for (const row of rows) {
    const prefix = prefixOf(row.id);
    chapters.set(prefix, [...(chapters.get(prefix) ?? []), row]);
  }
  const size = sizeOf(report);
  yield h`<section id="requirements"><h2>Requirements <small>${rows.length}</small></h2>
${filter(rows, drivers.length > 1)}
<div class="matrix ${size === 'scrolls' ? 'many scrolls' : size}" style="--n:${drivers.length}">
${drivers.length > 1 ? [heads(drivers), sums(rows, drivers)] : undefined}
`;
  for (const [prefix, rows] of chapters) yield chapter(prefix, rows, report);
  yield h`</div></section>`;
}

function filter(rows: readonly Row[], several: boolean): Markup {
  const found = ORDER.filter((each) => each !== 'unbound' && rows.some(({ cells }) => has(cells, each)));
  const count = (standing: Standing): number => rows.filter(({ cells }) => has(cells, standing)).length;
  const differing = rows.filter(({ cells }) => differs(cells)).length;
  return h`<div class="filter" role="group" aria-label="Filter the requirements" data-items="tr" data-show="requirement" data-find="about" hidden>
<button type="button" value="" aria-pressed="true">all ${rows.length}</button>
${found.map(
  (each) =>
    h`<button type="button" value="${each}" class="${each}" aria-pressed="false" title="${RESULTS[each][2]}">${RESULTS[each][0]} ${count(each)}</button>`,
)}
${several && differing > 0 ? h`<button type="button" value="differs" aria-pressed="false" title="checked with different results">differs ${differing}</button>` : undefined}
<input type="search" placeholder="id or words of a requirement" aria-label="Words in the id or text of a requirement">
</div>`;
}

const has = (cells: readonly Observed[], standing: Standing): boolean =>
  cells.some((cell) => cell.standing === standing);

/** Whether drivers for which a requirement was checked have different results. */
function differs(cells: readonly Observed[]): boolean {
  return new Set(cells.flatMap(({ standing }) => (CHECKED.includes(standing) ? [standing] : []))).size > 1;
}

/** The names of the drivers, below their role. */
function heads(drivers: readonly Driver[]): Markup {
  const roles = ROLES.map((role) => [role, drivers.filter(({ session }) => session.role === role).length] as const);
  return h`<div class="heads"><span class="corner"></span>${roles
    .toReversed()
    .map(([role, n]) =>
      n === 0 ? undefined : h`<span class="role" style="grid-column:span ${n}">${role}${n > 1 ? 's' : ''}</span>`,
    )}
<span class="corner"></span>${drivers.map(
    (driver) =>
      h`<a href="#${driverPlace(driver)}" title="${driver.session.target}"><span>${driver.session.target}</span></a>`,
  )}</div>`;
}

/** The sums over all tests and all requirements. */
function sums(rows: readonly Row[], drivers: readonly Driver[]): Markup {
  const tests = drivers.map(({ outcomes }) =>
    totalCell(countOutcomes(outcomes.values()).map(([kind, count]) => [kind, count, kind])),
  );
  return h`<div class="sum"><span class="title">All requirements <small>${rows.length}</small></span>${drivers.map((_, column) => total(rows.flatMap(({ cells }) => cells[column] ?? [])))}</div>
<div class="sum"><span class="title">All tests</span>${tests}</div>
`;
}

function chapter(prefix: string, rows: readonly Row[], report: Report): Markup {
  const single = report.drivers.length === 1;
  return h`<details class="chapter"${single && rows.some(({ cells }) => has(cells, 'failed')) ? h` open` : undefined}>
<summary><span class="title">${PREFIXES[prefix] ?? prefix} <small>${prefix}, ${rows.length}</small></span>${report.drivers.map(
    (_, column) => total(rows.flatMap(({ cells }) => cells[column] ?? [])),
  )}</summary>
<table>${rows.map((row) => rowOf(row, report))}</table></details>
`;
}

/** How many of the requirements that could be checked with a driver held. */
function total(cells: readonly Observed[]): Markup {
  const results = ORDER.filter((each) => CHECKED.includes(each) || OPEN.includes(each));
  return totalCell(
    results.flatMap((each): Count[] => {
      const count = cells.filter(({ standing }) => standing === each).length;
      return count === 0 ? [] : [[each, count, RESULTS[each][0]]];
    }),
  );
}

type Count = readonly [kind: string, count: number, word: string];

/** @param counts worst first */
function totalCell(counts: readonly Count[]): Markup {
  const [worst] = counts;
  if (!worst) return h`<span class="total"></span>`;
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  const held = counts.find(([kind]) => kind === 'passed')?.[1] ?? 0;
  const words = counts.map(([, count, word]) => `${count} ${word}`).join(', ');
  return h`<span class="total ${worst[0]}" title="${words}"><b>${held}</b><small>/${all}</small>${bar(counts)}</span>`;
}

function rowOf({ id, cells }: Row, report: Report): Markup {
  const rule = report.catalogue.find(id);
  const kinds = [...new Set(cells.map(({ standing }) => standing)), ...(differs(cells) ? ['differs'] : [])].join(' ');
  return h`<tr id="${ruleplace(id)}" class="${kinds}"><th scope="row"><details><summary><code>${id}</code> <span>${rule?.statement}</span></summary>
<div class="evidence">${rule && h`<p><b>${rule.level}</b> for ${rule.side === 'both' ? 'both ends' : `the ${rule.side}`}; ${rule.source}${rule.lines && h` (${rule.lines})`}</p>`}${
    rule?.note && h`<p>${rule.note}</p>`
  }${reasons(cells, report)}${tests(cells, report)}</div></details></th>${cells.map((each) => cell(each, sizeOf(report)))}</tr>
`;
}

/** Why there are no results, once for all drivers with the same reason. */
function reasons(cells: readonly Observed[], { drivers }: Report): Markup {
  const byReason = new Map<string, string[]>();
  cells.forEach(({ standing, why }, column) => {
    if (why === undefined) return;
    const key = `${RESULTS[standing][0]}: ${why}`;
    byReason.set(key, [...(byReason.get(key) ?? []), drivers[column]?.session.target ?? '']);
  });
  const several = drivers.length > 1;
  return h`${[...byReason].map(([why, targets]) => h`<p>${several ? h`<b>${targets.join(', ')}</b> ` : undefined}${why}</p>`)}`;
}

/** The tests that checked a requirement; with several drivers, those that differ from a pass are linked by driver. */
function tests(cells: readonly Observed[], { drivers }: Report): Markup | undefined {
  const byId = new Map<string, Markup[]>();
  for (const { tests } of cells) {
    for (const [test, result] of tests) {
      const links = byId.get(test.id);
      if (!links) byId.set(test.id, [testLink(test, h`<code>${test.id}</code>`, result)]);
      if (drivers.length > 1 && result !== 'passed')
        byId.set(test.id, [...(byId.get(test.id) ?? []), h` ${testLink(test, test.target, result)}`]);
    }
  }
  return byId.size === 0 ? undefined : h`<ul>${[...byId.values()].map((links) => h`<li>${links}</li>`)}</ul>`;
}

function cell({ standing, tests }: Observed, size: Size): Markup {
  const [word, sign] = RESULTS[standing];
  if (standing === 'unbound') return h`<td class="unbound"></td>`;
  const text = size === 'one' ? h`${word}` : size === 'few' ? h`${sign} <span>${word}</span>` : h`${sign}`;
  const worst = standing === 'passed' ? undefined : tests.find(([, result]) => result === standing)?.[0];
  const title = size === 'one' ? undefined : h` title="${word}"`;
  return h`<td class="${standing}"${title}>${worst ? testLink(worst, text) : text}</td>`;
}
