/** The history of runs as a page. */
import type { Describe } from './explain.js';
import type { RunSummary, Series, TargetHistory } from './history.js';
import { html as h, Markup } from './markup.js';
import { page } from './page.js';
import type { Outcome } from './records.js';

const STYLE = `
.strip { display: flex; gap: 1px; height: 14px; min-width: 8rem; } .strip i { background: var(--hue, transparent); }
.flaky { color: var(--warned); font-weight: 600; } .history td:nth-child(2) { min-width: 16rem; }
.history > h3, .history > details { margin-top: 1.5rem; }
`;

/** Number of runs, the last ones, in the strip of a test. */
const STRIP = 60;

/** One self-contained page with a section for each target. */
export function historyHtml(targets: readonly TargetHistory[], describe: Describe): string {
  const body = h`<style>${new Markup(STYLE)}</style>
<h1>netifspec: history</h1>
${targets.length === 0 ? h`<p class="problem">No run was found.</p>` : h`<p class="soft">Results of each target, oldest run first.</p>`}
<div class="history">${targets.map((target) => section(target, describe))}</div>`;
  return page('netifspec: history', body);
}

function section({ target, role, runs, tests, requirements }: TargetHistory, describe: Describe): Markup {
  const last = runs.at(-1);
  const named = (id: string): Markup => h`<code>${id}</code>`;
  const stated = (id: string): Markup => h`<code>${id}</code> ${describe(id)?.statement}`;
  const failing = tests.filter(({ failsSince }) => failsSince !== undefined);
  const flaky = tests.filter((each) => each.flaky && each.failsSince === undefined);
  const hasFailed = ({ outcomes }: Series): boolean => outcomes.includes('failed');
  const failed = requirements.filter(hasFailed);
  const others = requirements.filter((each) => !hasFailed(each));
  return h`<h2>${target}</h2>
<p class="soft">${role}, ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} from ${day(runs[0]?.started)} to ${day(last?.started)};
last run: ${last && verdict(last)}</p>
<div class="cards">
<section class="card"><h3>Pass rate</h3>${plot(runs, 'pass rate by run', '%', ({ passRate }) => (passRate === null ? null : passRate * 100))}</section>
<section class="card"><h3>Duration</h3>${plot(runs, 'duration by run', 's', ({ durationMs }) => durationMs / 1000)}</section>
</div>
${titled('Failing tests', table('Test', failing, runs, named))}
${titled('Flaky tests', table('Test', flaky, runs, named))}
${titled('Requirements that failed', table('Requirement', failed, runs, stated))}
${folded(
  `${others.length} ${others.length === 1 ? 'requirement' : 'requirements'} without a failure`,
  table('Requirement', others, runs, stated),
)}`;
}

function verdict({ passed, warned, failed, errors, problem }: RunSummary): Markup {
  const counts = h`${passed} passed, ${warned} warned, ${failed} failed, ${errors} errors`;
  return problem === undefined ? counts : h`${counts}; <span class="problem">${problem}</span>`;
}

const titled = (title: string, content: Markup | undefined): Markup | undefined =>
  content && h`<h3>${title}</h3>${content}`;
const folded = (title: string, content: Markup | undefined): Markup | undefined =>
  content && h`<details><summary>${title}</summary>${content}</details>`;

/** A row for each series; nothing if there are none. */
function table(
  what: string,
  all: readonly Series[],
  runs: readonly RunSummary[],
  name: (id: string) => Markup,
): Markup | undefined {
  if (all.length === 0) return undefined;
  return h`<div class="wide"><table>
<thead><tr><th>Pass rate</th><th>${what}</th><th>Last ${Math.min(STRIP, runs.length)} runs</th><th>Fails since</th><th>Median</th></tr></thead>
<tbody>${all.map((series) => row(series, runs, name))}</tbody>
</table></div>`;
}

