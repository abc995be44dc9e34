/** One run of the suites against one target: from opening the target to the end record. */
import type { Reflector } from '../peer/context.js';
import { Monitor, type Tallies } from '../peer/monitor/monitor.js';
import { clearLeftovers } from '../peer/vif.js';
import { version } from '../base/root.js';
import { EventPump } from '../xen/event-pump.js';
import { Trace, traced } from '../xen/traced.js';
import { Patience } from '../xen/wait.js';
import { type AnyConnections, connectionsOf } from './connections.js';
import { declaredRecord, declaresAnything, Trials } from './declared.js';
import { Expectations } from './expectations.js';
import type { Iut } from './iut.js';
import { Preconditions } from './preconditions.js';
import { monitorRecords, monitorTests } from './monitored.js';
import { runWithMocha } from './mocha-run.js';
import { Reflectors } from './reflectors.js';
import { type EndRecord, type ResultRecord, testMessage, type TestRecord } from './record.js';
import { TEXT_VERSIONS } from './requirement.js';
import { type ConnectionMethod, connectionMethodOf } from './connection-method.js';
import { type Skip, skipReason } from './skips.js';
import { isAnchor, type Tests } from './suite.js';
import { cutShort } from './stop.js';
import { isSimulated } from './target.js';
import { type TestRunOptions, TestRunner } from './test-runner.js';
import { tracedIut } from './traced-iut.js';

type Test = Tests[number];

export interface SessionOptions extends TestRunOptions {
  /** The words of the command that runs this target. */
  readonly command: readonly string[];
  readonly open: () => Promise<Iut>;
  /** The tests to run, in order. */
  readonly tests: Tests;
  readonly expectations: Expectations;
  readonly seed: number;
  /** Whether the monitor checks the driver, and has a test for each requirement that it checks. */
  readonly monitored: boolean;
  /** What the monitor found in earlier parts of this session, which ran in other processes. */
  readonly tallies?: Tallies | undefined;
  /** Called after each test with what the monitor has found up to then. */
  readonly onTallies?: (tallies: Tallies) => void;
  /** The claimed version of the header: a key of TEXT_VERSIONS. */
  readonly spec: string;
  /** I/N: the part of a run, if this is one of several. */
  readonly shard?: string;
  /** The target of the session that follows in the same run. */
  readonly next?: string | undefined;
  /** Called with the id of each test before it runs. */
  readonly onBegin?: (id: string) => void;
  readonly onRecord: (record: ResultRecord) => void;
}

/**
 * Runs `options.tests` and emits a session record, a record for each test and an end record.
 *
 * @throws EnvironmentError, XenError or SshError if the target cannot be opened; no record is emitted then
 */
export function runSession(options: SessionOptions): Promise<void> {
  return withSession(options, (session) => session.runAll());
}

/** Opens the target, calls `work` with its session and closes the target. Throws as {@link runSession} does. */
export async function withSession(options: SessionOptions, work: (session: Session) => Promise<void>): Promise<void> {
  const iut = await options.open();
  try {
    await work(new Session(options, iut));
  } finally {
    await iut.close();
  }
}

/** The work on one target: begins with a plain connection, then runs tests one after the other. */
export class Session {
  readonly iut: Iut;
  readonly monitor: Monitor | undefined;
  /** Whether the version of the header that the vendor claims has a requirement. */
  readonly claimed = (id: string): boolean => this.options.catalogue.standsIn(this.options.spec, id);
  /** Applies the expectations to a record, with today's date. */
  readonly #expected = (record: TestRecord): TestRecord =>
    this.options.expectations.judge(record, new Date().toISOString().slice(0, 10));
  readonly #method: ConnectionMethod;
  readonly #connections: AnyConnections;
  readonly #runner: TestRunner;
  readonly #trials = new Trials();
  readonly #reflectors: Reflectors;
  readonly #preconditions: Preconditions;

