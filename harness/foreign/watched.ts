/** Runs the suites against somebody else's driver, in a process of its own that may hang or die. */
import { type ChildProcess, fork } from 'node:child_process';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord, SessionRecord, TestRecord } from '../run/record.js';
import type { Tests } from '../run/suite.js';
import { version } from '../root.js';
import type { Order, Word } from './protocol.js';

/** Milliseconds without a word from the driver's process after which it counts as hanging. */
export const HANG_MS = 5000;

export interface WatchedOptions extends Omit<Order, 'tests'> {
  readonly tests: Tests;
  readonly onRecord: (record: ResultRecord) => void;
  readonly signal: AbortSignal;
  /** {@link HANG_MS} unless told. */
  readonly hangMs?: number;
}

/** Milliseconds without a test that begins or ends after which a driver counts as stuck: virtual time takes none. */
const STUCK_MS = 60_000;

/** How a process ended that didn't come to the end of its tests. */
interface Death {
  readonly why: string;
  /** The test that was running; undefined if none had begun. */
  readonly during: string | undefined;
}

/**
 * Runs `tests` and emits one session record, a record for each test and an end record, as a session does. A test in
 * which the driver hangs or throws fails; those after it go on in a new process.
 *
 * @throws EnvironmentError if the module is no driver
 */
export async function runWatched(options: WatchedOptions): Promise<void> {
  const { tests, onRecord, signal } = options;
  let session: SessionRecord | undefined;
  const begun = (record: SessionRecord): void => {
    if (!session) onRecord((session = { ...record, planned: tests.length }));
  };
  let left = [...tests];
  let cut: string | undefined;
  while (left.length > 0 && !signal.aborted) {
    const take = (record: ResultRecord): void => {
      if (record.type === 'session') return begun(record);
      if (record.type === 'end') return;
      onRecord(record);
      left = left.filter(({ id }) => id !== record.id);
    };
    const death = await watch(options, left, take);
    if (!death || signal.aborted) break;
    // Without a test that had begun it's the start of the driver that fails, and every later one would fail likewise.
    const [hit, ...others] = left.filter(({ id }) => death.during === undefined || id === death.during);
    if (!hit) {
      // After the last test that it was in, which has its record: there is no test to hold it against.
      cut = `after ${death.during}: ${death.why}`;
      continue;
    }
    begun(sessionOf(options));
    onRecord({ ...base(options, hit), verdict: 'fail', class: 'guest-crash', message: death.why });
    left = left.filter((test) => test !== hit);
    if (death.during !== undefined) continue;
    const skip = { class: 'blocked', reason: `blocked by ${hit.id}: ${death.why}` } as const;
    for (const test of others) onRecord({ ...base(options, test), verdict: 'skip', skip });
    left = [];
  }
  begun(sessionOf(options));
  const end = { type: 'end', target: options.name, finished: new Date().toISOString() } as const;
  const reason = signal.aborted ? 'interrupted' : cut;
  onRecord(reason === undefined ? { ...end, complete: true } : { ...end, complete: false, reason });
}

/** Runs tests in one process; answers how it ended if that was before its time. */
function watch(
  options: WatchedOptions,
  tests: Tests,
  take: (record: ResultRecord) => void,
): Promise<Death | undefined> {
  const { module, name, command, role, seed, slow, spec, traceAll, signal, hangMs = HANG_MS } = options;
  return new Promise((resolve, reject) => {
    // What the driver prints is no record of ours.
    const child: ChildProcess = fork(new URL('./child.js', import.meta.url), {
      stdio: ['ignore', 2, 2, 'ipc'],
      // A test stands where it's written, and not where it was compiled to.
      execArgv: [...process.execArgv, '--enable-source-maps'],
    });
    let during: string | undefined;
    let why = 'the driver ended its process';
    let complete = false;
    const kill = (reason: string): void => {
      why = reason;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(() => undefined, 0);
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => kill(`the driver hangs: it kept the processor for ${hangMs} ms`), hangMs);
    };
    let stuck = setTimeout(() => undefined, 0);
    const moving = (): void => {
      clearTimeout(stuck);
      stuck = setTimeout(() => kill(`the driver comes to no end: nothing happened for ${STUCK_MS} ms`), STUCK_MS);
    };
    const abort = (): void => kill('interrupted');
    signal.addEventListener('abort', abort, { once: true });
    alive();
    moving();
    child.on('message', (word: Word) => {
      alive();
      if (word.type !== 'alive') moving();
      if (word.type === 'broken') reject(new Error(word.message));
      if (word.type === 'begin') during = word.id;
      if (word.type === 'crash') why = `the driver threw: ${word.message}`;
      if (word.type === 'refused') reject(new EnvironmentError(`${module} is no driver: ${word.reason}`));
      if (word.type !== 'record') return;
      take(word.record);
      if (word.record.type !== 'end') return;
      // All is said; a driver that doesn't let go may not hold us up.
      complete = true;
      child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      clearTimeout(stuck);
      signal.removeEventListener('abort', abort);
      resolve(complete ? undefined : { why, during });
    });
    const ids = tests.map(({ id }) => id);
    child.send({ module, name, command, role, tests: ids, seed, slow, spec, traceAll } satisfies Order);
  });
}

/** A session of which the driver's process left no record. */
function sessionOf({ name, command, role, seed, tests }: WatchedOptions): SessionRecord {
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
    planned: tests.length,
    statements: 0,
  };
}

function base({ name }: WatchedOptions, test: Tests[number]): Omit<TestRecord, 'verdict'> {
  const { id, title, role, chapter, location } = test;
  return { type: 'test', target: name, id, title, role, chapter, location, checks: [], infos: [], durationMs: 0 };
}
