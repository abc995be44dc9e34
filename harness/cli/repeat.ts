/** `netifspec lab run --repeat N`: the same again and again, to see whether a verdict ever differs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exitCode, type Group, groupSessions, readRecords } from '../../reports/records.js';
import { differences, printDifferences } from '../../reports/repeat.js';

export interface Repetition {
  /** How many rounds there are to be in all. */
  readonly rounds: number;
  /** Folder of the rounds: those of anything else must be elsewhere. */
  readonly out: string;
  readonly targets: readonly string[];
  readonly strict: boolean;
  readonly log: (line: string) => void;
  /** Takes the table of what differs. */
  readonly print: (table: string) => void;
  /** Runs targets side by side, each with its results in a folder. */
  readonly run: (folders: ReadonlyMap<string, string>) => Promise<unknown>;
  readonly signal: AbortSignal;
}

/**
 * Runs all targets `rounds` times, side by side, and prints what differs. A round that an earlier call has finished
 * isn't run again. Answers the worst exit code, or 1 if a verdict differs.
 */
export async function repeat(options: Repetition): Promise<number> {
  const { rounds, targets, log, print, signal } = options;
  const done: Group[][] = [];
  for (let round = 1; round <= rounds && !signal.aborted; round++) {
    const folder = join(options.out, `round-${round}`);
    const due = targets.filter((target) => !finished(join(folder, target)));
    log(due.length === 0 ? `round ${round} of ${rounds}: finished before` : `round ${round} of ${rounds}`);
    await options.run(new Map(due.map((target) => [target, join(folder, target)])));
    if (!signal.aborted) done.push(targets.flatMap((target) => sessions(join(folder, target))));
  }
  const results = done.map((groups) => groups.flatMap(({ tests }) => tests));
  const found = differences(results, options.strict);
  print(printDifferences(results, found, 'round'));
  // By the records, since rounds of earlier calls count as well.
  const codes = done.map((groups) => exitCode(groups, options));
  return Math.max(...codes, found.length > 0 ? 1 : 0, done.length === 0 ? 3 : 0);
}

function sessions(folder: string): Group[] {
  const file = join(folder, 'results.jsonl');
  return existsSync(file) ? groupSessions(readRecords(file)) : [];
}

function finished(folder: string): boolean {
  const groups = sessions(folder);
  return groups.length > 0 && groups.every(({ end }) => end?.complete === true);
}
