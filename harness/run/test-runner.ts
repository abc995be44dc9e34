/** What one test of a session goes through: it runs, what it found is judged, and what it leaves is taken away. */
import { kernelFault } from '../guest/kernel-log.js';
import type { Domain } from '../xen/domain.js';
import type { Trace } from '../xen/traced.js';
import type { Patience } from '../xen/wait.js';
import { checkedIds } from '../../suites/checked.js';
import { requirement } from '../../suites/requirements/index.js';
import { findLeak, type Inventory } from './audit.js';
import type { Connections } from './connections.js';
import { contextOf, type OpenContext } from './context.js';
import { EnvironmentError } from './environment.js';
import { GuestKeeper } from './guest-keeper.js';
import { hold } from './hold.js';
import type { Iut } from './iut.js';
import { CheckFailed, checkRecord, type Finding, judge } from './judge.js';
import { type CheckRecord, type TestRecord, worse } from './record.js';
import type { Skip } from './skips.js';
import type { Tests } from './suite.js';
import type { Target } from './target.js';
import { Unavailable } from './unavailable.js';
import type { Way } from './ways.js';

export interface TestRunOptions {
  readonly target: Target;
  /** Whether the run may take long: tests of races try often. */
  readonly slow: boolean;
  /** Whether the first test that fails leaves vif and guest as they are, until `signal`. */
  readonly keep?: boolean;
  /** Whether the record of every test has a trace, and not that of a failed one alone. */
  readonly traceAll?: boolean;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What the tests of a session have in common. */
export interface Surroundings {
  readonly iut: Iut;
  readonly domain: Domain;
  readonly connections: Connections;
  readonly way: Way;
  readonly trace: Trace;
  readonly patience: Patience;
  /** Whether a requirement stands in the text that the vendor claims. */
  readonly claimed: (id: string) => boolean;
  /** A record as the expectations see it. */
  readonly expected: (record: TestRecord) => TestRecord;
}

/** A test may not hang the run: beyond this the harness gives it up, as its own fault. */
const TEST_CEILING_MS = 60_000;

type Test = Tests[number];
type DetailedFinding = Finding & { detail?: string };

/** What came of a test's body. */
interface Executed {
  readonly finding?: DetailedFinding;
  readonly unavailable?: Unavailable;
}

/** Runs the tests of a session, one after the other. */
export class TestRunner {
  readonly #guest: GuestKeeper;
  /** What there was before there was any connection. */
  #idle: Inventory;
  #lost: string | undefined;

  constructor(
    private readonly options: TestRunOptions,
    private readonly at: Surroundings,
  ) {
    this.#guest = new GuestKeeper(at.iut, options.log);
    this.#idle = this.#inventory();
  }

  /** Why the environment is gone, if it is: nothing can be tested any more. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Runs a test, unless `skipped`, asked when the guest is up, says why not. */
  async run(test: Test, skipped: () => Skip | undefined): Promise<TestRecord> {
    const { target, keep, slow, log, signal } = this.options;
    const { domain, connections, trace, claimed } = this.at;
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
    const skip = skipped();
    if (skip) return { ...base, verdict: 'skip', skip, checks: [], infos: [], durationMs: 0 };

    const before = this.#inventory();
    const context = contextOf(test, domain, connections, requirement, claimed, slow);
    trace.take();
    const executed = await this.#execute(context);
    const { kernelLog } = executed;
    let { finding, unavailable } = executed;
    if (!finding && !unavailable && context.own.checks.length === 0) {
      // A test that checked nothing has proved nothing.
      if (context.own.unclaimed) unavailable = new Unavailable('spec', 'what it checks is newer than the claimed text');
      else finding = { verdict: 'error', message: 'the test ended without a check', requirements: [] };
    }
    const traced = trace.take();
    finding = this.#crash(kernelLog) ?? finding;
    if (finding && keep && this.#isNews({ ...base, ...finding, checks: context.own.checks })) {
      await hold(`${test.id}: ${finding.message}`, connections.paths(), target.ssh, log, signal);
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
    const steps = isPlain && !this.options.traceAll ? [] : traced();
    return {
      ...base,
      verdict,
      ...(verdict === 'skip' && unavailable ? { skip: { class: unavailable.kind, reason: unavailable.message } } : {}),
      ...(finding?.class ? { class: finding.class } : {}),
      ...(message === undefined ? {} : { message }),
      ...(finding?.detail === undefined ? {} : { detail: finding.detail }),
      checks: context.own.checks,
      ...(finding?.class === 'setup' ? { unreached: this.#unreached(test, context.own.checks) } : {}),
      infos: context.own.infos,
      ...(context.own.raced === undefined ? {} : { rounds: context.own.raced }),
      durationMs: Math.round(performance.now() - started),
      ...(steps.length > 0 ? { trace: steps } : {}),
      ...(kernelLog.length > 0 ? { kernelLog } : {}),
    };
  }

  /** Requirements of the claimed text whose checks a test has, and that aren't among those it made. */
  #unreached(test: Test, checks: readonly CheckRecord[]): string[] {
    const reached = new Set(checks.flatMap(({ requirements }) => requirements));
    return checkedIds(test).filter((id) => !reached.has(id) && this.at.claimed(id));
  }

  /** Runs a test's body, and hears what the guest's kernel says to it. */
  async #execute(context: OpenContext): Promise<Executed & { readonly kernelLog: string[] }> {
    try {
      await this.at.iut.kernelLog?.mark();
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
    return (await this.at.iut.kernelLog?.since()) ?? [];
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
    const { verdict, expectation } = this.at.expected({ ...found, infos: [], durationMs: 0 });
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
    if (this.at.way.bootMs > 0) return;
    try {
      await this.at.iut.booted();
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
      error instanceof CheckFailed ? error.finding : (judge(error, [], requirement, this.at.claimed) ?? newer);
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
      } else if (guestIsLost && this.at.iut.recreate) {
        await this.at.connections.abandonAll();
        await this.at.iut.recreate();
      } else {
        await this.at.connections.endTest(finding !== undefined);
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
      await this.at.connections.abandonAll();
      await this.#guest.replace();
    } catch (error) {
      this.#lost = error instanceof Error ? error.message : String(error);
    }
  }

  async #audit(before: Inventory): Promise<Finding | undefined> {
    const look = (): Inventory => this.#inventory();
    const clear = (): Promise<void> => this.at.connections.endTest(true);
    const leak = await findLeak({ before, idle: this.#idle, look, clear, patience: this.at.patience });
    // What one test was found guilty of isn't held against the next.
    if (leak) this.#idle = look();
    return leak;
  }

  #inventory(): Inventory {
    return { connection: this.at.connections.current, ...this.at.iut.holdings() };
  }

  async #bounded(body: Promise<void>, patient: boolean): Promise<void> {
    const ceiling = TEST_CEILING_MS * this.options.target.timeScale * (patient ? 10 : 1);
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.at.iut.harness.clock.after(ceiling, () =>
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
