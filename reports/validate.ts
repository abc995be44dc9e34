import { byChapter, type Proof } from '../harness/proof/proof.js';
import { RULES } from '../harness/proof/rules.js';
import { printable } from './explain.js';
import { textTable } from './table.js';

const COLUMNS = ['chapter', 'tests', 'pass', 'can-fail', 'defects', 'caught', 'real-bugs', 'holes'];

/** The proof as lines for a terminal: a table by chapter, the holes one a line, and the sum. */
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
export function sum({ tests, defects, killed, seen, holes }: Proof): string {
  return `${tests} tests, ${defects} defects (${seen} of them bugs of real drivers), ${killed} caught, ${holes.length} holes`;
}
