/** Processes that run the jobs of a proof side by side. On threads of one process the simulator is slower by far. */
import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { closeSync, ftruncateSync } from 'node:fs';
import type { Run } from './evidence.js';
import type { Answer, Job } from './job.js';
import { lastBegun, openWhere, WHERE } from './where.js';

/**
 * Workers make much that lives shortly: the more room there is for it, the less often it's looked over. They share the
 * processors, so that threads of the collector's own only cost.
 */
const NODE_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=64', '--min-semi-space-size=64'];

/** A process, and which test it is at. */
interface Worker {
  readonly child: ChildProcess;
  readonly where: number;
}

/** Processes that live from job to job, since they need a second to get fast. */
export class Pool {
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  #closed = false;

  /** A job that isn't done after `patienceMs` is given up, with all that it brought: its worker spins, and is killed. */
  constructor(
    private readonly module: string,
    private readonly options: { readonly processes: number; readonly patienceMs: number },
  ) {}

  /** Runs each job on one of the processes and answers a run for each, in the order of the jobs. */
  async run(jobs: readonly Job[]): Promise<Run[]> {
    const runs: Run[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let index = next++; index < jobs.length && !this.#closed; index = next++) {
        const job = jobs[index];
        if (!job) break;
        const worker = this.#takeIdle() ?? this.#fork();
        const run = await runJob(worker, job, this.options.patienceMs);
        runs[index] = run;
        if (run.fault === undefined) this.#idle.push(worker);
        else this.#end(worker);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.options.processes, jobs.length) }, lane));
    return runs;
  }

  /** Ends all processes, also those with a job: no other begins. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) this.#end(worker);
  }

  /** One that died after its last job is none. */
  #takeIdle(): Worker | undefined {
    for (let worker = this.#idle.pop(); worker; worker = this.#idle.pop()) {
      if (worker.child.connected) return worker;
      this.#end(worker);
    }
    return undefined;
  }

  #fork(): Worker {
    const where = openWhere();
    const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc'];
    stdio[WHERE] = where;
    try {
      const worker = { child: fork(this.module, [], { execArgv: NODE_OPTIONS, stdio }), where };
      this.#workers.add(worker);
      return worker;
    } catch (error) {
      closeSync(where);
      throw error;
    }
  }

  #end(worker: Worker): void {
    if (!this.#workers.delete(worker)) return;
    worker.child.kill('SIGKILL');
    closeSync(worker.where);
  }
}

function runJob({ child, where }: Worker, job: Job, patienceMs: number): Promise<Run> {
  ftruncateSync(where);
  return new Promise((resolve) => {
    const done = (run: Run): void => {
      clearTimeout(watchdog);
      child.removeAllListeners();
      // One that is being ended may still fail; that is no news.
      child.on('error', () => {});
      resolve(run);
    };
    const fail = (what: string, how: string): void => {
      const test = lastBegun(where);
      done({ outcomes: [], fault: `${what} ${test === '' ? 'before its first test' : `in ${test}`}${how}` });
    };
    const watchdog = setTimeout(() => fail('spins', `: not done after ${patienceMs / 1000} s`), patienceMs);
    child.on('message', (answer: Answer) => {
      if ('outcomes' in answer) done(answer);
      else fail('throws', `: ${answer.thrown}`);
    });
    child.on('error', (error) => fail('its process failed', `: ${error.message}`));
    child.on('exit', (code, signal) => fail('its process ended', ` by ${signal ?? `exit code ${code}`}`));
    child.send(job);
  });
}
