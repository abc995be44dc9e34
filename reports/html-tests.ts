/** All tests of the HTML report, by driver and chapter, with a filter. */
import type { TestRecord } from '../harness/run/record.js';
import { reference, testRow } from './html-evidence.js';
import { countOutcomes, counted, type Driver, driverPlace, isFailure, type Report } from './html-model.js';
import { html as h, Markup } from './markup.js';

export function* testSection(report: Report, drawn: ReadonlySet<TestRecord>): Generator<Markup> {
  const { drivers } = report;
  const all = drivers.flatMap(({ outcomes }) => [...outcomes.values()]);
  yield h`<section id="tests"><h2>Tests <small>${all.length}</small></h2>
<div class="filter" role="group" aria-label="Filter the tests" data-items=".test" data-show="show" data-find="find" hidden>
<button type="button" value="" aria-pressed="true">all ${all.length}</button>
${countOutcomes(all).map(
  ([kind, n]) => h`<button type="button" value="${kind}" class="${kind}" aria-pressed="false">${kind} ${n}</button>`,
)}
<input type="search" placeholder="chapter, test, target or message" aria-label="Words in the id, title, target or message of a test">
<button type="button" class="sort" aria-pressed="false">slowest first</button>
</div>
<div class="tests sorted" hidden></div>
`;
  for (const driver of drivers) {
    const { target } = driver.session;
    const tag = drivers.length > 1 ? 'details' : 'div';
    yield h`<${new Markup(tag)} class="driver" id="${driverPlace(driver)}" data-target="${target}">`;
    if (drivers.length > 1)
      yield h`<summary><h3>${target}</h3> <small>${counted(driver.tests.length, 'test')}, ${counts(driver, driver.tests)}</small></summary>`;
    yield chapters(driver, report, drawn);
    yield h`</${new Markup(tag)}>`;
  }
  yield h`</section>`;
}

function chapters(driver: Driver, report: Report, drawn: ReadonlySet<TestRecord>): Markup {
  const byChapter = new Map<string, TestRecord[]>();
  for (const test of driver.tests) {
    const tests = byChapter.get(test.chapter);
    if (tests) tests.push(test);
    else byChapter.set(test.chapter, [test]);
  }
  return h`${[...byChapter].map(
    ([
      chapter,
      tests,
    ]) => h`<section class="chapter"><h4>${driver.session.role}/${chapter} <small>${counts(driver, tests)}</small></h4>
<div class="tests">${tests.map((test) => row(driver, test, report, drawn))}</div></section>`,
  )}`;
}

/** A failure is in the section of failures; here is a link to it. */
function row(driver: Driver, test: TestRecord, report: Report, drawn: ReadonlySet<TestRecord>): Markup {
  const result = driver.outcomes.get(test) ?? 'passed';
  if (isFailure(result)) return reference(test, result);
  return testRow(driver.session, test, result, report, { drawn: drawn.has(test) });
}

function counts({ outcomes }: Driver, tests: readonly TestRecord[]): string {
  return countOutcomes(tests.map((test) => outcomes.get(test) ?? 'passed'))
    .map(([kind, n]) => `${n} ${kind}`)
    .join(', ');
}
