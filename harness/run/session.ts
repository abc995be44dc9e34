/** One run of the suites against one target: from opening it to the end record. */
import { clearLeftovers } from '../peer/vif.js';
import { version } from '../root.js';
import { EventPump } from '../xen/event-pump.js';
import { Trace, traced } from '../xen/traced.js';
import { Expired, Patience } from '../xen/wait.js';
import { CATALOGUE, requirement, standsIn, TEXT_VERSIONS } from '../../suites/requirements/index.js';
import { Connections } from './connections.js';
import { declaredRecord, Trials } from './declared.js';
import { Expectations } from './expectations.js';
import type { Iut } from './iut.js';
import { blamesIut } from './judge.js';
import { runWithMocha } from './mocha-run.js';
import { askReflectors, type Reflector } from './reflectors.js';
import { anchorOf, type EndRecord, type ResultRecord, type TestRecord } from './record.js';
import { type Way, wayOf } from './ways.js';
import { type Skip, skipReason } from './skips.js';
import { isAnchor, type Tests } from './suite.js';
import { isSimulated } from './target.js';
import { type TestRunOptions, TestRunner } from './test-runner.js';
import { tracedIut } from './traced-iut.js';

type Test = Tests[number];

export interface SessionOptions extends TestRunOptions {
  /** The words of the command that runs this target. */
  readonly command: readonly string[];
  readonly open: () => Promise<Iut>;
  readonly tests: Tests;
  readonly expectations: Expectations;
  readonly seed: number;
  /** The version of the text that the driver is held to: a key of TEXT_VERSIONS. */
  readonly spec: string;
  /** I/N: which part of a run this is, where it's one. */
  readonly shard?: string;
  /** Told of each test before it runs. */
  readonly onBegin?: (id: string) => void;
  readonly onRecord: (record: ResultRecord) => void;
}

/**
 * Runs `options.tests` and emits one session record, a record for each test and an end record.
 *
 * @throws EnvironmentError, XenError or SshError if the target can't be opened; nothing was emitted then
 */
export async function runSession(options: SessionOptions): Promise<void> {
  const iut = await options.open();
  try {
    const session = new Session(options, iut);
    await session.run();
  } finally {
    await iut.close();
  }
}

class Session {
  private readonly iut: Iut;
  /** Whether a requirement stands in the text that the vendor claims. */
  readonly #claimed = (id: string): boolean => standsIn(this.options.spec, requirement(id));
  /** A record as the expectations of today see it. */
  readonly #expected = (record: TestRecord): TestRecord =>
    this.options.expectations.judge(record, new Date().toISOString().slice(0, 10));
  readonly #way: Way;
  readonly #connections: Connections;
  readonly #runner: TestRunner;
  readonly #trials = new Trials();
  #features: Record<string, string> = {};
  /** The questions that the guest's stack answers, or must. */
  #reflectors: ReadonlySet<Reflector>;
  /** Why no plain connection can be had. */
  #broken: unknown;

