import type { ResultRecord, SessionRecord, TestRecord } from '../harness/run/record.js';
import { type Cause, causeKey, causeLine, causes, classed } from './causes.js';
import { brokenRequirements, type Describe, explain, headline, isPlain } from './explain.js';
import { type Output, type Part, Printer } from '../harness/base/terminal.js';
import { counted } from '../harness/base/text.js';
import { outcome, shortfall, summarise, type Group, type Outcome } from './records.js';

const COLORS: Record<Outcome, number> = { error: 35, failed: 31, warned: 33, known: 36, skipped: 90, passed: 32 };
const BOLD = 1;
const WORDS: Record<Outcome, string> = {
  error: 'ERROR',
  failed: 'FAIL',
  warned: 'WARN',
  known: 'KNOWN',
  skipped: 'SKIP',
  passed: 'PASS',
};

/**
 * Maximum number of failures, of warnings and of errors of a session that are explained in full; the HTML report has
 * all.
 */
const EXPLAINED = 20;
/** Maximum number of tests of the same cause that are explained in full. */
const OF_ONE_CAUSE = 3;

/**
 * Total duration of tests, in milliseconds, before the remaining time is estimated; an earlier estimate would be
 * unsteady.
 */
const ESTIMATE_AFTER_MS = 5000;

export interface TerminalOptions {
  /** Whether the line of the running chapter is rewritten in place. */
  readonly tty: boolean;
  readonly color: boolean;
  /** Whether to print a line for every test, and each failure in full. */
  readonly verbose?: boolean;
  readonly strict?: boolean;
  readonly describe: Describe;
  /** Whether a test is destructive: such tests run last, so their chapters appear twice. */
  readonly destructive?: (id: string) => boolean;
}

/** Progress during a run, by chapter, with the first failures in full; then the summary. */
export class TerminalReporter {
  readonly #printer: Printer;
  readonly #options: TerminalOptions;
  readonly #strict: boolean;
  #session: SessionRecord | undefined;
  /** Number of tests of the session so far, and their total duration in milliseconds. */
  #done = { tests: 0, ms: 0 };
  /** Number of reported failures, warnings and errors of the session, and of each cause. */
  #reported = new Map<string, number>();
  #chapter: { readonly name: string; readonly counts: Map<Outcome, number> } | undefined;
  /** Whether the destructive tests of the session have started. */
  #destructive = false;

  constructor(out: Output, options: TerminalOptions) {
    this.#printer = new Printer(out);
    this.#options = options;
    this.#strict = options.strict ?? false;
  }

  /** Reports a record; records arrive in the order of the run. */
  record(record: ResultRecord): void {
    if (record.type === 'test') return this.#test(record);
    this.#closeChapter();
    if (record.type === 'end') return;
    this.#session = record;
    this.#done = { tests: 0, ms: 0 };
    this.#reported.clear();
    this.#destructive = false;
    const { target, role, adapter, planned, rules = 0, seed } = record;
    const how = seed === undefined ? adapter : `${adapter}, seed ${seed}`;
    const tests = `${counted(planned - rules, 'test')}`;
    const plan = rules === 0 ? `${tests} planned` : `${tests} and ${rules} rules of the monitor planned`;
    this.#line(this.#bold(target), ` (${role}, ${how}): ${plan}`);
  }

  summary(groups: readonly Group[]): void {
    this.#closeChapter();
    for (const group of groups) this.#summary(group);
    if (groups.length === 0) this.#line(this.#paint('failed', 'no session was run'));
  }

