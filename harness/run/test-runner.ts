/** Runs one test of a session: executes it, judges its findings and cleans up after it. */
import { matcher } from '../base/pattern.js';
import { kernelFault } from '../guest/kernel-fault.js';
import type { Domain, Holdings } from '../xen/domain.js';
import type { Trace } from '../xen/traced.js';
import { Expired, type Patience } from '../xen/wait.js';
import type { Catalogue } from './catalogue.js';
import { findLeak, type Inventory } from './audit.js';
import type { AnyConnections } from './connections.js';
import { contextOf, type OpenContext } from './context.js';
import type { Preconditions } from './preconditions.js';
import { hold } from './hold.js';
import type { Iut } from './iut.js';
import { CheckFailed, checkRecord, crashOf, errorOf, adjustToEnvironment, type Finding, judge } from './judge.js';
import { type CheckRecord, failureText, type TestRecord, worse } from './record.js';
import type { Skip } from './skips.js';
import type { Tests, Use } from './suite.js';
import type { Target } from './target.js';
import { Unavailable } from './unavailable.js';

export interface TestRunOptions {
  readonly catalogue: Catalogue;
  readonly target: Target;
  /** Whether the run may take long, so that tests of races try more often. */
  readonly slow: boolean;
  /** Whether the first test that fails keeps vifs and guest in their state until `signal`. */
  readonly keep?: boolean;
  /** Whether every record has a trace, not only that of a failed test. */
  readonly traceAll?: boolean;
  /** Called at the end of a test with what it used. */
  readonly onUsed?: (id: string, uses: ReadonlySet<Use>) => void;
  /** Called with the requirements of each check before it begins. */
  readonly onCheck?: (requirements: readonly string[]) => void;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The parts that the tests of a session share. */
export interface SessionParts {
  readonly iut: Iut;
  readonly domain: Domain;
  readonly connections: AnyConnections;
  readonly preconditions: Preconditions;
  readonly trace: Trace;
  readonly patience: Patience;
  /** Whether the version of the header that the vendor claims has a requirement. */
  readonly claimed: (id: string) => boolean;
  /** Applies the expectations to a record. */
  readonly expected: (record: TestRecord) => TestRecord;
}

/**
 * Time limit of a test, in milliseconds before scaling: enough for a dozen vifs of a slow driver. The harness aborts a
 * test at this limit, as an error of its own.
 */
const TEST_CEILING_MS = 180_000;
/** Pause of a harness or guest, in milliseconds, from which the host counts as overloaded. */
const STARVED_MS = 1000;

type Test = Tests[number];

/** The outcome of a test's body, and of the steps after it. */
interface Executed {
  readonly finding?: Finding | undefined;
  readonly unavailable?: Unavailable;
}

/** Runs the tests of a session, one after the other. */
export class TestRunner {
  /** The resources held before the first connection. */
  #idle: Inventory;
  /** Additional patterns of a crash on the guest's console. */
  readonly #crashes: readonly RegExp[];
  /** Whether a test has passed. */
  #works = false;
  /** What the current test has used. */
  #uses = new Set<Use>();

  constructor(
    private readonly options: TestRunOptions,
    private readonly parts: SessionParts,
  ) {
    this.#idle = this.#inventory();
    this.#crashes = (options.target.crash ?? []).map(matcher);
  }

  /** Records that the current test uses something. */
  readonly use = (use: Use): void => void this.#uses.add(use);

