/** Processes that run the jobs of a proof in parallel. On threads of one process the simulator is much slower. */
import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { closeSync, ftruncateSync } from 'node:fs';
import { Watchdog } from '../module-driver/watchdog.js';
import type { Run } from './evidence.js';
import type { Answer, Job } from './job.js';
import { lastBegun, openWhere, WHERE } from './where.js';

/**
 * Workers allocate many short-lived objects: a larger young generation is collected less often. Workers share the
 * processors, so threads for garbage collection would only cost time.
 */
const NODE_OPTIONS = ['--single-threaded-gc', '--max-semi-space-size=64', '--min-semi-space-size=64'];

/** A process, and the file with its current test. */
interface Worker {
  readonly child: ChildProcess;
  readonly where: number;
}

/** Processes that are used for many jobs, since each needs a second until its code is optimized. */
export class Pool {
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  #closed = false;

  /** A job that needs more than `patienceMs` of processor time is given up with all its results; its worker is killed. */
  constructor(
    private readonly module: string,
    private readonly options: {
      readonly processes: number;
      readonly patienceMs: number;
      /** Called after each job. */
      readonly onDone?: () => void;
    },
  ) {}

  /** Runs each job on one of the processes and returns one run per job, in the same order. */
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
        this.options.onDone?.();
        if (run.fault === undefined) this.#idle.push(worker);
        else this.#end(worker);
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.options.processes, jobs.length) }, lane));
    return runs;
  }

  /** Ends all processes, including busy ones, and starts no other. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) this.#end(worker);
  }

  /** A process that died after its last job is not idle. */
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
      watchdog.close();
      child.removeAllListeners();
      // A process that is being ended may still report an error, which is ignored.
      child.on('error', () => {});
      resolve(run);
    };
    const fail = (what: string, how: string): void => {
      const test = lastBegun(where);
      done({ outcomes: [], fault: `${what} ${test === '' ? 'before its first test' : `in ${test}`}${how}` });
    };
    // By the use of the processor: on a busy machine, or while it is stopped, a worker makes no progress.
    const watchdog = new Watchdog(child.pid ?? 0, {
      hangMs: patienceMs,
      stuckMs: patienceMs,
      startMs: patienceMs,
      onLate: () => undefined,
      onHang: (why) => fail('was given up', `: ${why}`),
    });
    watchdog.messageReceived();
    child.on('message', (answer: Answer) => {
      if ('outcomes' in answer) done(answer);
      else fail('throws', `: ${answer.thrown}`);
    });
    child.on('error', (error) => fail('its process failed', `: ${error.message}`));
    child.on('exit', (code, signal) => fail('its process ended', ` by ${signal ?? `exit code ${code}`}`));
    child.send(job);
  });
}
