import junitReportBuilder, { type Builder, type TestCase } from 'junit-report-builder';

import { printable } from '../harness/base/text.js';
import type { SessionRecord, TestRecord } from '../harness/run/record.js';
import { causeLine, causes, classed, classOf } from './causes.js';
import { type Describe, explain, firstLine, headline, isPlain } from './explain.js';
import { html as xml } from './markup.js';
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
 *
 * junit-report-builder builds one case at a time, and each is returned at once: a report of 10^5 cases as one tree of its
 * needs 1 GB of memory.
 */
export function* junit(groups: readonly Group[], options: JunitOptions): Generator<string> {
  const rich = options.profile === 'rich';
  // Each name, and the last number that was added to it.
  const names = new Map<string, number>();
  const whole = sum(groups.map((group) => countsOf(group, options.strict)));
  yield '<?xml version="1.0" encoding="UTF-8"?>\n';
  yield xml`<testsuites name="netifspec" time="${whole.time}" tests="${whole.tests}" failures="${whole.failures}" errors="${whole.errors}"${rich ? xml` skipped="${whole.skipped}"` : undefined}>
`.text;
  for (const group of groups) {
    const { session, tests } = group;
    const counts = countsOf(group, options.strict);
    yield xml`  <testsuite name="${session.target}" timestamp="${session.started}" time="${counts.time}" tests="${counts.tests}" failures="${counts.failures}" errors="${counts.errors}" skipped="${counts.skipped}">
    <properties>
${[...properties(group, options.strict)].map(([name, value]) => xml`      <property name="${name}" value="${value}"/>\n`)}    </properties>
`.text;
    const named = (chapter: string, name: string): Name => uniqueName(names, session, chapter, name);
    yield caseXml(named('session', 'session'), 0, (testCase) => {
      const problem = shortfall(group);
      if (problem) put(testCase.error(printable(problem), 'incomplete'), 'error', {}, problem);
    });
    for (const test of tests) {
      yield caseXml(named(test.chapter, test.id), test.durationMs, (testCase) => {
        if (rich) describeCase(testCase, session, test, options.describe);
        judge(testCase, test, () => explain(session, test, options.describe).join('\n'), options);
        // GitLab uses only the first of them, Jenkins and Azure use all. They look in no other place.
        const files = (options.attachments?.(test) ?? []).map((path) => `[[ATTACHMENT|${path}]]`);
        if (files.length > 0) put(testCase, 'system-out', {}, files.join('\n'), true);
      });
    }
    yield '  </testsuite>\n';
  }
  yield '</testsuites>\n';
}

interface Counts {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
  readonly time: number;
}

/** The counts of a session, with its own case. */
function countsOf(group: Group, strict: boolean): Counts {
  const { total, failed, errors, expected, skipped } = summarise(group, strict);
  return {
    tests: total + 1,
    failures: failed,
    errors: errors + (shortfall(group) === undefined ? 0 : 1),
    skipped: [...skipped.values()].reduce((all, count) => all + count, expected),
    time: seconds(group.tests.reduce((all, { durationMs }) => all + durationMs, 0)),
  };
}

function sum(all: readonly Counts[]): Counts {
  const total = (of: (counts: Counts) => number): number => all.reduce((before, counts) => before + of(counts), 0);
  return {
    tests: total(({ tests }) => tests),
    failures: total(({ failures }) => failures),
    errors: total(({ errors }) => errors),
    skipped: total(({ skipped }) => skipped),
    time: Number(total(({ time }) => time).toFixed(3)),
  };
}

interface Name {
  readonly className: string;
  readonly name: string;
}

/** Readers identify a test by classname and name: neither depends on the other targets in the report. */
function uniqueName(names: Map<string, number>, session: SessionRecord, chapter: string, name: string): Name {
  const className = firstLine(`netifspec.${session.target.replaceAll('.', '_')}.${session.role}.${chapter}`);
  const wanted = firstLine(name).slice(0, NAME_LENGTH);
  const key = (unique: string): string => `${className}\n${unique}`;
  let unique = wanted;
  // Continues after the last number that was given out: records may have one id very often.
  let n = names.get(key(wanted)) ?? 1;
  while (names.has(key(unique))) unique = `${wanted} (${++n})`;
  names.set(key(unique), 1).set(key(wanted), n);
  return { className, name: printable(unique) };
}

/** The element of one case, in a line of its own. */
function caseXml({ className, name }: Name, durationMs: number, fill: (testCase: TestCase) => void): string {
  const builder = newBuilder.call(junitReportBuilder);
  const testCase = builder.testSuite().testCase().className(className).name(name).time(seconds(durationMs));
  fill(testCase);
  const xml = builder.build();
  // Text in it is escaped, so the first and the last of these are the elements themselves.
  return `    ${xml.slice(xml.indexOf('<testcase'), xml.lastIndexOf('</testsuite>')).trimEnd()}\n`;
}

