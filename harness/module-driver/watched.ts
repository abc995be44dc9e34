/** Runs the suites against a third-party driver, in a separate process that may hang or crash. */
import type { Catalogue } from '../run/catalogue.js';
import { Monitor, type Tallies } from '../peer/monitor/monitor.js';
import { lostMonitorRecords, monitorRecords, monitorTests } from '../run/monitored.js';
import { type ChildProcess, fork } from 'node:child_process';
import { UsageError } from '../base/errors.js';
import { killIfAlive } from '../base/process.js';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord, SessionRecord, TestRecord } from '../run/record.js';
import { cutShort } from '../run/stop.js';
import type { Tests } from '../run/suite.js';
import { version } from '../base/root.js';
import type { ChildJob, ChildMessage } from './protocol.js';
import { Watchdog } from './watchdog.js';

/** Milliseconds for which the driver may use the processor, or block its thread, before it counts as hanging. */
export const HANG_MS = 5000;
/** Milliseconds for its process to start; beyond this the machine is at fault. */
const START_MS = 120_000;

export interface WatchedOptions extends Omit<ChildJob, 'tests'> {
  readonly tests: Tests;
  readonly catalogue: Catalogue;
  readonly onRecord: (record: ResultRecord) => void;
  readonly signal: AbortSignal;
  /** Default: {@link HANG_MS}. */
  readonly hangMs?: number;
}

/**
 * Milliseconds that the driver may work or wait without the begin or end of a test before it counts as stuck; virtual
 * time does not count.
 */
const STUCK_MS = 60_000;

/** How a process ended that did not complete its tests. */
export interface EarlyEnd {
  readonly why: string;
  /** Whether the driver was loaded before. */
  readonly loaded: boolean;
  /** The test that was running; undefined if none had begun. */
  readonly during: string | undefined;
  /** The requirements of the check that was open, or was the last one of that test. */
  readonly checking: readonly string[];
}

/**
 * Runs `tests` and emits one session record, a record per test and an end record, as a session does. A test in which
 * the driver hangs or throws fails; later tests continue in a new process.
 * @throws UsageError if the module is not a driver, EnvironmentError if its process does not start
 */
export async function runWatched(options: WatchedOptions): Promise<void> {
  const { tests, onRecord, signal, catalogue, spec } = options;
  let session: SessionRecord | undefined;
  const begun = (record: SessionRecord): void => {
    const rules = monitorTests(options.role).length;
    if (!session) onRecord((session = { ...record, planned: tests.length + rules, rules }));
  };
  let left = [...tests];
  let cut: string | undefined;
  let monitored = false;
  let works = false;
  let tallies: Tallies | undefined;
  while (left.length > 0 && !signal.aborted) {
    const take = (record: ResultRecord): void => {
      if (record.type === 'session') return begun(record);
      if (record.type === 'end') return;
      onRecord(record);
      if (record.chapter === 'monitor') monitored = true;
      if (record.verdict === 'pass') works = true;
      left = left.filter(({ id }) => id !== record.id);
    };
    const early = await watch(
      { ...jobOf(options, left), tallies },
      {
        signal,
        ...(options.hangMs === undefined ? {} : { hangMs: options.hangMs }),
        onMessage: (message) => {
          if (message.type === 'record') take(message.record);
          if (message.type === 'tallies') tallies = message.tallies;
        },
      },
    );
    if (!early || signal.aborted) break;
    if (!early.loaded && left.length === tests.length) throw notLoaded(options.module, early);
    // If no test had begun, the start of the driver failed, and would fail again in a new process.
    const [hit, ...others] = left.filter(({ id }) => early.during === undefined || id === early.during);
    if (!hit) {
      // After its last test, which already has a record, so that the failure belongs to no test.
      cut = `after ${early.during}: ${early.why}`;
      continue;
    }
    begun(sessionOf(options));
    const { why } = early;
    // Outside of any check a driver that has worked is brought down by what the test is about.
    const tested = works ? catalogue.checkedBy(hit).filter((id) => catalogue.standsIn(spec, id)) : [];
    const requirements = early.checking.length > 0 ? early.checking : tested;
    const check = { requirements, verdict: 'fail', failure: { observed: why } } as const;
    onRecord({ ...base(options, hit), verdict: 'fail', class: 'guest-crash', checks: [check] });
    left = left.filter((test) => test !== hit);
    if (early.during !== undefined) continue;
    const skip = { class: 'blocked', reason: `blocked by ${hit.id}: ${early.why}` } as const;
    for (const test of others) onRecord({ ...base(options, test), verdict: 'skip', skip });
    left = [];
  }
  begun(sessionOf(options));
  // A process that ended early took its monitor with it, but had reported what it found in the tests before.
  if (!monitored && !signal.aborted) {
    const records = tallies
      ? monitorRecords(new Monitor(() => [], tallies), options, catalogue, (id) => catalogue.standsIn(spec, id))
      : lostMonitorRecords(options, catalogue, "the driver's process did not run to its end");
    records.forEach(onRecord);
  }
  const end = { type: 'end', target: options.name, finished: new Date().toISOString() } as const;
  if (signal.aborted) return onRecord({ ...end, ...cutShort(signal) });
  onRecord(cut === undefined ? { ...end, complete: true } : { ...end, complete: false, reason: cut });
}

