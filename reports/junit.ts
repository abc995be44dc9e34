import type { SessionRecord, TestRecord } from '../harness/run/record.js';
import { causeLine, causes, classed, classOf } from './causes.js';
import { type Describe, explain, firstLine, headline, isPlain } from './explain.js';
import { html as xml, type Markup } from './markup.js';
import { outcome, shortfall, summarise, type Group } from './records.js';

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
 * varies between runs. The XML comes in pieces, so that a report of any size needs little memory.
 */
export function* junit(groups: readonly Group[], options: JunitOptions): Generator<string> {
  const rich = options.profile === 'rich';
  const names = new Set<string>();
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
    const named = (chapter: string, name: string): Markup => uniqueName(names, session, chapter, name);
    const problem = shortfall(group);
    const incomplete = problem && xml`<error message="${problem}" type="incomplete">${problem}</error>`;
    yield xml`    <testcase ${named('session', 'session')} time="0">${incomplete}</testcase>\n`.text;
    for (const test of tests) {
      const extras = rich ? { attributes: source(session, test), body: caseProperties(test, options.describe) } : {};
      yield xml`    <testcase ${named(test.chapter, test.id)} time="${seconds(test.durationMs)}"${extras.attributes}>${extras.body}${judged(session, test, options)}</testcase>
`.text;
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

/** Readers identify a test by classname and name: neither depends on the other targets in the report. */
function uniqueName(names: Set<string>, session: SessionRecord, chapter: string, name: string): Markup {
  const className = firstLine(`netifspec.${session.target.replaceAll('.', '_')}.${session.role}.${chapter}`);
  const wanted = firstLine(name).slice(0, NAME_LENGTH);
  let unique = wanted;
  for (let n = 2; names.has(`${className}\n${unique}`); n++) unique = `${wanted} (${n})`;
  names.add(`${className}\n${unique}`);
  return xml`classname="${className}" name="${unique}"`;
}

/**
 * The file that a reader can link to: that of the driver under test, which is in the tree of the vendor; for the
 * reference drivers, that of the test.
 */
function source({ command }: SessionRecord, { location }: TestRecord): Markup {
  const option = command.findIndex((word) => word === '--target' || word === '--iut');
  const target = option < 0 ? undefined : command[option + 1];
  if (target !== undefined && /\.\w+$/.test(target)) return xml` file="${target}"`;
  const [, file = location, line] = /^(.*?):(\d+)(?::\d+)?$/.exec(location) ?? [];
  return xml` file="${file}"${line === undefined ? undefined : xml` line="${line}"`}`;
}

/** The result of a case, and its files. */
function judged(session: SessionRecord, test: TestRecord, options: JunitOptions): Markup {
  const { profile, strict, describe, attachments } = options;
  const text = (): string => explain(session, test, describe).join('\n');
  const skipped = (message: string, full: string): Markup =>
    profile === 'rich'
      ? xml`<skipped message="${firstLine(message)}">${full}</skipped>`
      : xml`<skipped>${full}</skipped>`;
  // GitLab uses only the first of them, Jenkins and Azure use all. They look in no other place.
  const files = (attachments?.(test) ?? []).map((path) => `[[ATTACHMENT|${path}]]`);
  const withOutput = (element: Markup | undefined, lines: readonly string[]): Markup =>
    lines.length === 0 ? xml`${element}` : xml`${element}<system-out>${lines.join('\n')}</system-out>`;
  switch (outcome(test, strict)) {
    case 'passed':
      return withOutput(undefined, [...(isPlain(test) ? [] : [headline(test)]), ...files]);
    case 'warned':
      return withOutput(undefined, [`WARN ${headline(test)}`, text(), ...files]);
    case 'failed':
      return withOutput(
        xml`<failure message="${headline(test)}" type="${classOf(test)}">${classed(test)}\n${text()}</failure>`,
        files,
      );
    case 'error':
      return withOutput(
        xml`<error message="${headline(test)}" type="${classOf(test)}">${classed(test)}\n${text()}</error>`,
        files,
      );
    case 'known': {
      const message = `known deviation: ${test.expectation?.reason} (${test.expectation?.source})`;
      return withOutput(skipped(message, `${message}\n${text()}`), files);
    }
    case 'skipped': {
      const message = `${test.skip?.class ?? 'skip'}: ${headline(test)}`;
      return withOutput(skipped(message, message), files);
    }
  }
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
function caseProperties(test: TestRecord, describe: Describe): Markup {
  const all = [...propertiesOf(test, describe)];
  return xml`<properties>${all.map(([name, value]) => xml`<property name="${name}" value="${value}"/>`)}</properties>`;
}

function* propertiesOf(test: TestRecord, describe: Describe): Generator<[string, string]> {
  yield ['title', test.title];
  if (test.verdict === 'warn') yield ['verdict', 'warn'];
  const requirements = [...new Set(test.checks.flatMap((check) => check.requirements))];
  if (requirements.length === 0) return;
  yield ['requirements', requirements.join(' ')];
  const levels = new Set(requirements.flatMap((id) => describe(id)?.level ?? []));
  if (levels.size > 0) yield ['levels', [...levels].join(' ')];
}

/** Milliseconds as seconds with three decimals. */
function seconds(milliseconds: number): number {
  return Number((milliseconds / 1000).toFixed(3));
}