/** Adds where a case comes from, its title, and the requirements that it checks. */
function describeCase(testCase: TestCase, session: SessionRecord, test: TestRecord, describe: Describe): void {
  const { file, line } = sourceOf(session, test);
  testCase.file(printable(file));
  if (line !== undefined) put(testCase, undefined, { line }, '');
  for (const [key, value] of propertiesOf(test, describe)) testCase.property(key, printable(value));
}

/**
 * The file that a reader can link to: that of the driver under test, which is in the tree of the vendor; for the
 * reference drivers, that of the test.
 */
function sourceOf(
  { command }: SessionRecord,
  { location }: TestRecord,
): { readonly file: string; readonly line?: string } {
  const option = command.findIndex((word) => word === '--target' || word === '--iut');
  const target = option < 0 ? undefined : command[option + 1];
  if (target !== undefined && /\.\w+$/.test(target)) return { file: target };
  const [, file = location, line] = /^(.*?):(\d+)(?::\d+)?$/.exec(location) ?? [];
  return line === undefined ? { file } : { file, line };
}

/** Adds the result of a case; `text` is only called where there is more to say than a line. */
function judge(testCase: TestCase, test: TestRecord, text: () => string, { profile, strict }: JunitOptions): void {
  const skipped = (message: string, full: string): void =>
    put(testCase.skipped(), 'skipped', profile === 'rich' ? { message: firstLine(message) } : {}, full);
  switch (outcome(test, strict)) {
    case 'passed':
      return isPlain(test) ? undefined : put(testCase, 'system-out', {}, headline(test));
    case 'warned':
      return put(testCase, 'system-out', {}, `WARN ${headline(test)}\n${text()}`);
    case 'failed':
      return put(testCase.failure(headline(test), classOf(test)), 'failure', {}, `${classed(test)}\n${text()}`);
    case 'error':
      return put(testCase.error(headline(test), classOf(test)), 'error', {}, `${classed(test)}\n${text()}`);
    case 'known': {
      const message = `known deviation: ${test.expectation?.reason} (${test.expectation?.source})`;
      return skipped(message, `${message}\n${text()}`);
    }
    case 'skipped': {
      const message = `${test.skip?.class ?? 'skip'}: ${headline(test)}`;
      return skipped(message, message);
    }
  }
}

/**
 * Sets attributes and text of an element of the case, which is created if it does not exist; without a name, of the case
 * itself. junit-report-builder supports neither for `skipped`, and its CDATA sections break on a second "]]>", so its
 * output is completed while it builds the XML. Readers attach the file that a line [[ATTACHMENT|…]] names, so only an `own`
 * text may have one.
 */
function put(
  testCase: TestCase,
  name: string | undefined,
  attributes: Record<string, string>,
  text: string,
  own = false,
): void {
  const safe = own ? text : text.replaceAll('[[ATTACHMENT', '[ [ATTACHMENT');
  const build = testCase.build.bind(testCase);
  testCase.build = (parent) => {
    const element = build(parent);
    const own =
      name === undefined ? element : element.children.find((each) => (each as { name?: string }).name === name);
    const child = own ?? element.ele(name ?? '');
    for (const [key, value] of Object.entries(attributes)) child.att(key, value);
    if (text !== '') child.txt(`${child.children.length > 0 ? '\n' : ''}${printable(safe)}`);
    return element;
  };
}

/** Keys of the driver's directory that offer something; the others, such as its state, describe the connection. */
const OFFER = /^(feature-|request-|multi-queue-)/;

function* properties(group: Group, strict: boolean): Generator<[string, string]> {
  const { session, tests, end } = group;
  const { version, target, role, adapter, seed, started, planned, requirements, facts, features } = session;
  yield* Object.entries({ version, target, role, adapter, started, planned: String(planned) });
  yield ['requirements', String(requirements)];
  const { checked, warned } = summarise(group, strict);
  yield ['requirements.checked', String(checked)];
  // For a reader of JUnit, a test with a warning has passed.
  yield ['warned', String(warned)];
  for (const [n, cause] of causes(tests, strict).entries()) yield [`cause.${n + 1}`, causeLine(cause)];
  if (seed !== undefined) yield ['seed', String(seed)];
  if (end) yield ['finished', end.finished];
  yield* Object.entries(facts);
  for (const [key, value] of Object.entries(features)) if (OFFER.test(key)) yield [`feature.${key}`, value];
}

/** A test's title, the requirements that it checks and their levels. */
function* propertiesOf(test: TestRecord, describe: Describe): Generator<[string, string]> {
  yield ['title', test.title];
  if (test.verdict === 'warn') yield ['verdict', 'warn'];
  const requirements = [...new Set(test.checks.flatMap((check) => check.requirements))];
  if (requirements.length === 0) return;
  yield ['requirements', requirements.join(' ')];
  const levels = new Set(requirements.flatMap((id) => describe(id)?.level ?? []));
  if (levels.size > 0) yield ['levels', [...levels].join(' ')];
}

/** Milliseconds as seconds with three decimals; junit-report-builder formats numbers as JavaScript does. */
function seconds(milliseconds: number): number {
  return Number((milliseconds / 1000).toFixed(3));
}