  #test(test: TestRecord): void {
    const name = `${test.role}/${test.chapter}`;
    if (!this.#destructive && this.#options.destructive?.(test.id)) {
      this.#closeChapter();
      this.#line('Destructive tests, which may take the guest down, run last:');
      this.#destructive = true;
    }
    if (this.#chapter?.name !== name) {
      this.#closeChapter();
      this.#chapter = { name, counts: new Map() };
    }
    this.#done.tests++;
    this.#done.ms += test.durationMs;
    const result = outcome(test, this.#strict);
    const counts = this.#chapter?.counts;
    counts?.set(result, (counts.get(result) ?? 0) + 1);
    const loud = result === 'failed' || result === 'error' || result === 'warned';
    if (loud || this.#options.verbose) this.#clear();
    if (loud) this.#report(test, result);
    else if (this.#options.verbose)
      this.#line(this.#label(result), ` ${test.id}${isPlain(test) ? '' : `  ${classed(test)}`}`);
    if (this.#options.tty) this.#printer.rewrite(...this.#chapterLine(), this.#progress());
  }

  #report(test: TestRecord, result: Outcome): void {
    const before = this.#seen(result);
    const ofCause = this.#seen(causeKey(test));
    const brief = (before >= EXPLAINED || ofCause >= OF_ONE_CAUSE) && !this.#options.verbose;
    if (brief && before === EXPLAINED) {
      this.#line('(from here on one line each; --verbose, report.html and results.jsonl have all details)');
    }
    const ids = brokenRequirements(test).join(', ');
    const said = headline(test);
    const failure = test.class === undefined ? '' : `${test.class}: `;
    // The message may begin with the id.
    const what = ids && !said.startsWith(ids) ? `${ids}: ${said}` : said;
    this.#line(this.#label(result), ` ${test.id}  ${failure}${what}`);
    if (brief) return;
    this.#line(`  ${test.title}`);
    if (!this.#session) return;
    for (const line of explain(this.#session, test, this.#options.describe)) this.#line(`    ${line}`);
  }

  /** Counts a reported item. Returns the count before. */
  #seen(what: string): number {
    const before = this.#reported.get(what) ?? 0;
    this.#reported.set(what, before + 1);
    return before;
  }

  #summary(group: Group): void {
    const { passed, warned, failed, errors, skipped, expected, executed, checked } = summarise(group, this.#strict);
    const { session, tests } = group;
    const seconds = (tests.reduce((sum, test) => sum + test.durationMs, 0) / 1000).toFixed(1);
    // The comparison with a target file has a record, but is not an executed test.
    const planned = session.planned - tests.filter(({ chapter }) => chapter === 'session').length;
    this.#line('');
    this.#line(this.#bold(session.target), `: ${executed} of ${planned} tests executed in ${seconds} s`);
    const all = causes(tests, this.#strict);
    const skips = [...skipped.values()].reduce((sum, count) => sum + count, 0);
    this.#count('passed', 'passed', passed);
    this.#count('warned', 'warned', warned);
    this.#count('failed', 'failed', failed);
    this.#causes(all, 'failed');
    this.#count('error', 'errors', errors);
    this.#causes(all, 'error');
    this.#count('known', 'known deviations', expected);
    this.#count('skipped', 'skipped', skips);
    for (const [reason, count] of skipped) this.#line(`    ${String(count).padStart(5)}  ${reason}`);
    this.#line(`  ${'requirements checked'.padEnd(20)} ${String(checked).padStart(5)} of ${session.requirements}`);
    const problem = shortfall(group);
    if (problem) this.#line(this.#paint('failed', `  INCOMPLETE: ${problem}`));
  }

  #count(kind: Outcome, title: string, count: number): void {
    const line = `  ${title.padEnd(20)} ${String(count).padStart(5)}`;
    this.#line(count > 0 ? this.#paint(kind, line) : line);
  }

  #causes(all: readonly Cause[], kind: Cause['outcome']): void {
    for (const cause of all) if (cause.outcome === kind) this.#line(`    ${causeLine(cause)}`);
  }

  #chapterLine(): Part[] {
    if (!this.#chapter) return [];
    const { name, counts } = this.#chapter;
    const order: Outcome[] = ['passed', 'warned', 'failed', 'error', 'known', 'skipped'];
    const parts = order.flatMap((kind) => {
      const count = counts.get(kind);
      return count ? [', ', this.#paint(kind, `${count} ${kind}`)] : [];
    });
    return [`${name.padEnd(30)} `, ...parts.slice(1)];
  }

  /** Progress of the session, for the line that is rewritten. */
  #progress(): string {
    const { tests, ms } = this.#done;
    const planned = this.#session?.planned ?? 0;
    const left = planned - tests;
    if (left <= 0) return '';
    const seconds = Math.round((ms / tests / 1000) * left);
    const when = seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
    return `  (${tests} of ${planned}${ms < ESTIMATE_AFTER_MS ? '' : `, about ${when} left`})`;
  }

  #closeChapter(): void {
    if (!this.#chapter) return;
    this.#clear();
    this.#line(...this.#chapterLine());
    this.#chapter = undefined;
  }

  #clear(): void {
    if (this.#options.tty) this.#printer.rewrite();
  }

  #line(...parts: readonly Part[]): void {
    this.#printer.line(...parts);
  }

  #label(kind: Outcome): Part {
    return this.#paint(kind, WORDS[kind]);
  }

  #paint(kind: Outcome, text: string): Part {
    return this.#options.color ? { style: COLORS[kind], text } : text;
  }

  #bold(text: string): Part {
    return this.#options.color ? { style: BOLD, text } : text;
  }
}
