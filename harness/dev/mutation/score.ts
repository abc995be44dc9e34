/**
 * The score of the last `npm run mutate`: the share of mutants that the suites catch, of those that are not listed as
 * equivalent. Prints each survivor; ends with 1 if the score is below the threshold.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/root.js';
import { EQUIVALENTS } from './equivalents.js';

/** The least score, in percent. */
const LEAST = 90;

interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: Place; readonly end: Place };
}

interface Place {
  readonly line: number;
  readonly column: number;
}

interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

const report = JSON.parse(readFileSync(join(packageRoot, 'results/mutation/mutation.json'), 'utf8')) as Report;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const stale = new Set(EQUIVALENTS);
let caught = 0;
let survived = 0;
let equivalent = 0;
for (const [file, { source, mutants }] of Object.entries(report.files)) {
  const lines = source.split('\n');
  for (const { status, replacement = '', location } of mutants) {
    if (status === 'Killed' || status === 'Timeout' || status === 'RuntimeError') caught++;
    if (status !== 'Survived' && status !== 'NoCoverage') continue;
    const { line } = location.start;
    const text = lines[line - 1]?.trim() ?? '';
    const listed = EQUIVALENTS.find(
      (each) => file.endsWith(each.file) && each.line === text && each.becomes === replacement.trim(),
    );
    if (listed) {
      equivalent++;
      stale.delete(listed);
      continue;
    }
    survived++;
    print(
      `${file}:${line}:${location.start.column} ${status}: ${text}\n    becomes: ${replacement.replace(/\s+/g, ' ')}`,
    );
  }
}
for (const { file, line } of stale) if (report.files[file]) print(`${file}: no surviving mutant any more: ${line}`);
const score = (100 * caught) / (caught + survived);
print(`${caught} of ${caught + survived} mutants are caught (${score.toFixed(1)} %), ${equivalent} are equivalent`);
if (score < LEAST) process.exitCode = 1;
