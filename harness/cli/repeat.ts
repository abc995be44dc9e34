/** `netifspec lab run --repeat N`: repeats a run to find verdicts that differ. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exitCode, type Group, groupSessions, readRecords } from '../../reports/records.js';
import { differences, printDifferences } from '../../reports/repeat.js';

export interface Repetition {
  /** Total number of rounds. */
  readonly rounds: number;
  /** Folder of these rounds only. */
  readonly out: string;
  readonly targets: readonly string[];
  readonly strict: boolean;
  readonly log: (line: string) => void;
  /** Prints the table of differences. */
  readonly print: (table: string) => void;
  /** Runs targets in parallel, each with its own folder of results. */
  readonly run: (folders: ReadonlyMap<string, string>) => Promise<unknown>;
  readonly signal: AbortSignal;
}

/**
 * Runs all targets `rounds` times, the targets of a round in parallel, and prints the differences. Does not repeat a
 * round that an earlier call has finished. Returns the worst exit code, and at least 1 if a verdict differs.
 */
export async function repeat(options: Repetition): Promise<number> {
  const { rounds, targets, log, print, signal } = options;
  const done: Group[][] = [];
  for (let round = 1; round <= rounds && !signal.aborted; round++) {
    const folder = join(options.out, `round-${round}`);
    const due = targets.filter((target) => !finished(join(folder, target)));
    log(`round ${round} of ${rounds}${due.length === 0 ? ': finished earlier' : ''}`);
    await options.run(new Map(due.map((target) => [target, join(folder, target)])));
    if (!signal.aborted) done.push(targets.flatMap((target) => sessions(join(folder, target))));
  }
  const results = done.map((groups) => groups.flatMap(({ tests }) => tests));
  const found = differences(results, options.strict);
  print(printDifferences(results, found, 'round'));
  // From the records, since rounds of earlier calls count as well.
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
