import { printable } from '../harness/base/text.js';
import { type Failure, type SessionRecord, testMessage, type TestRecord } from '../harness/run/record.js';
import type { TraceStep } from '../harness/xen/traced.js';

/** The text of a requirement in reports. */
export interface RequirementText {
  readonly statement: string;
  /** Where it is stated: file and heading, or the drivers that agree on it. */
  readonly source: string;
  /** must, should, … */
  readonly level: string;
}

/** Finds a requirement; undefined if this version does not know the id, since results may be of another version. */
export type Describe = (id: string) => RequirementText | undefined;

/** Number of lines of a trace or log in a report for people; results.jsonl has all of them. */
const LAST_LINES = 40;
const LINE_LENGTH = 500;

/** Maximum length of a headline, in characters: texts of a driver or of another host have any length. */
const HEADLINE_LENGTH = 2000;

/** The first line of a text, made printable and cut at a length that no message of netifspec has. */
export function firstLine(text: string): string {
  const [line = ''] = printable(text).trimStart().split('\n', 1);
  return clip(line, HEADLINE_LENGTH);
}

/** The message of a test in one line. */
export function headline(test: TestRecord): string {
  const raced = test.rounds === undefined ? test.verdict : `not reproduced in ${test.rounds} rounds`;
  return firstLine(testMessage(test) ?? test.skip?.reason ?? raced);
}

/** Whether a test just passed, without further information. */
export function isPlain(test: TestRecord): boolean {
  return test.verdict === 'pass' && test.expectation === undefined && test.rounds === undefined;
}

/** The ids of the requirements that failed checks of the test name, without repetition. */
export function brokenRequirements(test: TestRecord): string[] {
  return [...new Set(badChecks(test).flatMap((check) => check.requirements))];
}

/**
 * The command that runs this test alone, or the test in which the monitor found the failure, or the sequence in which an
 * exploration found it, from its file in the folder of the results.
 */
export function reproduce(session: SessionRecord, test: TestRecord): string {
  const seed = session.seed === undefined ? '' : ` --seed ${session.seed}`;
  if (test.chapter === 'explore') {
    const replay = test.script ? ` --replay sequences/${test.id}.json` : '';
    return `${session.command.map(shellWord).join(' ')}${replay}${seed}`;
  }
  // The comparison with a target file depends on the results of all tests.
  const id = test.firstIn ?? (['session', 'monitor'].includes(test.chapter) ? undefined : test.id);
  const tests = id === undefined ? '' : ` --test ${shellWord(id)}`;
  return `${session.command.map(shellWord).join(' ')}${tests}${seed}`;
}

/**
 * The full explanation of a test that did not simply pass, as lines: requirements, expectation and observation, the
 * guest's kernel log, the end of the trace, and the command that reproduces it.
 */
export function explain(session: SessionRecord, test: TestRecord, describe: Describe): string[] {
  const rule = (title: string, id: string): string => {
    const text = describe(id);
    if (!text) return `${title}: ${id}`;
    return `${title}: ${id}: ${text.statement} (${text.level}; ${text.source}; docs/requirements.md#${id.toLowerCase()})`;
  };
  const lines = [
    ...brokenRequirements(test).map((id) => rule('Requirement', id)),
    ...(test.unreached ?? []).map((id) => rule('Not reached', id)),
  ];
  for (const { failure } of badChecks(test)) {
    if (failure) lines.push(...observation(failure).map(([title, text]) => `${title}: ${text}`));
  }
  if (test.detail !== undefined) lines.push(test.detail);
  if (test.skip) lines.push(`Skipped (${test.skip.class}): ${test.skip.reason}`);
  if (test.expectation) {
    const { verdict, reason, source, link, met, problem } = test.expectation;
    lines.push(`${met ? 'Known deviation' : 'Expectation not met'}: ${verdict}: ${reason} (${source})`);
    if (problem !== undefined) lines.push(`Problem: ${problem}`);
    if (link !== undefined) lines.push(`Issue: ${link}`);
  }
  lines.push(...test.infos.map((info) => `Note: ${info}`));
  lines.push(...kernelLogLines(test.kernelLog), ...traceLines(test.trace));
  lines.push(`Test: ${test.id} at ${test.location}`, `Reproduce: ${reproduce(session, test)}`);
  return lines.flatMap((line) => printable(line).split('\n')).map((line) => clip(line, LINE_LENGTH));
}

/** A whole trace as text, a line for each step. */
export function traceText(trace: readonly TraceStep[]): string {
  return trace.map((step) => `${printable(stepLine(step)).replaceAll('\n', ' ')}\n`).join('');
}

/** A step of a trace as a line: time, sender, receiver and content. */
export function stepLine({ at, from, to, what }: TraceStep): string {
  return `${at.toFixed(3).padStart(12)} ${`${from} > ${to}`.padEnd(18)} ${what}`;
}

/** A failure in parts, each with its title: subject, expectation and observation, if known. */
export function observation({ about, expected, observed, withinMs }: Failure): [title: string, text: string][] {
  const parts = { About: about, Expected: expected, Observed: observed ?? nothing(withinMs) };
  return Object.entries(parts).flatMap(([title, text]): [string, string][] =>
    text === undefined ? [] : [[title, text]],
  );
}

const nothing = (withinMs: number | undefined): string =>
  withinMs === undefined ? 'nothing' : `nothing within ${withinMs} ms`;

/** The checks of a test that did not hold. */
export function badChecks(test: TestRecord): TestRecord['checks'] {
  return test.checks.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail' || verdict === 'error');
}

/** The end of a trace, with a title; nothing without a trace. */
export function traceLines(trace: readonly TraceStep[] = []): string[] {
  return tail('Trace', trace.map(stepLine));
}

/** The end of a kernel log, with a title; nothing without a log. */
export function kernelLogLines(log: readonly string[] = []): string[] {
  return tail('Kernel log', log);
}

function tail(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const left = lines.length - LAST_LINES;
  return [`${title}${left > 0 ? ` (last ${LAST_LINES} of ${lines.length} lines)` : ''}:`].concat(
    lines.slice(-LAST_LINES).map((line) => `  ${line}`),
  );
}

function clip(line: string, length: number): string {
  return line.length > length ? `${line.slice(0, length - 1)}…`.replace(/\p{Surrogate}/gu, '') : line;
}

function shellWord(word: string): string {
  return /^[\w.,:@%+=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
