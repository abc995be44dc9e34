/** One run of the suites against one target: from opening it to the end record. */
import { kernelFault } from '../guest/kernel-log.js';
import { clearLeftovers } from '../peer/vif.js';
import { version } from '../root.js';
import { EventPump } from '../xen/event-pump.js';
import type { Domain } from '../xen/domain.js';
import { Trace, traced } from '../xen/traced.js';
import { Expired, Patience } from '../xen/wait.js';
import { CATALOGUE, requirement, standsIn, TEXT_VERSIONS } from '../../suites/requirements/index.js';
import { findLeak, type Inventory } from './audit.js';
import { Connections } from './connections.js';
import { contextOf, type OpenContext } from './context.js';
import { declaredRecord, Trials } from './declared.js';
import { EnvironmentError } from './environment.js';
import { Expectations } from './expectations.js';
import { GuestKeeper } from './guest-keeper.js';
import { hold } from './hold.js';
import type { Iut } from './iut.js';
import { blamesIut, CheckFailed, checkRecord, type Finding, judge } from './judge.js';
import { runWithMocha } from './mocha-run.js';
import { askReflectors, type Reflector } from './reflectors.js';
import { anchorOf, type CheckRecord, type EndRecord, type ResultRecord, type TestRecord, worse } from './record.js';
import { Unavailable } from './unavailable.js';
import { type Way, wayOf } from './ways.js';
import { type Skip, skipReason } from './skips.js';
import type { Tests } from './suite.js';
import { isSimulated, type Target } from './target.js';
import { tracedIut } from './traced-iut.js';

type Test = Tests[number];

export interface SessionOptions {
  readonly target: Target;
  /** The words of the command that runs this target. */
  readonly command: readonly string[];
  readonly open: () => Promise<Iut>;
  readonly tests: Tests;
  readonly expectations: Expectations;
  readonly seed: number;
  /** Whether the run may take long: tests of races try often. */
  readonly slow: boolean;
  /** The version of the text that the driver is held to: a key of TEXT_VERSIONS. */
  readonly spec: string;
  /** I/N: which part of a run this is, where it's one. */
  readonly shard?: string;
  /** Whether the first test that fails leaves vif and guest as they are, until `signal`. */
  readonly keep?: boolean;
  /** Whether the record of every test has a trace, and not that of a failed one alone. */
  readonly traceAll?: boolean;
  /** Told of each test before it runs. */
  readonly onBegin?: (id: string) => void;
  readonly onRecord: (record: ResultRecord) => void;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The test that all others of its role stand on: if a plain connection fails, they are skipped as blocked by it. */
export function isAnchor(test: Test): boolean {
  return test.id === anchorOf(test.role);
}

/** A test may not hang the run: beyond this the harness gives it up, as its own fault. */
const TEST_CEILING_MS = 60_000;
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
  readonly #guest: GuestKeeper;
  readonly #way: Way;
  readonly #connections: Connections;
  readonly #domain: Domain;
  readonly #trace: Trace;
  readonly #trials = new Trials();
  readonly #patience: Patience;
  #features: Record<string, string> = {};
  /** The questions that the guest's stack answers, or must. */
  #reflectors: ReadonlySet<Reflector>;
  /** What there was before there was any connection. */
  #idle: Inventory;
  /** Why no plain connection can be had. */
  #broken: unknown;
  /** Why the environment is gone: nothing can be tested any more. */
  #lost: string | undefined;