function row(
  { id, outcomes, passRate, flaky, failsSince, message, medianMs }: Series,
  runs: readonly RunSummary[],
  name: (id: string) => Markup,
): Markup {
  return h`<tr><th>${passRate === null ? '–' : percent(passRate)}</th>
<td>${name(id)}${flaky ? h` <span class="flaky">flaky</span>` : undefined}${message && h`<br><small>${message}</small>`}</td>
<td>${strip(outcomes, runs)}</td><td>${day(failsSince)}${whatChanged(runs, failsSince).map((each) => h`<br><small>${each}</small>`)}</td><td>${medianMs === undefined ? '' : `${(medianMs / 1000).toFixed(2)} s`}</td></tr>
`;
}

/** What differs between the run that started at `since` and the run before it: facts, and the version of netifspec. */
function whatChanged(runs: readonly RunSummary[], since: string | undefined): string[] {
  const index = runs.findIndex(({ started }) => started === since);
  const [before, now] = [runs[index - 1], runs[index]];
  if (!before || !now) return [];
  const [old, present] = [before, now].map(({ facts, netifspec }): Record<string, string> => ({ ...facts, netifspec }));
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(present ?? {})])]
    .filter((key) => old?.[key] !== present?.[key])
    .map((key) => `${key}: ${old?.[key] ?? '–'} → ${present?.[key] ?? '–'}`);
}

/** A coloured field for each row of runs with the same result, as wide as their number. */
function strip(outcomes: readonly (Outcome | null)[], runs: readonly RunSummary[]): Markup {
  const rows: { result: Outcome | null; from: number; to: number }[] = [];
  for (let n = Math.max(0, outcomes.length - STRIP); n < outcomes.length; n++) {
    const result = outcomes[n] ?? null;
    const last = rows.at(-1);
    if (last?.result === result) last.to = n;
    else rows.push({ result, from: n, to: n });
  }
  const fields = rows.map(({ result, from, to }) => {
    const when = from === to ? '' : ` to ${day(runs[to]?.started)}`;
    const title = `${result ?? 'no result'}: ${day(runs[from]?.started)}${when}`;
    return h`<i class="${result ?? ''}" style="flex:${to - from + 1}" title="${title}"></i>`;
  });
  return h`<div class="strip">${fields}</div>`;
}

const WIDTH = 420;
const HEIGHT = 160;
const MARGIN = 14;
const LEFT = 60;

/** A value of each run, oldest first. */
function plot(
  runs: readonly RunSummary[],
  what: string,
  unit: string,
  valueOf: (run: RunSummary) => number | null,
): Markup {
  const most = Math.max(...runs.map((run) => valueOf(run) ?? 0), 1e-9);
  const x = (n: number): string => (LEFT + (n / Math.max(1, runs.length - 1)) * (WIDTH - LEFT - MARGIN)).toFixed(1);
  const y = (value: number): string => (HEIGHT - MARGIN - (value / most) * (HEIGHT - 2 * MARGIN)).toFixed(1);
  const points = runs.flatMap((run, n) => {
    const value = valueOf(run);
    return value === null ? [] : [{ n, value, run }];
  });
  return h`<svg class="plot" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-label="${what}">
<line class="axis" x1="${LEFT}" y1="${y(0)}" x2="${WIDTH - MARGIN}" y2="${y(0)}"/>
<line class="axis" x1="${LEFT}" y1="${y(0)}" x2="${LEFT}" y2="${MARGIN}"/>
<polyline points="${points.map(({ n, value }) => `${x(n)},${y(value)}`).join(' ')}"/>
${points.map(({ n, value, run }) => h`<circle cx="${x(n)}" cy="${y(value)}" r="3"><title>${day(run.started)}: ${value.toFixed(1)} ${unit}</title></circle>`)}
<text x="${LEFT - 6}" y="${y(most)}" dy="4" text-anchor="end">${most.toFixed(1)} ${unit}</text>
<text x="${LEFT - 6}" y="${y(0)}" text-anchor="end">0</text></svg>`;
}

const percent = (rate: number): string => `${(rate * 100).toFixed(1)} %`;

/** Date and time of a run, to the minute. */
const day = (started: string | undefined): string => started?.slice(0, 16).replace('T', ' ') ?? '';
