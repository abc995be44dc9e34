/** The head of the HTML report: what ran when on what, and how it ended. */
import type { SessionRecord } from '../harness/run/record.js';
import { bar, countOutcomes, counted, type Driver, driverPlace, duration, type Report } from './html-model.js';
import { html as h, type Markup } from './markup.js';
import { exitCode, shortfall, summarise } from './records.js';

/** Facts that stand at the top, in this order, with their titles; all others are under "Environment". */
const FACTS: Readonly<Record<string, string>> = {
  driver: 'Driver',
  'driver.version': 'Driver version',
  kernel: 'Kernel',
  xen: 'Xen',
  spec: 'Header',
};

export function headSection(report: Report): Markup {
  const { drivers, strict } = report;
  const code = exitCode(drivers, { strict });
  const kind = code === 0 ? 'passed' : code === 1 ? 'failed' : 'error';
  const [only] = drivers;
  return h`<header class="head ${kind}"><p class="brand">netifspec</p>
<h1>${drivers.length === 1 && only ? h`${only.session.target}: ` : undefined}${headline(report, code)}</h1>
${drivers.length === 1 && only ? single(only, report) : common(report)}</header>`;
}

function headline({ drivers, strict }: Report, code: 0 | 1 | 3): string {
  const summaries = drivers.map((driver) => summarise(driver, strict));
  const sum = (of: 'failed' | 'errors' | 'executed'): number => summaries.reduce((n, each) => n + each[of], 0);
  if (drivers.length === 0) return 'no results';
  if (code === 0)
    return drivers.length === 1
      ? 'all results are as expected'
      : `${counted(drivers.length, 'driver')}, all results are as expected`;
  const [failed, errors] = [sum('failed'), sum('errors')];
  const incomplete = code === 3 && errors === 0 ? ['results are missing'] : [];
  if (drivers.length === 1) {
    const all = ` of ${counted(sum('executed'), 'test')}`;
    const bad = [
      ...(failed > 0 ? [`${failed}${all} failed`] : []),
      ...(errors > 0 ? [`${errors}${failed > 0 ? '' : all} ended in an error`] : []),
    ];
    return [...bad, ...incomplete].join('; ') || 'not all tests have a result';
  }
  const wrong = summaries.filter(({ unexpected, complete }) => unexpected > 0 || !complete).length;
  return [`${wrong} of ${counted(drivers.length, 'driver')} not as expected`, ...incomplete].join('; ');
}

function single(driver: Driver, { strict }: Report): Markup {
  const { session } = driver;
  const summary = summarise(driver, strict);
  const top = Object.entries(FACTS).flatMap(([key, title]): [string, string][] => {
    const value = session.facts[key];
    return value === undefined ? [] : [[title, value]];
  });
  const all: [string, Markup | string][] = [
    ['Date', date(session.started)],
    ['Duration', took(driver)],
    ['Tests executed', `${summary.executed} of ${session.planned}`],
    ['Requirements checked', `${summary.checked} of ${session.requirements}`],
    ...top,
    ['netifspec', session.version],
    ['Xen adapter', adapter(session)],
  ];
  return h`${problem(driver)}${counts(driver)}
${facts(all)}
${environment(driver)}`;
}

/** What the runs of several drivers have in common. */
function common({ drivers }: Report): Markup {
  const values = (of: (driver: Driver) => string | undefined): string =>
    [...new Set(drivers.flatMap((driver) => of(driver) ?? []))].join(', ');
  const starts = drivers.map(({ session }) => session.started).sort();
  const [first, last] = [starts[0], starts.at(-1)];
  return facts([
    [
      'Date',
      first && last ? h`${date(first)}${last.slice(0, 10) === first.slice(0, 10) ? '' : h` to ${date(last)}`}` : '',
    ],
    ['netifspec', values(({ session }) => session.version)],
    ['Header', values(({ session }) => session.facts['spec'])],
    ['Xen adapter', values(({ session }) => adapter(session))],
  ]);
}

