import junitReportBuilder, { type Builder, type TestCase } from 'junit-report-builder';

import type { TestRecord } from '../harness/run/record.js';
import { type Describe, explain, firstLine, headline, isPlain, printable } from './explain.js';
import { outcome, shortfall, summarise, type Group } from './records.js';

// The package's types describe a default export inside the default export; at run time there is one.
const { newBuilder } = junitReportBuilder as unknown as Pick<Builder, 'newBuilder'>;

/** Azure cuts names at 512 characters. */
const NAME_LENGTH = 500;

/**
 * `rich` is what docs/junit-rich.xsd describes. `strict` keeps to what Jenkins's older schema allows (dtkit's junit-4.xsd,
 * which others ship as jenkins-junit.xsd): no file, no properties of a case, no message of a skip beside its text.
 */
export const JUNIT_PROFILES = ['rich', 'strict'] as const;
export type JunitProfile = (typeof JUNIT_PROFILES)[number];

export interface JunitOptions {
  readonly profile: JunitProfile;
  /** A warning counts as a failure. */
  readonly strict: boolean;
  readonly describe: Describe;
  /** Paths of the files that belong to a test, as the one who reads the report finds them. */
  readonly attachments?: (test: TestRecord) => readonly string[];
}

/**
 * JUnit XML: one suite per session, one case per test and one named `session` that is an error if the session was cut
 * or executed nothing. A failure is the IUT's, an error the environment's or the harness's; a known deviation is
 * skipped, as is a test that didn't run. Names hold nothing that varies from run to run.
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
      const testCase = addCase(test.chapter, `${test.id}: ${test.title}`).time(seconds(test.durationMs));
      if (rich) {
        testCase.file(printable(test.location).replace(/(:\d+)+$/, ''));
        for (const [key, value] of caseProperties(test, options.describe)) testCase.property(key, printable(value));
      }
      judge(testCase, test, explain(session, test, options.describe).join('\n'), options);
      // GitLab takes the first of them, Jenkins and Azure all; only there do they look.
      const lines = (options.attachments?.(test) ?? []).map((path) => `[[ATTACHMENT|${path}]]`);
      if (lines.length > 0) put(testCase, 'system-out', {}, lines.join('\n'));
    }
  }
  const xml = builder.build();
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
      return put(testCase.failure(headline(test), failureType(test)), 'failure', {}, text);
    case 'error':
      return put(testCase.error(headline(test), 'harness'), 'error', {}, text);
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

/** What a test checks, and how binding it is. */
function* caseProperties(test: TestRecord, describe: Describe): Generator<[string, string]> {
  const requirements = [...new Set(test.checks.flatMap((check) => check.requirements))];
  if (requirements.length === 0) return;
  yield ['requirements', requirements.join(' ')];
  const levels = new Set(requirements.flatMap((id) => describe(id)?.level ?? []));
  if (levels.size > 0) yield ['levels', [...levels].join(' ')];
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
    child.txt(`${child.children.length > 0 ? '\n' : ''}${printable(text)}`);
    return element;
  };
}

/** Milliseconds as seconds with three decimals; junit-report-builder prints a number as JavaScript does. */
function seconds(milliseconds: number): number {
  return Number((milliseconds / 1000).toFixed(3));
}