function jobOf({ module, name, command, role, seed, slow, spec, traceAll }: WatchedOptions, tests: Tests): ChildJob {
  return { module, name, command, role, tests: tests.map(({ id }) => id), seed, slow, spec, traceAll };
}

/** What a process is watched for. */
export interface Watched {
  readonly signal: AbortSignal;
  /** Default: {@link HANG_MS}. */
  readonly hangMs?: number;
  readonly onMessage: (message: ChildMessage) => void;
}

/** Does a job in one process, up to the end record; returns how it ended if it ended early. */
export function watch(job: ChildJob, { signal, hangMs = HANG_MS, onMessage }: Watched): Promise<EarlyEnd | undefined> {
  return new Promise((resolve, reject) => {
    // The driver's own output is not part of the records.
    const child: ChildProcess = fork(new URL('./child.js', import.meta.url), {
      stdio: ['ignore', 2, 2, 'ipc'],
      // Locations of tests are those of the sources, not of the compiled files.
      execArgv: [...process.execArgv, '--enable-source-maps'],
    });
    let during: string | undefined;
    let checking: readonly string[] = [];
    let why = 'the driver ended its process';
    let complete = false;
    let loaded = false;
    let program: number | undefined;
    const kill = (reason: string): void => {
      why = reason;
      child.kill('SIGKILL');
    };
    const fail = (error: Error): void => {
      reject(error);
      child.kill('SIGKILL');
    };
    const watchdog = new Watchdog(child.pid ?? 0, {
      hangMs,
      stuckMs: STUCK_MS,
      startMs: START_MS,
      onHang: kill,
      onLate: () => fail(new EnvironmentError(`the driver's process did not start within ${START_MS / 1000} s`)),
    });
    const abort = (): void => kill('interrupted');
    signal.addEventListener('abort', abort, { once: true });
    child.on('message', (message: ChildMessage) => {
      watchdog.messageReceived();
      if (message.type !== 'alive') watchdog.progressMade();
      if (message.type === 'broken') fail(new Error(message.message));
      if (message.type === 'loaded') loaded = true;
      if (message.type === 'begin') [during, checking] = [message.id, []];
      if (message.type === 'check') checking = message.requirements;
      if (message.type === 'program') watchdog.watchToo((program = message.pid));
      if (message.type === 'crash') why = message.message;
      if (message.type === 'refused') fail(notADriver(job.module, message.reason));
      onMessage(message);
      if (message.type !== 'record' || message.record.type !== 'end') return;
      // All records have arrived; the process must not wait for a driver that keeps running.
      complete = true;
      child.kill('SIGKILL');
    });
    child.once('error', fail);
    child.once('exit', () => {
      watchdog.close();
      // It may be in an endless loop, in which it does not see that the process that served it is gone.
      if (program !== undefined) killIfAlive(program);
      signal.removeEventListener('abort', abort);
      resolve(complete ? undefined : { why, loaded, during, checking });
    });
    child.send(job);
  });
}

/** The error for a module or program that has ended before it was loaded. */
export function notLoaded(file: string, { why }: EarlyEnd): UsageError {
  return notADriver(file, `before it was loaded, ${why}`);
}

const notADriver = (file: string, why: string): UsageError => new UsageError(`${file} is not a driver: ${why}`);

/** A session record, if the driver's process left none. */
function sessionOf({ name, command, role, seed, tests }: WatchedOptions): SessionRecord {
  return emptySession({ name, command, role, seed }, tests.length + monitorTests(role).length);
}

/** The session record of a driver that did not get as far as that, with so many records to come. */
export function emptySession(
  { name, command, role, seed }: Pick<ChildJob, 'name' | 'command' | 'role' | 'seed'>,
  planned: number,
): SessionRecord {
  return {
    type: 'session',
    schema: 1,
    target: name,
    role,
    version,
    command,
    started: new Date().toISOString(),
    adapter: 'simulated',
    seed,
    facts: {},
    features: {},
    planned,
    requirements: 0,
  };
}

function base({ name }: WatchedOptions, test: Tests[number]): Omit<TestRecord, 'verdict'> {
  const { id, title, role, chapter, location } = test;
  return { type: 'test', target: name, id, title, role, chapter, location, checks: [], infos: [], durationMs: 0 };
}
