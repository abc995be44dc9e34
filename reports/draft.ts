/** A draft of an expectations file: what a run found that nobody has explained yet. */
import { stringify } from 'yaml';
import { literally } from '../harness/pattern.js';
import type { TestRecord } from '../harness/run/record.js';
import { outcome, type Group } from './records.js';

/**
 * YAML with an entry for each test of a session that failed and that no expectation names; above it, as comments, the
 * entries that were not met. `reason` and `source` are empty: until a human has filled them in, no run takes the file.
 * Undefined if there is nothing to say.
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
    '# Say of each entry why the driver does that, and where: file and function, or a report. Or mend the driver.',
    ...(unmet.length === 0
      ? []
      : ['#', '# Entries of the present file that were not met: drop them, or say what is true now.']),
    ...unmet.map(({ id, message }) => `#   ${id}: ${(message ?? '').replaceAll('\n', ' ')}`),
  ];
  return `${head.join('\n')}\n${entries.length === 0 ? '' : stringify(entries, { lineWidth: 0 })}`;
}

/**
 * What another run says otherwise: a vif's handle, wherever it stands, and the addresses that follow from it, the
 * numbers that Xen gives out, and milliseconds. What is captured is hexadecimal.
 */
const VARYING = new RegExp(
  [
    /(?<=\b(?:ref|grant|request|domain) )\d+/,
    /(?<=\/domain\/)\d+/,
    /(?<=\/(?:vif|netifspec)\/(?:\d+\/)?)\d+/,
    /(?<=\bvif(?:\d+\.)?)\d+/,
    /(?<=\b198\.18\.)\d+/,
    /\d+(?= ms\b)/,
    /(?<=\b00:16:3e:6e:|\bfe6e:)([\da-f]{2})/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** What matches all that bad checks of a test said, in this run and in others. */
function matcherOf({ message = '', verdict, checks }: TestRecord): string {
  const bad = checks.filter((check) => check.verdict === verdict).flatMap((check) => check.message ?? []);
  const said = [...new Set([message, ...bad])];
  if (said.length === 1 && message.search(VARYING) < 0) return message;
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
