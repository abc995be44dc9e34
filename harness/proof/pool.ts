/** Processes that run the jobs of a proof side by side. On threads of one process the simulator is slower by far. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Outcome, Run } from './evidence.js';
import type { Answer, Job } from './job.js';

/** Workers make much that lives shortly, and share the processors: threads of the collector's own only cost. */
const NODE_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=32', '--min-semi-space-size=32'];

/**
 * Runs each job on one of `processes` workers and answers a run for each, in the order of the jobs. A job that isn't done
 * after `patienceMs` is given up, with all that it brought: its worker spins, and is killed.
 */
export async function runJobs(
  worker: string,
  jobs: readonly Job[],
  { processes, patienceMs }: { readonly processes: number; readonly patienceMs: number },
): Promise<Run[]> {
  const runs: Run[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    let child: ChildProcess | undefined;
    for (let index = next++; index < jobs.length; index = next++) {
      const job = jobs[index];
      if (!job) break;
      child ??= fork(worker, [], { execArgv: NODE_OPTIONS, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const run = await runJob(child, job, patienceMs);
      runs[index] = run;
      if (run.fault === undefined) continue;
      child.kill('SIGKILL');
      child = undefined;
    }
    child?.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(processes, jobs.length) }, lane));
  return runs;
}

function runJob(child: ChildProcess, job: Job, patienceMs: number): Promise<Run> {
  return new Promise((resolve) => {
    const end = (outcomes: readonly Outcome[], fault?: string): void => {
      clearTimeout(watchdog);
      child.removeAllListeners();
      // One that is being ended may still fail; that is no news.
      child.on('error', () => {});
      resolve({ outcomes, ...(fault === undefined ? {} : { fault }) });
    };
    let where = 'at the first connection';
    const watchdog = setTimeout(() => end([], `spins ${where}: not done after ${patienceMs / 1000} s`), patienceMs);
    child.on('message', (answer: Answer) => {
      if ('begins' in answer) where = `in ${answer.begins}`;
      else if ('outcomes' in answer) end(answer.outcomes);
      else end([], `throws ${where}: ${answer.thrown}`);
    });
    child.on('error', (error) => end([], `its process failed ${where}: ${error.message}`));
    child.on('exit', (code, signal) => end([], `its process ended ${where} by ${signal ?? `exit code ${code}`}`));
    child.send(job);
  });
}