  /** Runs a test, unless `skipped` returns a reason; it is called after the preconditions of the test are restored. */
  async run(test: Test, skipped: () => Skip | undefined): Promise<TestRecord> {
    const { target, slow, catalogue } = this.options;
    const { connections, domain, preconditions, trace, claimed, patience } = this.parts;
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
    await preconditions.restore(test);
    const culprit = preconditions.takeCulprit();
    if (culprit) return this.#prevented(base, culprit);
    const skip = preconditions.skip(test) ?? skipped();
    if (skip) return { ...base, verdict: 'skip', skip, checks: [], infos: [], durationMs: 0 };

    const before = this.#inventory();
    this.#uses = new Set();
    const find = this.#findingFor;
    const held = (): Holdings | undefined => this.parts.iut.holdings().driver;
    const { onCheck } = this.options;
    const context = contextOf(test, connections, { domain, find, claimed, slow, onUse: this.use, onCheck, held });
    // Before its first check, what brings down a driver that has worked is what the test is about.
    if (this.#works) context.own.checking = catalogue.checkedBy(test).filter(claimed);
    trace.take();
    patience.takeLag();
    const kernelLog: string[] = [];
    const { unavailable, ...executed } = await this.#execute(context, kernelLog);
    this.options.onUsed?.(test.id, this.#uses);
    const steps = trace.take();
    await this.#hold(base, executed.finding, context.own.checks);
    const finding = await this.#cleanUpAfter(test, context, executed.finding, before, kernelLog);

    const { checks, infos, raced } = context.own;
    const warned = checks.some((check) => check.verdict === 'warn');
    const unwarned = unavailable ? 'skip' : 'pass';
    const verdict = worse(warned ? 'warn' : unwarned, finding?.verdict ?? unwarned);
    if (verdict === 'pass' || verdict === 'warn') preconditions.passed(test.id);
    this.#works ||= verdict === 'pass';
    const traced = this.options.traceAll || (verdict !== 'pass' && verdict !== 'skip') ? steps() : [];
    const unreached = this.#unreached(test, context, finding);
    return {
      ...base,
      verdict,
      ...(verdict === 'skip' && unavailable ? { skip: { class: unavailable.kind, reason: unavailable.message } } : {}),
      ...(finding?.class ? { class: finding.class } : {}),
      ...(finding?.detail === undefined ? {} : { detail: finding.detail }),
      checks: [...checks],
      ...(unreached.length > 0 ? { unreached } : {}),
      infos: [...infos],
      ...(raced === undefined ? {} : { rounds: raced }),
      durationMs: Math.round(performance.now() - started),
      ...(traced.length > 0 ? { trace: traced } : {}),
      ...(kernelLog.length > 0 ? { kernelLog } : {}),
    };
  }

  /**
   * The finding for an error while `requirements` were being checked, after a check of the environment; undefined if it
   * violates nothing in the claimed version of the header.
   */
  readonly #findingFor = async (error: unknown, requirements: readonly string[]): Promise<Finding | undefined> => {
    const { claimed, preconditions } = this.parts;
    const finding = judge(error, requirements, { catalogue: this.options.catalogue, claimed });
    return finding && adjustToEnvironment(finding, error, await preconditions.trouble(error instanceof Expired));
  };

  /**
   * The record of a test that cannot run because the driver makes no plain connection, and no other test has failed
   * because of it.
   */
  async #prevented(
    base: Omit<TestRecord, 'verdict' | 'checks' | 'infos' | 'durationMs'>,
    culprit: Error,
  ): Promise<TestRecord> {
    const found = await this.#findingFor(culprit, []);
    const verdict = found?.verdict === 'error' ? 'error' : 'fail';
    const failure = { observed: `no plain connection: ${culprit.message}` };
    const checks = [checkRecord([], { verdict, failure, requirements: found?.requirements ?? [] })];
    const kind = verdict === 'fail' ? { class: found?.class ?? 'setup' } : {};
    return { ...base, verdict, ...kind, checks, infos: [], durationMs: 0 };
  }

