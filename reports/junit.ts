import junitReportBuilder, { type Builder, type TestCase } from 'junit-report-builder';

import type { TestRecord } from '../harness/run/record.js';
import { causeLine, causes, classed, classOf } from './causes.js';
import { type Describe, explain, firstLine, headline, isPlain } from './explain.js';
import { printable } from '../harness/base/text.js';
import { outcome, shortfall, summarise, type Group } from './records.js';

// The types of the package declare a default export inside the default export; at run time there is only one.
const { newBuilder } = junitReportBuilder as unknown as Pick<Builder, 'newBuilder'>;

/** Azure truncates names at 512 characters. */
const NAME_LENGTH = 500;

/**
 * `rich` is described in docs/junit-rich.xsd. `strict` is valid for Jenkins's older schema (dtkit's junit-4.xsd, which
 * others ship as jenkins-junit.xsd): no file, no properties of a case, no message of a skip in addition to its text.
 */
export const JUNIT_PROFILES = ['rich', 'strict'] as const;
export type JunitProfile = (typeof JUNIT_PROFILES)[number];

export interface JunitOptions {
  readonly profile: JunitProfile;
  /** Whether a warning counts as a failure. */
  readonly strict: boolean;
  readonly describe: Describe;
  /** Paths of the files of a test, as the reader of the report finds them. */
  readonly attachments?: (test: TestRecord) => readonly string[];
}

/**
 * JUnit XML: one suite per session, one case per test, and a case named `session` that is an error if the session was
 * cut short or executed no test. A failure is the driver's, an error the environment's. A known deviation and a test
 * that did not run are skipped. Properties of a suite have the causes of its failures. Names contain nothing that
 * varies between runs.
 */
export function junit(groups: readonly Group[], options: JunitOptions): string {
  const rich = options.profile === 'rich';
  const builder = newBuilder.call(junitReportBuilder).name('netifspec');
  const names = new Set<string>();
  for (const group of groups) {
    const { session, tests } = group;
    const suite = builder
      .testSuite()
      .name(printable(session.target))
      .timestamp(printable(session.started))
      .time(seconds(tests.reduce((sum, test) => sum + test.durationMs, 0)));
    for (const [key, value] of properties(group, options.strict)) suite.property(printable(key), printable(value));

    // Readers identify a test by classname and name: neither depends on the other targets in the report.
    const root = `netifspec.${session.target.replaceAll('.', '_')}`;
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
      const testCase = addCase(test.chapter, test.id).time(seconds(test.durationMs));
      if (rich) {
        testCase.file(printable(test.location).replace(/(:\d+)+$/, ''));
        for (const [key, value] of caseProperties(test, options.describe)) testCase.property(key, printable(value));
      }
      judge(testCase, test, explain(session, test, options.describe).join('\n'), options);
      // GitLab uses only the first of them, Jenkins and Azure use all. They look in no other place.
      const lines = (options.attachments?.(test) ?? []).map((path) => `[[ATTACHMENT|${path}]]`);
      if (lines.length > 0) put(testCase, 'system-out', {}, lines.join('\n'), true);
    }
  }
  // The builder sums up counts, but not durations.
  const time = seconds(groups.flatMap(({ tests }) => tests).reduce((sum, test) => sum + test.durationMs, 0));
  const xml = builder.build().replace('<testsuites ', `<testsuites time="${time}" `);
  return rich ? xml : xml.replace(/(?<=<testsuites [^>]*) skipped="\d+"/, '');
}

function judge(testCase: TestCase, test: TestRecord, text: string, { profile, strict }: JunitOptions): void {
  const skipped = (message: string, full: string): void =>
    put(testCase.skipped(), 'skipped', profile === 'rich' ? { message: firstLine(message) } : {}, full);
  switch (outcome(test, strict)) {
    case 'passed':
      return isPlain(test) ? undefined : put(testCase, 'system-out', {}, headline(test));
    case 'warned':
      return put(testCase, 'system-out', {}, `WARN ${headline(test)}\n${text}`);
    case 'failed':
      return put(testCase.failure(headline(test), classOf(test)), 'failure', {}, `${classed(test)}\n${text}`);
    case 'error':
      return put(testCase.error(headline(test), classOf(test)), 'error', {}, `${classed(test)}\n${text}`);
    case 'known': {
      const message = `known deviation: ${test.expectation?.reason} (${test.expectation?.source})`;
      return skipped(message, `${message}\n${text}`);
    }
    case 'skipped': {
      const message = `${test.skip?.class ?? 'skip'}: ${headline(test)}`;
      return skipped(message, message);
    }
  }
}

function* properties(group: Group, strict: boolean): Generator<[string, string]> {
  const { session, tests, end } = group;
  const { version, target, role, adapter, seed, started, planned, requirements, facts, features } = session;
  yield* Object.entries({ version, target, role, adapter, started, planned: String(planned) });
  yield ['requirements', String(requirements)];
  yield ['requirements.checked', String(summarise(group, strict).checked)];
  for (const [n, cause] of causes(tests, strict).entries()) yield [`cause.${n + 1}`, causeLine(cause)];
  if (seed !== undefined) yield ['seed', String(seed)];
  if (end) yield ['finished', end.finished];
  yield* Object.entries(facts);
  for (const [key, value] of Object.entries(features)) yield [`feature.${key}`, value];
}

/** A test's title, the requirements that it checks and their levels. */
function* caseProperties(test: TestRecord, describe: Describe): Generator<[string, string]> {
  yield ['title', test.title];
  // For a reader of JUnit, a test with a warning has passed.
  if (test.verdict === 'warn') yield ['verdict', 'warn'];
  const requirements = [...new Set(test.checks.flatMap((check) => check.requirements))];
  if (requirements.length === 0) return;
  yield ['requirements', requirements.join(' ')];
  const levels = new Set(requirements.flatMap((id) => describe(id)?.level ?? []));
  if (levels.size > 0) yield ['levels', [...levels].join(' ')];
}

/**
 * Sets attributes and text of the case's element `name`, which is created if it does not exist. junit-report-builder
 * supports neither for `skipped`, and its CDATA sections break on a second "]]>", so its output is completed while it
 * builds the XML. Readers attach the file that a line [[ATTACHMENT|…]] names, so only an `own` text may have one.
 */
function put(testCase: TestCase, name: string, attributes: Record<string, string>, text: string, own = false): void {
  const safe = own ? text : text.replaceAll('[[ATTACHMENT', '[ [ATTACHMENT');
  const build = testCase.build.bind(testCase);
  testCase.build = (parent) => {
    const element = build(parent);
    const child = element.children.find((each) => (each as { name?: string }).name === name) ?? element.ele(name);
    for (const [key, value] of Object.entries(attributes)) child.att(key, value);
    child.txt(`${child.children.length > 0 ? '\n' : ''}${printable(safe)}`);
    return element;
  };
}

/** Milliseconds as seconds with three decimals; junit-report-builder formats numbers as JavaScript does. */
function seconds(milliseconds: number): number {
  return Number((milliseconds / 1000).toFixed(3));
}
