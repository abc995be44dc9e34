import type { SessionRecord, TestRecord, Verdict } from '../harness/run/record.js';
import { causes, classed } from './causes.js';
import { type Describe, explain, isPlain } from './explain.js';
import { SCRIPT } from './html-style.js';
import { ladder } from './ladder.js';
import { html as h, type Markup } from './markup.js';
import { page } from './page.js';
import { exitCode, outcome, OUTCOMES, shortfall, summarise, type Group, type Outcome } from './records.js';

const WORDS: Record<Outcome, string> = {
  error: 'error',
  failed: 'fail',
  warned: 'warn',
  known: 'known',
  skipped: 'skip',
  passed: 'pass',
};

interface Options {
  readonly strict: boolean;
  readonly describe: Describe;
}

/** The results as one self-contained page. */
export function html(groups: readonly Group[], options: Options): string {
  const title = `netifspec: ${groups.map(({ session }) => session.target).join(', ')}`;
  const failures = causeTable(groups, options.strict);
  const body = h`<nav>${failures && h`<a href="#causes">Failures</a>`} <a href="#tests">Tests</a> <a href="#requirements">Requirements</a></nav>
<h1>netifspec</h1>
${verdictLine(groups, options.strict)}
<div class="cards">${groups.map((group) => card(group, options.strict))}</div>
${failures}
<h2 id="tests">Tests</h2>
${filter(groups, options.strict)}
${groups.map((group) => tests(group, groups.length > 1, options))}
${matrix(groups, options)}`;
  return page(title, body, SCRIPT);
}

function verdictLine(groups: readonly Group[], strict: boolean): Markup {
  const code = exitCode(groups, { strict });
  if (code === 0) return h`<p class="soft">All results are as expected.</p>`;
  const bad = groups.flatMap((group) => {
    const { executed, failed, errors } = summarise(group, strict);
    const parts = [...(failed > 0 ? [`${failed} failed`] : []), ...(errors > 0 ? [`${errors} ended in an error`] : [])];
    return parts.length === 0 ? [] : [`${group.session.target}: of ${executed} tests ${parts.join(' and ')}`];
  });
  const why = code === 3 ? 'The environment failed: results are missing.' : 'Some results are not as expected.';
  return h`<p class="problem">${why}${bad.length === 0 ? '' : ` ${bad.join('; ')}.`}</p>`;
}

/** The failures of all targets by cause; nothing if there are none. */
function causeTable(groups: readonly Group[], strict: boolean): Markup | undefined {
  const all = groups.flatMap(({ session, tests }) => causes(tests, strict).map((cause) => ({ ...cause, session })));
  if (all.length === 0) return undefined;
  const named = groups.length > 1;
  return h`<h2 id="causes">Failures by cause</h2>
<div class="wide"><table>
<thead><tr><th>Tests</th><th>Cause</th>${named ? h`<th>Target</th>` : undefined}</tr></thead>
<tbody>${all.map(
    (cause) => h`<tr class="${cause.outcome}"><th>${cause.tests.length}</th>
<td><details><summary><b>${cause.class}</b>: ${cause.message}</summary>
${cause.tests.map(({ id }) => h`<div><code>${id}</code></div>`)}</details></td>
${named ? h`<td>${cause.session.target}</td>` : undefined}</tr>`,
  )}</tbody>
</table></div>`;
}

function card(group: Group, strict: boolean): Markup {
  const { session, tests } = group;
  const summary = summarise(group, strict);
  const problem = shortfall(group);
  const counts = countOutcomes(tests, strict);
  const facts = { ...session.facts, ...prefixed(session.features), ...how(session) };
  return h`<section class="card">
<h3>${session.target}</h3>
<p class="soft">${session.role}, ${summary.executed} of ${session.planned} tests executed, ${summary.checked} of
${session.requirements} requirements checked</p>
${problem === undefined ? undefined : h`<p class="problem">${problem}</p>`}
<div class="bar" aria-hidden="true">${counts.map(([kind, n]) => h`<i class="${kind}" style="flex:${n}"></i>`)}</div>
<ul class="counts">${counts.map(([kind, n]) => h`<li class="${kind}"><b>${n}</b> ${kind}</li>`)}</ul>
<details><summary>Environment</summary><dl>
${Object.entries(facts).map(([key, value]) => h`<dt>${key}</dt><dd>${value}</dd>`)}
</dl></details>
${summary.skipped.size === 0 ? undefined : skips(summary.skipped)}
</section>`;
}

function skips(reasons: ReadonlyMap<string, number>): Markup {
  return h`<details><summary>Reasons of skipped tests</summary><dl>
${[...reasons].map(([reason, count]) => h`<dt>${count}</dt><dd>${reason}</dd>`)}
</dl></details>`;
}

function how(session: SessionRecord): Record<string, string> {
  const seed = session.seed === undefined ? '' : `, seed ${session.seed}`;
  return { adapter: session.adapter + seed, netifspec: session.version, started: session.started };
}