  /** Runs a test's body, then reads the guest's kernel log. */
  async #execute(context: OpenContext, kernelLog: string[]): Promise<Executed> {
    try {
      await this.parts.iut.kernelLog?.mark();
    } catch (error) {
      return { finding: await this.#addError(context, error) };
    }
    const executed = await this.#perform(context);
    return { ...executed, finding: (await this.#readKernelLog(context, kernelLog)) ?? executed.finding };
  }

  /** Runs a test's body. Returns the problem found, or why the test cannot be completed on this target. */
  async #perform(context: OpenContext): Promise<Executed> {
    const { own } = context;
    try {
      await this.#runBody(context);
      this.#raise(context);
    } catch (error) {
      if (error instanceof Unavailable) return { unavailable: error };
      return { finding: error instanceof CheckFailed ? error.finding : await this.#addError(context, error) };
    } finally {
      own.end();
    }
    if (own.checks.length > 0) return {};
    // A test without a check has proved nothing.
    if (own.unclaimed)
      return {
        unavailable: new Unavailable('spec', 'its requirements are newer than the claimed version of the header'),
      };
    return {
      finding: this.#addFinding(
        context,
        errorOf('the test ended without a check, which is a bug of the test; please report it'),
      ),
    };
  }

  /**
   * Reads the guest's kernel log. A fault in it takes precedence over the finding of the test, which may be a
   * consequence.
   */
  async #readKernelLog(context: OpenContext, kernelLog: string[]): Promise<Finding | undefined> {
    let lines: readonly string[];
    try {
      lines = (await this.parts.iut.kernelLog?.since()) ?? [];
    } catch (error) {
      // The log usually cannot be read because the guest is unreachable, which may also be the cause of the test's
      // finding.
      const finding = await this.#addError(context, error);
      if (finding.verdict === 'error') markInconclusive(context.own.checks, finding);
      return finding;
    }
    kernelLog.push(...lines);
    const { preconditions } = this.parts;
    const fault = kernelFault(lines, this.#crashes);
    // A failed host excuses the driver; an unreachable guest does not, since a crash causes it.
    if (fault === undefined || (preconditions.lost !== undefined && !preconditions.gone)) return undefined;
    const said = `fault in the guest's kernel log: ${fault.line}`;
    if (fault.kind === 'stall' && (await this.#isStarved())) {
      return this.#addFinding(
        context,
        errorOf(
          `${said}; but the test host was too busy to run netifspec or the guest; reduce its load, or raise "timeScale" in the target file`,
        ),
      );
    }
    preconditions.crashed();
    return this.#addFinding(context, crashOf(said, context.own.checking));
  }

  /** Whether harness or guest did not run for a long time during the test. */
  async #isStarved(): Promise<boolean> {
    if (this.parts.patience.takeLag().worstMs > STARVED_MS) return true;
    const { answerMs = 0 } = await this.parts.preconditions.trouble(true);
    return answerMs > STARVED_MS * this.options.target.timeScale;
  }

  /** Adds an error outside of any check to the checks of the test. */
  async #addError(context: OpenContext, error: unknown): Promise<Finding> {
    context.own.judged.add(error);
    const finding =
      (await this.#findingFor(error, [])) ?? errorOf(`newer than the claimed version of the header: ${String(error)}`);
    return this.#addFinding(context, finding);
  }

  #addFinding(context: OpenContext, finding: Finding): Finding {
    context.own.checks.push(checkRecord([], finding));
    return finding;
  }

