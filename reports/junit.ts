import junitReportBuilder, { type Builder, type TestCase } from 'junit-report-builder';

import type { TestRecord } from '../harness/run/record.js';
import { type Describe, explain, firstLine, headline, isPlain, printable } from './explain.js';
import { outcome, shortfall, summarise, type Group } from './records.js';

// The package's types describe a default export inside the default export; at run time there is one.
const { newBuilder } = junitReportBuilder as unknown as Pick<Builder, 'newBuilder'>;

/** Azure cuts names at 512 characters. */
const NAME_LENGTH = 500;

/**
 * JUnit XML: one suite per session, one case per test and one named `session` that is an error if the session was cut
 * or executed nothing. A failure is the IUT's, an error the environment's or the harness's; a known deviation is
 * skipped, as is a test that didn't run. Names hold nothing that varies from run to run.
 */
export function junit(groups: readonly Group[], options: { strict: boolean; describe: Describe }): string {
  const builder = newBuilder.call(junitReportBuilder).name('netifspec');
  const names = new Set<string>();
  for (const group of groups) {
    const { session, tests } = group;
    const suite = builder
      .testSuite()
      .name(printable(session.target))
      .timestamp(printable(session.started))
      .time(seconds(tests.reduce((sum, test) => sum + test.durationMs, 0)));
    for (const [key, value] of properties(group)) suite.property(printable(key), printable(value));

    // GitLab keeps one case per classname and name: targets of one role are told apart by classname, the rest by number.
    const peers = new Set(
      groups.filter((each) => each.session.role === session.role).map((each) => each.session.target),
    );
    const root = peers.size > 1 ? `netifspec.${session.target.replaceAll('.', '_')}` : 'netifspec';
    const addCase = (chapter: string, name: string): TestCase => {
      const className = firstLine(`${root}.${session.role}.${chapter}`);
      const wanted = firstLine(name).slice(0, NAME_LENGTH);
      let unique = wanted;
      for (let n = 2; names.has(`${className}\n${unique}`); n++) unique = `${wanted} (${n})`;
      names.add(`${className}\n${unique}`);
      return suite.testCase().className(className).name(printable(unique));
    };

    const problem = shortfall(group);
    const whole = addCase('session', 'session').time(0);
    if (problem) put(whole.error(printable(problem), 'incomplete'), 'error', {}, problem);
    for (const test of tests) {
      const file = printable(test.location).replace(/(:\d+)+$/, '');
      const testCase = addCase(test.chapter, `${test.id}: ${test.title}`).file(file).time(seconds(test.durationMs));
      judge(testCase, test, explain(session, test, options.describe).join('\n'), options.strict);
    }
  }
  return builder.build();
}

function judge(testCase: TestCase, test: TestRecord, text: string, strict: boolean): void {
  switch (outcome(test, strict)) {
    case 'passed':
      return isPlain(test) ? undefined : put(testCase, 'system-out', {}, headline(test));
    case 'warned':
      return put(testCase, 'system-out', {}, `WARN ${headline(test)}\n${text}`);
    case 'failed':
      return put(testCase.failure(headline(test), failureType(test)), 'failure', {}, text);
    case 'error':
      return put(testCase.error(headline(test), 'harness'), 'error', {}, text);
    case 'known': {
      const message = `known deviation: ${test.expectation?.reason} (${test.expectation?.source})`;
      return put(testCase.skipped(), 'skipped', { message: firstLine(message) }, `${printable(message)}\n${text}`);
    }
    case 'skipped': {
      const message = `${test.skip?.class ?? 'skip'}: ${headline(test)}`;
      return put(testCase.skipped(), 'skipped', { message }, message);
    }
  }
}

function failureType(test: TestRecord): string {
  return test.class ?? (test.expectation ? 'expectation' : test.verdict);
}

function* properties(group: Group): Generator<[string, string]> {
  const { session, end } = group;
  const { version, target, role, adapter, seed, started, planned, statements, facts, features } = session;
  yield* Object.entries({ version, target, role, adapter, started, planned: String(planned) });
  yield ['statements', String(statements)];
  yield ['statements.checked', String(summarise(group, false).checked)];
  if (seed !== undefined) yield ['seed', String(seed)];
  if (end) yield ['finished', end.finished];
  yield* Object.entries(facts);
  for (const [key, value] of Object.entries(features)) yield [`feature.${key}`, value];
}

/**
 * Gives the case's element `name` (made if there is none) attributes and text. junit-report-builder can do neither for
 * `skipped`, and its CDATA sections break on a second "]]>"; so the text is written where it builds its XML.
 */
function put(testCase: TestCase, name: string, attributes: Record<string, string>, text: string): void {
  const build = testCase.build.bind(testCase);
  testCase.build = (parent) => {
    const element = build(parent);
    const child = element.children.find((each) => (each as { name?: string }).name === name) ?? element.ele(name);
    for (const [key, value] of Object.entries(attributes)) child.att(key, value);
    child.txt(printable(text));
    return element;
  };
}

/** Milliseconds as seconds with three decimals; junit-report-builder prints a number as JavaScript does. */
function seconds(milliseconds: number): number {
  return Number((milliseconds / 1000).toFixed(3));
}