function prefixed(features: SessionRecord['features']): Record<string, string> {
  return Object.fromEntries(Object.entries(features).map(([key, value]) => [`advertised ${key}`, value]));
}

function countOutcomes(tests: readonly TestRecord[], strict: boolean): [Outcome, number][] {
  const outcomes = tests.map((test) => outcome(test, strict));
  const order: Outcome[] = ['passed', 'known', 'warned', 'failed', 'error', 'skipped'];
  return order
    .map((kind): [Outcome, number] => [kind, outcomes.filter((each) => each === kind).length])
    .filter(([, count]) => count > 0);
}

function filter(groups: readonly Group[], strict: boolean): Markup {
  const all = groups.flatMap((group) => group.tests);
  return h`<div class="filter" role="group" aria-label="Filter the tests" hidden>
<button value="" aria-pressed="true">all ${all.length}</button>
${countOutcomes(all, strict).map(
  ([kind, n]) => h`<button value="${kind}" class="${kind}" aria-pressed="false">${kind} ${n}</button>`,
)}
<input type="search" placeholder="chapter, test, target or message" aria-label="Words in the id, title, target or message of a test">
</div>`;
}

function tests(group: Group, named: boolean, options: Options): Markup {
  const chapters = new Map<string, TestRecord[]>();
  for (const test of group.tests) chapters.set(test.chapter, [...(chapters.get(test.chapter) ?? []), test]);
  return h`<section data-target="${group.session.target}">
${named ? h`<h3 class="target">${group.session.target}</h3>` : undefined}
${[...chapters].map(
  ([chapter, tests]) => h`<section class="chapter">
<h4>${group.session.role}/${chapter}<small>${countOutcomes(tests, options.strict)
    .map(([kind, n]) => `${n} ${kind}`)
    .join(', ')}</small></h4>
<div class="tests">${tests.map((test) => row(group.session, test, options))}</div>
</section>`,
)}
</section>`;
}

/** A row for a test; one that just passed has no details. */
function row(session: SessionRecord, test: TestRecord, { strict, describe }: Options): Markup {
  const result = outcome(test, strict);
  const said = isPlain(test) ? undefined : h`<em>${classed(test)}</em>`;
  const line = h`<span class="verdict">${WORDS[result]}</span>
<span class="name"><code>${test.id}</code><small>${test.title}</small>${said}</span>
<span class="time">${(test.durationMs / 1000).toFixed(2)} s</span>`;
  if (!test.trace && test.infos.length === 0 && (result === 'passed' || result === 'skipped')) {
    return h`<div class="test ${result}"><p>${line}</p></div>`;
  }
  return h`<details class="test ${result}"><summary>${line}</summary>
<pre>${explain(session, test, describe).join('\n')}</pre>
${test.trace ? h`<div class="wide">${ladder(test.trace, session.role)}</div>` : undefined}</details>`;
}

/** The worst result of each checked requirement, by target. */
function matrix(groups: readonly Group[], { strict, describe }: Options): Markup | undefined {
  const targets = [...new Set(groups.map(({ session }) => session.target))];
  const cells = new Map<string, Map<string, Outcome>>();
  for (const { session, tests } of groups) {
    for (const test of tests) {
      for (const check of test.checks) {
        for (const id of check.requirements) {
          const byTarget = cells.get(id) ?? new Map<string, Outcome>();
          cells.set(
            id,
            byTarget.set(session.target, worst(byTarget.get(session.target), seen(check.verdict, test, strict))),
          );
        }
      }
    }
  }
  if (cells.size === 0) return undefined;
  const ids = [...cells.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return h`<h2 id="requirements">Requirements</h2>
<div class="wide"><table>
<thead><tr><th>Id</th><th>Requirement</th>${targets.map((target) => h`<th>${target}</th>`)}</tr></thead>
<tbody>${ids.map((id) => {
    const text = describe(id);
    return h`<tr><th><code>${id}</code></th>
<td>${text?.statement}${text ? h` <small>(${text.level}; ${text.source})</small>` : undefined}</td>
${targets.map((target) => cell(cells.get(id)?.get(target)))}</tr>`;
  })}</tbody>
</table></div>`;
}

function cell(result: Outcome | undefined): Markup {
  return result
    ? h`<td class="${result}"><span class="verdict">${WORDS[result]}</span></td>`
    : h`<td class="soft">–</td>`;
}

/** A failed check counts as known if an expectation of its test is met. */
function seen(verdict: Verdict, test: TestRecord, strict: boolean): Outcome {
  switch (verdict) {
    case 'pass':
      return 'passed';
    case 'skip':
      return 'skipped';
    case 'warn':
      return test.expectation?.met ? 'known' : strict ? 'failed' : 'warned';
    case 'fail':
      return test.expectation?.met ? 'known' : 'failed';
    case 'error':
      return test.expectation?.met ? 'known' : 'error';
  }
}

function worst(a: Outcome | undefined, b: Outcome): Outcome {
  return a === undefined || OUTCOMES.indexOf(b) < OUTCOMES.indexOf(a) ? b : a;
}
