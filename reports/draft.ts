/** A draft of an expectations file: entries for the unexpected failures of a run. */
import { stringify } from 'yaml';
import { literally } from '../harness/base/pattern.js';
import { failureText, testMessage, type TestRecord } from '../harness/run/record.js';
import { outcome, type Group } from './records.js';
import { VARYING } from './varying.js';

/**
 * YAML with an entry for each test of a session that failed and that no expectation names. Comments at its start list
 * the entries that were not met. `reason` and `source` are empty: a run rejects the file until they are filled in.
 * Undefined if no test failed.
 */
export function expectationsDraft({ session, tests }: Group, strict: boolean): string | undefined {
  const failed = tests.filter((test) => outcome(test, strict) === 'failed');
  const unmet = failed.filter(({ expectation }) => expectation !== undefined);
  const entries = failed
    .filter(({ expectation }) => expectation === undefined)
    .map((test) => ({ test: test.id, verdict: test.verdict, message: matcherOf(test), reason: '', source: '' }));
  if (failed.length === 0) return undefined;
  const head = [
    `# Found with ${session.target} by netifspec ${session.version}, ${session.started}.`,
    '# Give each entry the reason why the driver does that, and the source: file and function, or a bug report. Or fix the driver.',
    ...(unmet.length === 0 ? [] : ['#', '# Entries of the present file that were not met; remove or correct them:']),
    ...unmet.map((test) => `#   ${test.id}: ${(testMessage(test) ?? '').replaceAll('\n', ' ')}`),
  ];
  return `${head.join('\n')}\n${entries.length === 0 ? '' : stringify(entries, { lineWidth: 0 })}`;
}

/** A pattern that matches all messages of the failed checks of a test, in this run and in others. */
function matcherOf({ verdict, checks }: TestRecord): string {
  const failures = checks.filter((check) => check.verdict === verdict).flatMap(({ failure }) => failure ?? []);
  const said = [...new Set(failures.map(failureText))];
  const [only = '', ...more] = said;
  if (more.length === 0 && only.search(VARYING) < 0) return only;
  return `/${[...new Set(said.map(patternOf))].join('|')}/`;
}

function patternOf(text: string): string {
  let [pattern, at] = ['', 0];
  for (const { 0: number, 1: hexadecimal, index } of text.matchAll(VARYING)) {
    pattern += literally(text.slice(at, index)) + (hexadecimal === undefined ? '\\d+' : '[\\da-f]{2}');
    at = index + number.length;
  }
  return pattern + literally(text.slice(at));
}
