import { byChapter, type Proof } from '../harness/validate/proof.js';
import { RULES } from '../harness/validate/rules.js';
import { printable } from '../harness/base/text.js';
import { textTable } from './table.js';

const COLUMNS = ['chapter', 'tests', 'pass', 'can-fail', 'defects', 'caught', 'real-bugs', 'holes'];

/** The proof as lines for a terminal: a table by chapter, a line for each hole, and the totals. */
export function validateText(proof: Proof): string {
  const rows = byChapter(proof).map(({ role, chapter, tests, pass, canFail, defects, killed, seen, holes }) => [
    `${role}/${chapter}`,
    ...[tests, pass, canFail, defects, killed, seen, holes].map(String),
  ]);
  const table = textTable(COLUMNS, rows, (column) => column === 'chapter');
  const lines = proof.holes.map(
    ({ rule, subject, message }) => `hole  ${rule.padEnd(14)}  ${subject}  ${printable(message)}`,
  );
  const broken = new Set(proof.holes.map(({ rule }) => rule));
  const rules = Object.entries(RULES).filter(([rule]) => broken.has(rule as keyof typeof RULES));
  const explained = rules.map(([rule, text]) => `  ${rule.padEnd(14)}  ${text}`);
  return [...table, '', ...lines, ...explained, ...(lines.length > 0 ? [''] : []), sum(proof), ''].join('\n');
}

/** The proof in one sentence. */
export function sum({ tests, defects, killed, seen, bound, unprovable, legal, holes }: Proof): string {
  const personas = legal.filter(({ persona }) => persona).length;
  const withoutFailures = legal.filter(({ fails }) => fails.length === 0).length;
  return [
    `${tests} tests`,
    `${defects} defects (${seen} of them bugs of real drivers)`,
    `${killed} caught`,
    `${unprovable.length} of ${bound} obligations unprovable`,
    `${legal.length} legal drivers (${personas} of them personas of real drivers)`,
    `${withoutFailures} of them failed by no test`,
    `${holes.length} holes`,
  ].join(', ');
}