  constructor(
    private readonly options: SessionOptions,
    iut: Iut,
  ) {
    this.#reflectors = iut.promised;
    const trace = new Trace(iut.harness.clock);
    this.iut = tracedIut(iut, trace);
    const domain = traced(iut.harness, trace);
    const patience = new Patience(iut.harness.clock, options.target.timeScale);
    const context = {
      domain,
      pump: new EventPump(domain.events),
      patience,
      onFrame: (frame: Uint8Array, sent: boolean) => trace.addFrame(frame, sent),
    };
    this.#way = wayOf(options.target, this.iut);
    this.#connections = new Connections(context, this.iut, options.target.role, this.#way);
    this.#runner = new TestRunner(options, {
      iut: this.iut,
      domain,
      connections: this.#connections,
      way: this.#way,
      trace,
      patience,
      claimed: this.#claimed,
      expected: this.#expected,
    });
  }

  async run(): Promise<void> {
    const { target, tests, onBegin, onRecord, signal } = this.options;
    for (const path of await clearLeftovers(this.iut.harness.store, this.iut.harness.id, this.iut.domain)) {
      this.options.log(`cleared what an earlier run left behind: ${path}`);
    }
    await this.#probe();
    const answered = await this.#askAround();
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
        catalogue: `${CATALOGUE.length} requirements`,
        spec: `${this.options.spec} (${TEXT_VERSIONS[this.options.spec]})`,
        reflectors: answered,
        ...(await this.iut.facts()),
      },
      features: this.#features,
      planned: tests.length + (target.features ? 1 : 0),
      statements: CATALOGUE.filter(
        ({ id, side, untestable }) => [target.role, 'both'].includes(side) && !untestable && this.#claimed(id),
      ).length,
    });
    const plan = this.#ordered(tests).map((test) => ({
      chapter: test.chapter,
      id: test.id,
      run: async (skip: () => never) => {
        onBegin?.(test.id);
        const record = this.#expected(await this.#runner.run(test, () => this.#skipReason(test)));
        this.#trials.add(test, record);
        onRecord(record);
        // A first connection that failed for once must not block a run whose plain connection works.
        if (isAnchor(test) && record.verdict === 'pass' && this.#broken !== undefined) await this.#probe();
        if (record.verdict === 'skip') skip();
        if (record.verdict === 'fail' || record.verdict === 'error') throw new Error(record.message);
      },
    }));
    await runWithMocha(plan, signal);
    if (target.features && !signal.aborted) {
      const seen = this.#broken === undefined ? this.#features : undefined;
      onRecord(this.#expected(declaredRecord(target, target.features, seen, this.#trials)));
    }
    if (this.#runner.lost === undefined) await this.#connections.endTest(true);
    onRecord(this.#end());
  }

  /** Where each fresh connection costs the shared one, the tests that need none come first. */
  #ordered(tests: Tests): Tests {
    if (this.#way.atOnce > 1) return tests;
    const rank = (test: Test): number =>
      isAnchor(test) ? 0 : test.options.destructive ? 3 : test.options.fresh ? 2 : 1;
    return [...tests].sort((a, b) => rank(a) - rank(b));
  }

  #end(): EndRecord {
    const reason = this.options.signal.aborted ? 'interrupted' : this.#runner.lost;
    const finished = new Date().toISOString();
    const base = { type: 'end' as const, target: this.options.target.name, finished };
    const order = this.iut.order ? { order: this.iut.order() } : {};
    if (reason === undefined) return { ...base, ...order, complete: true };
    return { ...base, ...order, complete: false, reason };
  }

  /**
   * Makes a first connection, to see what the implementation under test offers. Only a handshake that fails blocks the
   * tests: if packets don't pass, it's for the tests to say so.
   */
  async #probe(): Promise<void> {
    this.#broken = undefined;
    try {
      this.#features = await this.#connections.probe();
    } catch (error) {
      if (!blamesIut(error)) throw error;
      this.#broken = error;
    }
  }

  /**
   * Asks the guest's stack whether it answers; what it should and doesn't is for the tests to say. Answers a line for
   * the session record.
   */
  async #askAround(): Promise<string> {
    if (this.#broken !== undefined) return 'not asked';
    let hurt = false;
    try {
      const answered = await askReflectors(await this.#connections.shared());
      this.#reflectors = new Set([...this.#reflectors, ...answered]);
      this.#connections.answering = this.#reflectors.has('arp');
      return [...answered].join(' ') || 'none';
    } catch (error) {
      hurt = !(error instanceof Expired);
      return `not known: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      await this.#connections.endTest(hurt);
    }
  }

  #skipReason(test: Test): Skip | undefined {
    const { lost } = this.#runner;
    if (lost !== undefined) return { class: 'blocked', reason: `the environment is gone: ${lost}` };
    if (this.#broken !== undefined && !isAnchor(test)) {
      return { class: 'blocked', reason: `blocked by ${anchorOf(test.role)}: no plain connection` };
    }
    const { target, spec } = this.options;
    return skipReason(test, {
      iut: this.iut,
      destructive: target.destructive,
      spec,
      features: this.#features,
      reflectors: this.#reflectors,
    });
  }
}
