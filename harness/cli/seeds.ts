/** `netifspec run --seeds N`: the embedded reference drivers by many orders of delivery. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { outcome } from '../../reports/records.js';
import { differences, printDifferences, type Result } from '../../reports/repeat.js';
import type { Selection } from './select.js';

/** What a process is to do: every `step`-th seed, from `first` to `last`. On threads the simulator is slower by far. */
export interface SeedWork {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly selection: Selection;
  readonly slow: boolean;
}

/** What came of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly results: readonly Result[];
  /** Of all sessions together. */
  readonly order: string;
}

/** How often progress is told, in seeds. */
const PROGRESS = 100;

/**
 * Runs the selected tests with the seeds 1 to `count`. Prints how many orders of delivery there were, and each test
 * whose verdict depends on the seed, with a seed to replay it. Answers 1 if there is one, or one that fails, and 3 if
 * one is an error.
 */
export async function runSeeds(
  count: number,
  selection: Selection,
  { slow, strict, signal }: { slow: boolean; strict: boolean; signal: AbortSignal },
): Promise<number> {
  const rounds: Result[][] = [];
  const orders = new Set<string>();
  const take = ({ seed, results, order }: SeedResult): void => {
    rounds[seed - 1] = [...results];
    orders.add(order);
    const done = Object.keys(rounds).length;
    if (done % PROGRESS === 0) process.stderr.write(`netifspec: ${done} of ${count} seeds\n`);
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
  const found = differences(rounds, strict);
  process.stdout.write(`${orders.size} different orders of delivery\n${printDifferences(rounds, found, 'seed')}`);
  for (const { id, rounds: by } of found) {
    const [rarest] = [...by.values()].sort((a, b) => a.length - b.length);
    // With the same tests before it: the order of deliveries is that of the whole run.
    process.stdout.write(`  ${id}: replay by the same command with --seed ${rarest?.[0]} in place of --seeds\n`);
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
      else reject(new Error(`the process that ran every ${work.step}th seed from ${work.first} ended with ${code}`));
    });
    child.send(work);
  });
}
