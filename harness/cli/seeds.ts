/** `netifspec run --seeds N`: the reference drivers under many event orders. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { stdout } from '../base/terminal.js';
import { outcome } from '../../reports/records.js';
import { differences, printDifferences, type Result } from '../../reports/repeat.js';
import { EnvironmentError } from '../run/environment.js';
import { ProgressLine } from './progress-line.js';
import type { Selection } from './select.js';

/**
 * The seeds of one worker: every `step`-th, from `first` to `last`. The workers are processes, since the simulator is
 * much slower on threads.
 */
export interface SeedWork {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly selection: Selection;
  readonly slow: boolean;
}

/** The results of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly results: readonly Result[];
  /** A digest of the event order of all sessions. */
  readonly order: string;
}

/**
 * Runs the selected tests with the seeds 1 to `count`. Prints the number of event orders, and each test whose verdict
 * depends on the seed, with a seed that replays it. Returns 1 if there is such a test or a failure, and 3 if a test
 * ends in an error.
 *
 * @throws EnvironmentError if `signal` fires first
 */
export async function runSeeds(
  count: number,
  selection: Selection,
  { slow, strict, signal }: { slow: boolean; strict: boolean; signal: AbortSignal },
): Promise<number> {
  const rounds: Result[][] = [];
  const orders = new Set<string>();
  const progress = new ProgressLine(process.stderr, 'seeds');
  const take = ({ seed, results, order }: SeedResult): void => {
    rounds[seed - 1] = [...results];
    orders.add(order);
    progress.update(Object.keys(rounds).length, count);
  };
  const processes = Math.min(count, availableParallelism());
  const works = Array.from({ length: processes }, (_, n): SeedWork => {
    return { first: n + 1, last: count, step: processes, selection, slow };
  });
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const ended = await Promise.allSettled(
    works.map((work) =>
      inProcess(work, take, either).catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    ),
  );
  progress.end();
  if (signal.aborted) {
    throw new EnvironmentError(`interrupted after ${Object.keys(rounds).length} of ${count} seeds; no verdict`);
  }
  const found = differences(rounds, strict);
  stdout.line(`${orders.size} different event orders\n${printDifferences(rounds, found, 'seed').trimEnd()}`);
  for (const { id, rounds: by } of found) {
    const [rarest] = [...by.values()].sort((a, b) => a.length - b.length);
    // The event order depends on the whole run, so the seed is replayed with the same tests.
    stdout.line(`  ${id}: to replay it, use --seed ${rarest?.[0]} instead of --seeds`);
  }
  const failed = ended.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  const outcomes = new Set(rounds.flat().map((result) => outcome(result, strict)));
  if (outcomes.has('error')) return 3;
  return found.length > 0 || outcomes.has('failed') ? 1 : 0;
}

function inProcess(work: SeedWork, take: (result: SeedResult) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./seeds-worker.js', import.meta.url), { signal });
    child.on('message', take);
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the worker process for every ${work.step}th seed from ${work.first} ended with ${code}`));
    });
    child.send(work);
  });
}
