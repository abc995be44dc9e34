import type { SessionRecord, TestRecord } from '../harness/run/record.js';
import type { TraceStep } from '../harness/xen/traced.js';

/** What the reports say about a requirement. */
export interface RequirementText {
  readonly statement: string;
  /** Where the rule is written: file and heading, or the drivers that agree on it. */
  readonly source: string;
  /** must, should, … */
  readonly level: string;
}

/** Looks a requirement up; undefined for an id that this version doesn't know (results of another version). */
export type Describe = (id: string) => RequirementText | undefined;

/** How much of a trace or log goes into a report that is for reading; results.jsonl has all of it. */
const LAST_LINES = 40;
const LINE_LENGTH = 500;

const ESCAPE_SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)/g;
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;
/** They make text read otherwise than it is written. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of an IUT or a guest, harmless for a terminal and legal in XML 1.0: terminal sequences go, control characters
 * and the like are spelt out (`\x07`), lone surrogates become U+FFFD. Tabs and line ends stay, CR LF becomes LF.
 */
export function printable(text: string): string {
  const spelt = (char: string): string => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  };
  return text
    .replace(ESCAPE_SEQUENCE, '')
    .replace(/\r\n?/g, '\n')
    .replace(UNPRINTABLE, spelt)
    .replace(DIRECTION, spelt)
    .replace(LONE_SURROGATE, '\ufffd');
}

/** The first line of a text, printable. */
export function firstLine(text: string): string {
  return printable(text).trimStart().split('\n', 1)[0] ?? '';
}

/** What the test says about itself in one line. */
export function headline(test: TestRecord): string {
  const raced = test.rounds === undefined ? test.verdict : `not reproduced in ${test.rounds} rounds`;
  return firstLine(test.message ?? test.skip?.reason ?? raced);
}

/** Whether there is nothing to say of a test but that it passed. */
export function isPlain(test: TestRecord): boolean {
  return test.verdict === 'pass' && test.expectation === undefined && test.rounds === undefined;
}

/** The ids of the requirements that the test's bad checks name, each once. */
export function brokenRequirements(test: TestRecord): string[] {
  return [...new Set(badChecks(test).flatMap((check) => check.requirements))];
}

/** The command that runs this test alone. */
export function reproduce(session: SessionRecord, test: TestRecord): string {
  const seed = session.seed === undefined ? '' : ` --seed ${session.seed}`;
  // What a target file declares is held against all that the tests saw.
  const tests = test.chapter === 'session' ? '' : ` --test ${shellWord(test.id)}`;
  return `${session.command.map(shellWord).join(' ')}${tests}${seed}`;
}

/**
 * All there is to say about a test that didn't simply pass, as lines: the requirements, what was expected and seen,
 * the guest's kernel log, the end of the trace, and how to run it again.
 */
export function explain(session: SessionRecord, test: TestRecord, describe: Describe): string[] {
  const rule = (title: string, id: string): string => {
    const text = describe(id);
    return text ? `${title}: ${id}: ${text.statement} (${text.level}; ${text.source})` : `${title}: ${id}`;
  };
  const lines = [
    ...brokenRequirements(test).map((id) => rule('Requirement', id)),
    ...(test.unreached ?? []).map((id) => rule('Not reached', id)),
  ];
  const said = badChecks(test).flatMap((check) => check.message ?? []);
  if (test.message !== undefined && !said.some((each) => test.message?.includes(each))) said.unshift(test.message);
  for (const text of new Set(said)) lines.push(...observation(text));
  if (test.detail !== undefined) lines.push(test.detail);
  if (test.skip) lines.push(`Skipped (${test.skip.class}): ${test.skip.reason}`);
  if (test.expectation) {
    const { verdict, reason, source, link, met } = test.expectation;
    lines.push(`${met ? 'Known deviation' : 'Expectation not met'}: ${verdict}: ${reason} (${source})`);
    if (link !== undefined) lines.push(`Issue: ${link}`);
  }
  lines.push(...test.infos.map((info) => `Note: ${info}`));
  lines.push(...tail('Kernel log', test.kernelLog), ...tail('Trace', test.trace?.map(stepLine)));
  lines.push(`Test: ${test.id} at ${test.location}`, `Reproduce: ${reproduce(session, test)}`);
  return lines.flatMap((line) => printable(line).split('\n')).map(clip);
}

/** A whole trace as text, a line for each step. */
export function traceText(trace: readonly TraceStep[]): string {
  return trace.map((step) => `${printable(stepLine(step)).replaceAll('\n', ' ')}\n`).join('');
}

/** A step of a trace as a line: when, who to whom, and what. */
function stepLine({ at, from, to, what }: TraceStep): string {
  return `${at.toFixed(3).padStart(12)} ${`${from} > ${to}`.padEnd(18)} ${what}`;
}

/** Messages that tell what was expected of what: ours, and those of chai. */
const OURS = /^(?<about>.*?)\bexpected:? (?<expected>.+?)[,;\n]\s*(?:observed|got|saw|but):? (?<observed>.+)$/is;
const CHAIS =
  /^(?<about>.*?)\bexpected (?<observed>.+?) (?<expected>(?:not )?to (?:not )?(?:be|deep|equal|have|include|match|satisfy|contain|exist)\b.*)$/is;

/** What a wait says that ended without what it was for. */
const WAITED = /^no (?<what>.+) within (?<ms>\d+ ms)$/s;

/** `Expected` and `Observed` for a message that tells both; else the message as it is. */
function observation(message: string): string[] {
  const { what, ms } = WAITED.exec(message)?.groups ?? {};
  if (what !== undefined && ms !== undefined) return [`Expected: ${what}`, `Observed: nothing of it within ${ms}`];
  const { about = '', expected, observed } = (OURS.exec(message) ?? CHAIS.exec(message))?.groups ?? {};
  if (expected === undefined || observed === undefined) return [`Observed: ${message}`];
  const subject = about.replace(/[\s:]+$/, '');
  return [...(subject ? [`About: ${subject}`] : []), `Expected: ${expected}`, `Observed: ${observed}`];
}

function badChecks(test: TestRecord): TestRecord['checks'] {
  return test.checks.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail' || verdict === 'error');
}

function tail(title: string, lines: readonly string[] | undefined): string[] {
  if (!lines?.length) return [];
  const left = lines.length - LAST_LINES;
  return [`${title}${left > 0 ? ` (last ${LAST_LINES} of ${lines.length} lines)` : ''}:`].concat(
    lines.slice(-LAST_LINES).map((line) => `  ${line}`),
  );
}

function clip(line: string): string {
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH - 1)}…`.replace(LONE_SURROGATE, '') : line;
}

function shellWord(word: string): string {
  return /^[\w.,:@%+=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
