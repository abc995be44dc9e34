/** A test in the HTML report, with the evidence for its result. */
import type { SessionRecord, TestRecord } from '../harness/run/record.js';
import {
  badChecks,
  brokenRequirements,
  headline,
  isPlain,
  kernelLogLines,
  observation,
  reproduce,
  traceLines,
} from './explain.js';
import { counted, duration, isFailure, place, type Report, ruleLinks, ruleplace, WORDS } from './html-model.js';
import { ladder } from './ladder.js';
import { html as h, type Markup } from './markup.js';
import type { Outcome } from './records.js';

/** Whether a test has more to show than its line. */
function hasEvidence(test: TestRecord, result: Outcome): boolean {
  return Boolean(test.trace) || test.infos.length > 0 || (result !== 'passed' && result !== 'skipped');
}

interface RowOptions {
  readonly open?: boolean;
  /** Whether the trace is drawn. */
  readonly drawn: boolean;
  /** Whether the line shows the target. */
  readonly named?: boolean;
  /** The message shown above the line, which leaves it out. */
  readonly said?: string;
}

/** A test as a line that opens to its evidence; the line alone if there is nothing more. */
export function testRow(
  session: SessionRecord,
  test: TestRecord,
  result: Outcome,
  report: Report,
  { open = false, drawn, named = false, said }: RowOptions,
): Markup {
  const target = named ? h`<span class="target">${test.target}</span> ` : undefined;
  if (!hasEvidence(test, result))
    return h`<p class="test ${result}" id="${place(test)}">${line(test, result, link(test))}</p>\n`;
  const name = h`<code>${target}${test.id}<a class="here" href="#${place(test)}" title="Link to this test">#</a></code>`;
  return h`<details class="test ${result}"${open ? h` open` : undefined}><summary>${line(test, result, name, said)}</summary>
<div class="evidence" id="${place(test)}">${evidence(session, test, report)}${traces(session, test, report, drawn)}</div></details>\n`;
}

/** The line of a test whose evidence is elsewhere in the page. */
export function reference(test: TestRecord, result: Outcome): Markup {
  return h`<p class="test ${result}">${line(test, result, link(test))}</p>\n`;
}

function link(test: TestRecord): Markup {
  return h`<a class="id" href="#${place(test)}">${test.id}</a>`;
}

/** A page may have 10^5 of these: it has as few elements as possible. */
function line(test: TestRecord, result: Outcome, name: Markup, above?: string): Markup {
  const about = [test.class, brokenRequirements(test).join(', ')].filter(Boolean).join(' ');
  const text = headline(test);
  const said = isPlain(test) || text === above ? undefined : h`<em>${about && `${about}: `}${text}</em>`;
  return h`<b>${WORDS[result]}</b>${name}<small>${test.title}</small>${said}<span>${ruleLinks(test)}</span><time data-ms="${test.durationMs}">${duration(test.durationMs)}</time>`;
}

function evidence(session: SessionRecord, test: TestRecord, { catalogue }: Report): Markup {
  const rows: [string, Markup | string][] = [
    ...brokenRequirements(test).map((id): [string, Markup] => ['Requirement', rule(id, catalogue)]),
    ...(test.unreached ?? []).map((id): [string, Markup] => ['Not reached', rule(id, catalogue)]),
  ];
  for (const { failure } of badChecks(test)) if (failure) rows.push(...observation(failure));
  if (test.skip) rows.push([`Skipped (${test.skip.class})`, test.skip.reason]);
  if (test.expectation) {
    const { verdict, reason, source, link, met, problem } = test.expectation;
    rows.push([met ? 'Known deviation' : 'Expectation not met', `${verdict}: ${reason} (${source})`]);
    if (problem !== undefined) rows.push(['Problem', problem]);
    if (link !== undefined) rows.push(['Issue', issue(link)]);
  }
  rows.push(...test.infos.map((info): [string, string] => ['Note', info]));
  if (test.firstIn !== undefined)
    rows.push(['First in', h`<a href="#${place({ target: test.target, id: test.firstIn })}">${test.firstIn}</a>`]);
  rows.push(['Test', h`<code>${test.id}</code> at <code>${test.location}</code>`]);
  rows.push([
    'Reproduce',
    h`<code class="command">${reproduce(session, test)}</code> <button type="button" class="copy">copy</button>`,
  ]);
  return h`<dl>${rows.map(([title, text]) => h`<dt>${title}</dt><dd>${text}</dd>`)}</dl>
${test.detail === undefined ? undefined : h`<pre>${test.detail}</pre>`}${
    test.kernelLog?.length ? h`<pre>${kernelLogLines(test.kernelLog).join('\n')}</pre>` : undefined
  }`;
}

function rule(id: string, catalogue: Report['catalogue']): Markup {
  const text = catalogue.find(id);
  const link = h`<a href="#${ruleplace(id)}">${id}</a>`;
  return text ? h`${link} ${text.statement} <small>(${text.level}; ${text.source})</small>` : link;
}

/** A link that a person wrote into an expectations file; only those of the web are made clickable. */
function issue(link: string): Markup {
  return /^https?:\/\//.test(link) ? h`<a href="${link}" rel="noreferrer">${link}</a>` : h`${link}`;
}

/** The diagram, the files, and the text of a trace. */
function traces(session: SessionRecord, test: TestRecord, { attachments }: Report, drawn: boolean): Markup | undefined {
  const { trace = [] } = test;
  if (trace.length === 0) return undefined;
  const frames = trace.filter(({ frame }) => frame).length;
  const files = attachments(test).map((file) => {
    const capture = file.endsWith('.pcapng');
    return h`<a href="${file}">${capture ? `Capture, ${counted(frames, 'frame')}` : `Trace, ${counted(trace.length, 'step')}`}</a> `;
  });
  return h`${drawn ? ladder(trace, session.role) : undefined}
<div class="files">${files}${
    drawn ? h`<details><summary>Trace as text</summary><pre>${traceLines(trace).join('\n')}</pre></details>` : undefined
  }</div>`;
}

/** Most diagrams in a page, so that browsers can open it, and for each cause before other tests get one. */
const DRAWN = 400;
const EACH = 3;

/** The tests whose traces the page draws: the first of each cause of failures, then other failures, then the rest. */
export function drawnTests({ drivers }: Report, causes: readonly (readonly TestRecord[])[]): Set<TestRecord> {
  const others = drivers.flatMap(({ tests, outcomes }) =>
    tests.filter((test) => test.trace?.length && !isFailure(outcomes.get(test))),
  );
  const order = [...causes.flatMap((tests) => tests.slice(0, EACH)), ...causes.flat(), ...others];
  return new Set([...new Set(order)].slice(0, DRAWN));
}