  constructor(
    private readonly options: SessionOptions,
    iut: Iut,
  ) {
    this.#reflectors = iut.promised;
    this.#trace = new Trace(iut.harness.clock);
    this.iut = tracedIut(iut, this.#trace);
    this.#guest = new GuestKeeper(this.iut, options.log);
    this.#domain = traced(iut.harness, this.#trace);
    this.#patience = new Patience(iut.harness.clock, options.target.timeScale);
    const context = {
      domain: this.#domain,
      pump: new EventPump(this.#domain.events),
      patience: this.#patience,
      onFrame: (frame: Uint8Array, sent: boolean) => this.#trace.addFrame(frame, sent),
    };
    this.#way = wayOf(options.target, this.iut);
    this.#connections = new Connections(context, this.iut, options.target.role, this.#way);
    this.#idle = this.#inventory();
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
        const record = this.#expected(await this.#runTest(test));
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
    if (!this.#lost) await this.#connections.endTest(true);
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
    const reason = this.options.signal.aborted ? 'interrupted' : this.#lost;
    const finished = new Date().toISOString();
    const base = { type: 'end' as const, target: this.options.target.name, finished };
    const order = this.iut.order ? { order: this.iut.order() } : {};
    if (reason === undefined) return { ...base, ...order, complete: true };
    return { ...base, ...order, complete: false, reason };
  }

  #expected(record: TestRecord): TestRecord {
    return this.options.expectations.judge(record, new Date().toISOString().slice(0, 10));
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

  async #runTest(test: Test): Promise<TestRecord> {
    const { target } = this.options;
    const started = performance.now();
    const base = {
      type: 'test' as const,
      target: target.name,
      id: test.id,
      title: test.title,
      role: test.role,
      chapter: test.chapter,
      location: test.location,
    };
    await this.#awaitGuest();
    const skip = this.#skipReason(test);
    if (skip) return { ...base, verdict: 'skip', skip, checks: [], infos: [], durationMs: 0 };

    const before = this.#inventory();
    const context = contextOf(test, this.#domain, this.#connections, requirement, this.#claimed, this.options.slow);
    this.#trace.take();
    const executed = await this.#execute(context);
    const { kernelLog } = executed;
    let { finding, unavailable } = executed;
    if (!finding && !unavailable && context.own.checks.length === 0) {
      // A test that checked nothing has proved nothing.
      if (context.own.unclaimed) unavailable = new Unavailable('spec', 'what it checks is newer than the claimed text');
      else finding = { verdict: 'error', message: 'the test ended without a check', requirements: [] };
    }
    const traced = this.#trace.take();
    finding = this.#crash(kernelLog) ?? finding;
    if (finding && this.options.keep && this.#isNews({ ...base, ...finding, checks: context.own.checks })) {
      const { log, signal } = this.options;
      await hold(`${test.id}: ${finding.message}`, this.#connections.paths(), target.ssh, log, signal);
    }
    const broken = finding !== undefined || context.own.checks.some((check) => check.verdict !== 'pass');
    const cleaned = await this.#cleanUp(broken && (test.options.destructive ?? false), finding);
    kernelLog.push(...cleaned.kernelLog);
    finding = this.#crash(cleaned.kernelLog) ?? cleaned.finding;
    const leak = finding || broken ? undefined : await this.#audit(before);
    if (leak) context.own.checks.push(checkRecord([], leak));
    finding ??= leak;
    const warnings = context.own.checks.filter((check) => check.verdict === 'warn');
    const unwarned = unavailable ? 'skip' : 'pass';
    const verdict = worse(warnings.length > 0 ? 'warn' : unwarned, finding?.verdict ?? unwarned);
    if (verdict === 'pass') this.#guest.passed();
    const message = finding?.message ?? warnings[0]?.message;
    const isPlain = verdict === 'pass' || verdict === 'skip';
    const trace = isPlain && !this.options.traceAll ? [] : traced();
    return {
      ...base,
      verdict,
      ...(verdict === 'skip' && unavailable ? { skip: { class: unavailable.kind, reason: unavailable.message } } : {}),
      ...(finding?.class ? { class: finding.class } : {}),
      ...(message === undefined ? {} : { message }),
      ...(finding?.detail === undefined ? {} : { detail: finding.detail }),
      checks: context.own.checks,
      infos: context.own.infos,
      ...(context.own.raced === undefined ? {} : { rounds: context.own.raced }),
      durationMs: Math.round(performance.now() - started),
      ...(trace.length > 0 ? { trace } : {}),
      ...(kernelLog.length > 0 ? { kernelLog } : {}),
    };
  }

  /** Runs a test's body, and hears what the guest's kernel says to it. */
  async #execute(context: OpenContext): Promise<Executed & { readonly kernelLog: string[] }> {
    try {
      await this.iut.kernelLog?.mark();
    } catch (error) {
      return { finding: await this.#find(error), kernelLog: [] };
    }
    const executed = await this.#perform(context);
    try {
      return { ...executed, kernelLog: await this.#said() };
    } catch (error) {
      // A log that can't be read: with the guest gone, as a rule. What the test found may come of the same.
      const fault = await this.#find(error);
      this.#unprove(context.own.checks, fault);
      const before = executed.finding ? `; before that: ${executed.finding.message}` : '';
      return { finding: { ...fault, message: fault.message + before }, kernelLog: [] };
    }
  }

  /** What the guest's kernel said since it was last listened to. */
  async #said(): Promise<string[]> {
    return (await this.iut.kernelLog?.since()) ?? [];
  }

  /**
   * What the kernel's words are worth. That the guest is gone is what a crash does, and no excuse; that the host failed
   * is one.
   */
  #crash(kernelLog: readonly string[]): Finding | undefined {
    const crash = kernelFault(kernelLog);
    if (crash === undefined || (this.#lost !== undefined && !this.#guest.missing)) return undefined;
    return { verdict: 'fail', class: 'guest-crash', message: `the guest's kernel says: ${crash}`, requirements: [] };
  }

  /** A check that failed while the environment was broken says nothing of the driver. */
  #unprove(checks: CheckRecord[], fault: Finding): void {
    const last = checks.at(-1);
    if (last?.verdict === 'fail') checks.splice(-1, 1, { ...last, verdict: 'error', message: fault.message });
  }

  /** Whether a record is a failure that no expectation names. */
  #isNews(found: Omit<TestRecord, 'infos' | 'durationMs'>): boolean {
    const { verdict, expectation } = this.#expected({ ...found, infos: [], durationMs: 0 });
    return verdict === 'fail' && !expectation?.met;
  }

  /** Runs a test's body: what was found wrong, or why it can't be run to its end on this target. */
  async #perform({ own, body, patient }: OpenContext): Promise<Executed> {
    try {
      await this.#bounded(body(), patient);
      return {};
    } catch (error) {
      if (error instanceof Unavailable) return { unavailable: error };
      const finding = await this.#find(error);
      if (error instanceof CheckFailed && finding.verdict === 'error') this.#unprove(own.checks, finding);
      // What a peer saw outside any check is a rule broken all the same.
      const unchecked = !(error instanceof CheckFailed) && finding.requirements.length > 0;
      if (unchecked) own.checks.push(checkRecord([], finding));
      return { finding };
    }
  }

  async #awaitGuest(): Promise<void> {
    // A guest that has to be made anew for each connection is waited for by those who need it up.
    if (this.#way.bootMs > 0) return;
    try {
      await this.iut.booted();
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      this.#lost = error.message;
    }
  }

  /** What an error is worth, after asking whether the environment is well. */
  async #find(error: unknown): Promise<DetailedFinding> {
    const newer = {
      verdict: 'error',
      message: `newer than the claimed text: ${String(error)}`,
      requirements: [],
    } as const;
    const finding =
      error instanceof CheckFailed ? error.finding : (judge(error, [], requirement, this.#claimed) ?? newer);
    const trouble = await this.#guest.trouble();
    if (trouble) {
      const { cause, forGood } = trouble;
      if (forGood) this.#lost = cause instanceof Error ? cause.message : String(cause);
      const message = `${String(cause)}; what the test saw before may come of that: ${finding.message}`;
      return { verdict: 'error', message, requirements: [] };
    }
    const detail = finding.verdict === 'error' && error instanceof Error ? error.stack : undefined;
    return detail === undefined ? finding : { ...finding, detail };
  }

  /**
   * Takes out the test's own vifs; after a finding also the shared one, which may not be what it was. A guest that the
   * test was allowed to take down is made anew instead.
   */
  async #cleanUp(
    guestIsLost: boolean,
    finding: Finding | undefined,
  ): Promise<{ readonly finding: Finding | undefined; readonly kernelLog: readonly string[] }> {
    try {
      if (this.#guest.gone) {
        await this.#replaceGuest();
      } else if (guestIsLost && this.iut.recreate) {
        await this.#connections.abandonAll();
        await this.iut.recreate();
      } else {
        await this.#connections.endTest(finding !== undefined);
        // What a kernel says to the end of a vif belongs to the test that had it; what a new guest says does not.
        return { finding, kernelLog: await this.#said() };
      }
      return { finding, kernelLog: [] };
    } catch (error) {
      const fault = await this.#find(error);
      if (this.#guest.gone) await this.#replaceGuest();
      return { finding: finding ?? fault, kernelLog: [] };
    }
  }

  /** In the place of a guest that is gone comes another one, or nothing can be tested any more. */
  async #replaceGuest(): Promise<void> {
    try {
      await this.#connections.abandonAll();
      await this.#guest.replace();
    } catch (error) {
      this.#lost = error instanceof Error ? error.message : String(error);
    }
  }

  async #audit(before: Inventory): Promise<Finding | undefined> {
    const look = (): Inventory => this.#inventory();
    const clear = (): Promise<void> => this.#connections.endTest(true);
    const leak = await findLeak({ before, idle: this.#idle, look, clear, patience: this.#patience });
    // What one test was found guilty of isn't held against the next.
    if (leak) this.#idle = look();
    return leak;
  }

  #inventory(): Inventory {
    return { connection: this.#connections.current, ...this.iut.holdings() };
  }

  /** Whether a requirement stands in the text that the vendor claims. */
  readonly #claimed = (id: string): boolean => standsIn(this.options.spec, requirement(id));

  #skipReason(test: Test): Skip | undefined {
    if (this.#lost !== undefined) return { class: 'blocked', reason: `the environment is gone: ${this.#lost}` };
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

  async #bounded(body: Promise<void>, patient: boolean): Promise<void> {
    const ceiling = TEST_CEILING_MS * this.options.target.timeScale * (patient ? 10 : 1);
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.iut.harness.clock.after(ceiling, () =>
        reject(new Error(`the test did not end within ${ceiling} ms`)),
      );
    });
    try {
      await Promise.race([body, late]);
    } finally {
      cancel();
    }
  }
}

type DetailedFinding = Finding & { detail?: string };

/** What came of a test's body. */
interface Executed {
  readonly finding?: DetailedFinding;
  readonly unavailable?: Unavailable;
}