  /** Keeps the state after a failed test, if requested and no expectation names the failure. */
  async #hold(
    base: Omit<TestRecord, 'verdict' | 'checks' | 'infos' | 'durationMs'>,
    finding: Finding | undefined,
    checks: readonly CheckRecord[],
  ): Promise<void> {
    const { keep, target, log, signal } = this.options;
    if (!keep || finding?.verdict !== 'fail') return;
    const record = { ...base, verdict: finding.verdict, checks, infos: [], durationMs: 0 };
    if (this.parts.expected(record).expectation?.met) return;
    await hold(`${base.id}: ${failureText(finding.failure)}`, this.parts.connections.paths(), target.ssh, log, signal);
  }

  /**
   * Removes what the test created. Replaces the guest if it was lost, has crashed or may be damaged by a
   * destructive test. Returns the final finding.
   */
  async #cleanUpAfter(
    test: Test,
    context: OpenContext,
    found: Finding | undefined,
    before: Inventory,
    kernelLog: string[],
  ): Promise<Finding | undefined> {
    const { preconditions, iut } = this.parts;
    const { checks } = context.own;
    const isSpoilt = (): boolean =>
      (test.options.destructive ?? false) &&
      iut.recreate !== undefined &&
      checks.some(({ verdict }) => verdict !== 'pass');
    let finding = found;
    if (!preconditions.gone && !isSpoilt()) finding = await this.#removeVifs(context, found, kernelLog);
    if (preconditions.gone || isSpoilt()) {
      await preconditions.replace();
    } else if (finding === undefined && checks.every(({ verdict }) => verdict === 'pass')) {
      const leak = await this.#audit(before);
      finding = leak && this.#addFinding(context, leak);
    }
    if (finding?.unprepared) preconditions.reconnectNext();
    else if (finding?.verdict === 'fail') preconditions.doubt();
    return finding;
  }

  /** Removes the test's own vifs, and after a finding also the shared one, which may be damaged. */
  async #removeVifs(
    context: OpenContext,
    found: Finding | undefined,
    kernelLog: string[],
  ): Promise<Finding | undefined> {
    const { connections, preconditions, iut } = this.parts;
    const fault = await this.#endTest(context, found !== undefined);
    if (fault && connections.current) await this.#endTest(context, true);
    // Messages of the kernel on removal of a vif belong to the test that used it; those of a new guest do not.
    const finding = (await this.#readKernelLog(context, kernelLog)) ?? found ?? fault;
    const death = finding?.class === 'guest-crash' ? undefined : await iut.died();
    if (death === undefined) return finding;
    preconditions.crashed();
    return this.#addFinding(context, crashOf(death, context.own.checking));
  }

  async #endTest(context: OpenContext, damaged: boolean): Promise<Finding | undefined> {
    try {
      await this.parts.connections.endTest(damaged);
      this.#raise(context);
      return undefined;
    } catch (error) {
      return context.own.judged.has(error) ? undefined : this.#addError(context, error);
    }
  }

  /** Throws a violation that no caller has waited for: it belongs to the current test, not to the next one. */
  #raise({ own }: OpenContext): void {
    const { connections, preconditions } = this.parts;
    const fault = connections.faults().find((each) => !own.judged.has(each)) ?? preconditions.takeViolation();
    if (fault) throw fault;
  }

  async #audit(before: Inventory): Promise<Finding | undefined> {
    const look = (): Inventory => this.#inventory();
    const clear = (): Promise<void> => this.parts.connections.endTest(true);
    const { connections, patience } = this.parts;
    const { catalogue } = this.options;
    const { role } = connections;
    const leak = await findLeak({ role, catalogue, before, idle: this.#idle, look, clear, patience });
    // A leak is reported once, not for each later test.
    if (leak) this.#idle = look();
    return leak;
  }

  #inventory(): Inventory {
    const { connections, iut } = this.parts;
    return { connection: connections.current, removals: { ...connections.removals }, ...iut.holdings() };
  }

  /** Requirements of the claimed version whose checks the test did not reach. */
  #unreached(test: Test, { own }: OpenContext, finding: Finding | undefined): string[] {
    const reached = new Set(own.checks.flatMap(({ requirements }) => requirements));
    const all = finding?.unprepared ? this.options.catalogue.checkedBy(test) : [];
    return [...new Set([...all, ...own.unreached])].filter((id) => !reached.has(id) && this.parts.claimed(id));
  }

  async #runBody({ body, patient }: OpenContext): Promise<void> {
    const ceiling = TEST_CEILING_MS * this.options.target.timeScale * (patient ? 10 : 1);
    let cancel = (): void => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.parts.iut.harness.clock.after(ceiling, () =>
        reject(new Error(`the test did not end within ${ceiling} ms and was aborted`)),
      );
    });
    try {
      await Promise.race([body(), late]);
    } finally {
      cancel();
    }
  }
}

/** A check that failed in a broken environment proves nothing about the driver. */
function markInconclusive(checks: CheckRecord[], { failure }: Finding): void {
  const last = checks.findLastIndex(({ verdict }) => verdict === 'fail');
  const check = checks[last];
  if (check) checks.splice(last, 1, { ...check, verdict: 'error', failure });
}