function facts(all: readonly (readonly [title: string, value: Markup | string])[]): Markup {
  return h`<dl class="facts">${all.map(([title, value]) => (value === '' ? undefined : h`<div><dt>${title}</dt><dd>${value}</dd></div>`))}</dl>`;
}

/** The runs of several drivers, a line for each. */
export function driverSection(report: Report): Markup {
  return h`<section id="drivers"><h2>Drivers <small>${report.drivers.length}</small></h2>
<div class="wide"><table class="drivers">
<thead><tr><th>Target</th><th>Results</th><th>Driver</th><th>Date</th><th>Duration</th></tr></thead>
<tbody>${report.drivers.map((driver) => {
    const { session } = driver;
    const { executed, checked } = summarise(driver, report.strict);
    const { driver: name, kernel, xen } = session.facts;
    const version = session.facts['driver.version'];
    return h`<tr><th scope="row"><a href="#${driverPlace(driver)}">${session.target}</a><small>${session.role}</small></th>
<td>${problem(driver)}${counts(driver)}<small>${executed} of ${session.planned} tests executed, ${checked} of ${session.requirements} requirements checked</small>${environment(driver)}</td>
<td>${[name, version, kernel, xen && `Xen ${xen}`].filter(Boolean).join(', ')}<small>netifspec ${session.version}, ${adapter(session)}</small></td>
<td>${date(session.started)}</td><td>${took(driver)}</td></tr>`;
  })}</tbody></table></div></section>`;
}

function counts({ outcomes }: Driver): Markup {
  const all = countOutcomes(outcomes.values());
  return h`${bar(all)}<ul class="counts">${all.map(([kind, n]) => h`<li class="${kind}"><b>${n}</b> ${kind}</li>`)}</ul>`;
}

function problem(driver: Driver): Markup | undefined {
  const text = shortfall(driver);
  return text === undefined ? undefined : h`<p class="problem">${text}</p>`;
}

/** All facts, the keys that the driver advertised, and the reasons of skipped tests, folded. */
function environment(driver: Driver): Markup {
  const { session } = driver;
  const { skipped } = summarise(driver, false);
  const facts = Object.entries(session.facts);
  const keys = Object.entries(session.features);
  return h`<div class="folds"><details><summary>Environment</summary><dl>
${[...facts, ['command', session.command.join(' ')]].map(([key, value]) => h`<dt>${key}</dt><dd>${value}</dd>`)}
</dl></details>${
    keys.length === 0
      ? undefined
      : h`<details><summary>${counted(keys.length, 'advertised key')}</summary><dl>${keys.map(([key, value]) => h`<dt>${key}</dt><dd>${value}</dd>`)}</dl></details>`
  }${
    skipped.size === 0
      ? undefined
      : h`<details><summary>Reasons of skipped tests</summary><dl>${[...skipped].map(([reason, count]) => h`<dt>${count}</dt><dd>${skippedLink(session, reason)}</dd>`)}</dl></details>`
  }</div>`;
}

/** A link to the tests that were skipped for a reason. */
function skippedLink({ target }: SessionRecord, reason: string): Markup {
  return h`<a href="#${String(new URLSearchParams({ show: 'skipped', find: `${target} ${reason}` }))}">${reason}</a>`;
}

/** UTC, to the minute. */
function date(iso: string): Markup {
  const time = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(iso);
  return h`<time datetime="${iso}">${time ? `${time[1]} ${time[2]} UTC` : iso}</time>`;
}

/** From the start of the first part of a run to the end of the last one. */
function took({ session, end }: Driver): string {
  const ms = end ? Date.parse(end.finished) - Date.parse(session.started) : NaN;
  return Number.isNaN(ms) ? 'unknown' : duration(ms);
}

function adapter({ adapter, seed }: SessionRecord): string {
  return seed === undefined ? adapter : `${adapter}, seed ${seed}`;
}