  constructor(
    private readonly options: SessionOptions,
    iut: Iut,
  ) {
    this.#reflectors = new Reflectors(iut.promised);
    const trace = new Trace(iut.harness.clock);
    this.monitor = options.monitored ? new Monitor(() => trace.steps(), options.tallies) : undefined;
    this.iut = tracedIut(iut, trace);
    const domain = traced(iut.harness, trace);
    const patience = new Patience(iut.harness.clock, options.target.timeScale);
    const context = {
      domain,
      pump: new EventPump(domain.events),
      patience,
      monitor: this.monitor,
      seesStack: this.iut.observeStacks !== undefined,
      onFrame: (frame: Uint8Array, sent: boolean) => trace.addFrame(frame, sent),
      onAnswer: (reflector: Reflector) => this.#runner.use(reflector),
    };
    this.#method = connectionMethodOf(options.target, this.iut);
    this.#connections = connectionsOf(options.target.role, {
      context,
      iut: this.iut,
      method: this.#method,
      reflectors: this.#reflectors,
    });
    this.iut.observeStacks?.((handle) => this.#connections.stackObserver(handle));
    this.#preconditions = new Preconditions({
      iut: this.iut,
      connections: this.#connections,
      method: this.#method,
      reflectors: this.#reflectors,
      patience,
      log: options.log,
    });
    this.#runner = new TestRunner(options, {
      iut: this.iut,
      domain,
      connections: this.#connections,
      preconditions: this.#preconditions,
      trace,
      patience,
      claimed: this.claimed,
      expected: this.#expected,
    });
  }

  /** Runs `options.tests` in order, and emits the records of the session. */
  async runAll(): Promise<void> {
    const { target, tests, onRecord, signal } = this.options;
    const declared = declaresAnything(target) ? 1 : 0;
    await this.begin(tests.length + declared, this.monitor ? monitorTests(target.role).length : 0);
    const plan = this.#ordered(tests).map((test) => ({
      chapter: test.chapter,
      id: test.id,
      run: async (skip: () => never) => {
        const record = await this.runTest(test);
        this.#trials.add(test, record);
        onRecord(record);
        if (record.verdict === 'skip') skip();
        if (record.verdict === 'fail' || record.verdict === 'error') throw new Error(testMessage(record));
      },
    }));
    await runWithMocha(plan, signal);
    if (declaresAnything(target) && !signal.aborted) {
      onRecord(this.#expected(declaredRecord(target, this.#preconditions.features, this.#reflectors, this.#trials)));
    }
    await this.end((monitor) => monitorRecords(monitor, target, this.options.catalogue, this.claimed));
  }

  /**
   * Makes a plain connection, and emits the session record of a run with records of `tests` tests and of `rules` rules of
   * the monitor.
   */
  async begin(tests: number, rules = 0): Promise<void> {
    const { target, catalogue, onRecord } = this.options;
    const { harness, domain, deviceTypes } = this.iut;
    for (const path of await clearLeftovers(harness.store, harness.id, domain, deviceTypes)) {
      this.options.log(`removed a vif of an earlier run: ${path}`);
    }
    await this.#preconditions.open();
    onRecord({
      type: 'session',
      schema: 1,
      target: target.name,
      role: target.role,
      version,
      command: this.options.command,
      ...(this.options.shard === undefined ? {} : { shard: this.options.shard }),
      started: new Date().toISOString(),
      adapter: this.iut.adapter,
      ...(isSimulated(target) ? { seed: this.options.seed } : {}),
      facts: {
        catalogue: `${catalogue.requirements.length} requirements`,
        spec: `${this.options.spec} (${TEXT_VERSIONS[this.options.spec]})`,
        reflectors: this.#preconditions.answers,
        ...(await this.iut.facts()),
      },
      features: this.features,
      planned: tests + rules,
      ...(rules > 0 ? { rules } : {}),
      requirements: catalogue.requirements.filter(
        ({ id, side, untestable }) => [target.role, 'both'].includes(side) && !untestable && this.claimed(id),
      ).length,
    });
  }

  /** The keys that the driver advertised on the first connection. */
  get features(): Readonly<Record<string, string>> {
    return this.#preconditions.features ?? {};
  }

  /** Whether the target allows what may take its guest down. */
  get destructive(): boolean {
    return this.options.target.destructive;
  }

  /** Why the environment failed; undefined as long as it works. */
  get lost(): string | undefined {
    return this.#preconditions.lost;
  }

  /** Runs one test. Returns its record, with the expectations applied. */
  async runTest(test: Test): Promise<TestRecord> {
    this.options.onBegin?.(test.id);
    this.monitor?.enter(test.id);
    const record = this.#expected(await this.#runner.run(test, () => this.#skipReason(test)));
    if (this.monitor) this.options.onTallies?.(this.monitor.tallies);
    return record;
  }

  /** Closes the connections, and emits the records that `summary` makes and the end record. */
  async end(summary: (monitor: Monitor) => readonly TestRecord[]): Promise<void> {
    if (this.lost === undefined) await this.#connections.endTest(true);
    for (const record of this.monitor ? summary(this.monitor) : []) this.options.onRecord(this.#expected(record));
    this.options.onRecord(this.#end());
  }

  /** If each new connection replaces the shared one, the tests without connections of their own run first. */
  #ordered(tests: Tests): Tests {
    if (this.#method.maxVifs > 1) return tests;
    const rank = (test: Test): number =>
      isAnchor(test) ? 0 : test.options.destructive ? 3 : test.options.fresh ? 2 : 1;
    return [...tests].sort((a, b) => rank(a) - rank(b));
  }

  #end(): EndRecord {
    const { signal, next, target } = this.options;
    const reason = this.#preconditions.lost;
    const base = {
      type: 'end' as const,
      target: target.name,
      finished: new Date().toISOString(),
      ...(next === undefined ? {} : { next }),
      ...(this.iut.order ? { order: this.iut.order() } : {}),
    };
    if (signal.aborted) return { ...base, ...cutShort(signal) };
    if (reason === undefined) return { ...base, complete: true };
    return { ...base, complete: false, reason };
  }

  #skipReason(test: Test): Skip | undefined {
    const { target, catalogue, slow, spec } = this.options;
    return skipReason(test, {
      catalogue,
      iut: this.iut,
      destructive: target.destructive,
      slow,
      spec,
      features: this.#preconditions.features ?? {},
      reflectors: this.#reflectors,
    });
  }
}
