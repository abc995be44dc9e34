/** The failures of all drivers by cause, with their evidence. */
import type { TestRecord } from '../harness/run/record.js';
import type { Cause } from './causes.js';
import { brokenRequirements } from './explain.js';
import { testRow } from './html-evidence.js';
import { counted, type Driver, type Report, ruleplace } from './html-model.js';
import { html as h, type Markup } from './markup.js';

/** Tests of a cause that are not folded. */
const SHOWN = 5;

/** The section of failures; nothing if there are none. */
export function* failureSection(
  report: Report,
  causes: readonly Cause[],
  drawn: ReadonlySet<TestRecord>,
): Generator<Markup> {
  if (causes.length === 0) return;
  const of = new Map(report.drivers.flatMap((driver) => driver.tests.map((test) => [test, driver] as const)));
  const count = causes.reduce((sum, { tests }) => sum + tests.length, 0);
  yield h`<section id="failures"><h2>Failures <small>${counted(count, 'test')}, ${counted(causes.length, 'cause')}</small>
<button type="button" class="unfold" aria-pressed="false">unfold all</button></h2>
`;
  for (const [n, cause] of causes.entries()) yield causeSection(cause, report, of, drawn, n === 0);
  yield h`</section>`;
}

function causeSection(
  cause: Cause,
  report: Report,
  of: ReadonlyMap<TestRecord, Driver>,
  drawn: ReadonlySet<TestRecord>,
  first: boolean,
): Markup {
  const { tests } = cause;
  const several = report.drivers.length > 1;
  const row = (test: TestRecord, n: number): Markup | undefined => {
    const driver = of.get(test);
    const result = driver?.outcomes.get(test);
    if (!driver || !result) return undefined;
    return testRow(driver.session, test, result, report, {
      open: first && n === 0,
      drawn: drawn.has(test),
      named: several,
      said: cause.message,
    });
  };
  const drivers = [...new Set(tests.map(({ target }) => target))];
  const where = several ? h` <small>${drivers.join(', ')}</small>` : undefined;
  const more = tests.slice(SHOWN);
  return h`<section class="cause ${cause.outcome}">
<header><span class="class">${cause.class}</span><h3>${cause.message}</h3><span class="count">${counted(tests.length, 'test')}${where}</span></header>
${rulesOf(tests, report)}
<div class="tests">${tests.slice(0, SHOWN).map(row)}${
    more.length === 0
      ? undefined
      : h`<details class="more"><summary>${counted(more.length, 'more test')}</summary>${more.map(row)}</details>`
  }</div></section>`;
}

/** The requirements that the tests broke, if their evidence is that of a check. */
function rulesOf(tests: readonly TestRecord[], { catalogue }: Report): Markup | undefined {
  const ids = [...new Set(tests.flatMap(brokenRequirements))];
  if (ids.length === 0) return undefined;
  return h`<ul class="broken">${ids.map((id) => {
    const rule = catalogue.find(id);
    return h`<li><a class="rule" href="#${ruleplace(id)}">${id}</a> ${rule?.statement}${rule && h` <small>(${rule.level})</small>`}</li>`;
  })}</ul>`;
}
