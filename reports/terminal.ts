import type { ResultRecord, SessionRecord, TestRecord } from '../harness/run/record.js';
import { brokenRequirements, type Describe, explain, headline, isPlain, printable } from './explain.js';
import { outcome, shortfall, summarise, type Group, type Outcome } from './records.js';

const COLORS: Record<Outcome, number> = { error: 35, failed: 31, warned: 33, known: 36, skipped: 90, passed: 32 };
const WORDS: Record<Outcome, string> = {
  error: 'ERROR',
  failed: 'FAIL',
  warned: 'WARN',
  known: 'KNOWN',
  skipped: 'SKIP',
  passed: 'PASS',
};

/** Failures of a session that are explained in full, and warnings, and errors: for more of them there is the page. */
const EXPLAINED = 20;

/** Milliseconds of tests after which there is an estimate: before, it would jump, and short runs need none. */
const ESTIMATE_AFTER_MS = 5000;

export interface TerminalOptions {
  /** The line of the chapter that runs is rewritten in place. */
  readonly tty: boolean;
  readonly color: boolean;
  /** A line for every test, and each failure in full. */
  readonly verbose?: boolean;
  readonly strict?: boolean;
  readonly describe: Describe;
}

/** Progress while a run goes on, by chapter, with the first failures in full at once; and the summary after it. */
export class TerminalReporter {
  readonly #out: NodeJS.WritableStream;
  readonly #options: TerminalOptions;
  readonly #strict: boolean;
  #session: SessionRecord | undefined;
  /** Tests of the session so far, and the milliseconds that they took. */
  #done = { tests: 0, ms: 0 };
  /** How many tests of the session came to what isn't well, so far. */
  #reported = new Map<Outcome, number>();
  #chapter: { readonly name: string; readonly counts: Map<Outcome, number> } | undefined;

  constructor(out: NodeJS.WritableStream, options: TerminalOptions) {
    this.#out = out;
    this.#options = options;
    this.#strict = options.strict ?? false;
  }

  /** Takes the records in the order of the run. */
  record(record: ResultRecord): void {
    if (record.type === 'test') return this.#test(record);
    this.#closeChapter();
    if (record.type === 'end') return;
    this.#session = record;
    this.#done = { tests: 0, ms: 0 };
    this.#reported.clear();
    const { target, role, adapter, planned, seed } = record;
    const how = seed === undefined ? adapter : `${adapter}, seed ${seed}`;
    this.#line(`${this.#bold(printable(target))} (${role}, ${how}): ${planned} tests planned`);
  }

  summary(groups: readonly Group[]): void {
    this.#closeChapter();
    for (const group of groups) this.#summary(group);
    if (groups.length === 0) this.#line(this.#paint('failed', 'no session was run'));
  }

  #test(test: TestRecord): void {
    const name = `${test.role}/${test.chapter}`;
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
      this.#line(`${this.#label(result)} ${test.id}${isPlain(test) ? '' : `  ${headline(test)}`}`);
    if (this.#options.tty) this.#out.write(`\r\x1b[K${this.#chapterLine()}${this.#progress()}`);
  }

  #report(test: TestRecord, result: Outcome): void {
    const before = this.#reported.get(result) ?? 0;
    this.#reported.set(result, before + 1);
    const brief = before >= EXPLAINED && !this.#options.verbose;
    if (brief && before === EXPLAINED) {
      this.#line('(from here on a line each: the page and the records have all of it, as has --verbose)');
    }
    const ids = brokenRequirements(test).join(', ');
    const said = headline(test);
    // A message may open with the id already.
    const what = ids && !said.startsWith(ids) ? `${ids}: ${said}` : said;
    this.#line(`${this.#label(result)} ${test.id}  ${what}`);
    if (brief) return;
    this.#line(`  ${printable(test.title)}`);
    if (!this.#session) return;
    for (const line of explain(this.#session, test, this.#options.describe)) this.#line(`    ${line}`);
  }

  #summary(group: Group): void {
    const { passed, warned, failed, errors, skipped, expected, executed, checked } = summarise(group, this.#strict);
    const { session, tests } = group;
    const seconds = (tests.reduce((sum, test) => sum + test.durationMs, 0) / 1000).toFixed(1);
    // What a target file says of its driver is compared, but is no test that was executed.
    const planned = session.planned - tests.filter(({ chapter }) => chapter === 'session').length;
    this.#line('');
    this.#line(`${this.#bold(printable(session.target))}: ${executed} of ${planned} tests executed in ${seconds} s`);
    const skips = [...skipped.values()].reduce((sum, count) => sum + count, 0);
    this.#count('passed', 'passed', passed);
    this.#count('warned', 'warned', warned);
    this.#count('failed', 'failed', failed);
    this.#list(tests, 'failed');
    this.#count('error', 'errors', errors);
    this.#list(tests, 'error');
    this.#count('known', 'known deviations', expected);
    this.#count('skipped', 'skipped', skips);
    for (const [reason, count] of skipped) this.#line(`    ${String(count).padStart(5)}  ${printable(reason)}`);
    this.#line(`  ${'statements checked'.padEnd(20)} ${String(checked).padStart(5)} of ${session.statements}`);
    const problem = shortfall(group);
    if (problem) this.#line(this.#paint('failed', `  INCOMPLETE: ${printable(problem)}`));
  }

  #count(kind: Outcome, title: string, count: number): void {
    const line = `  ${title.padEnd(20)} ${String(count).padStart(5)}`;
    this.#line(count > 0 ? this.#paint(kind, line) : line);
  }

  #list(tests: readonly TestRecord[], kind: Outcome): void {
    for (const test of tests) if (outcome(test, this.#strict) === kind) this.#line(`    ${test.id}`);
  }

  #chapterLine(): string {
    if (!this.#chapter) return '';
    const { name, counts } = this.#chapter;
    const order: Outcome[] = ['passed', 'warned', 'failed', 'error', 'known', 'skipped'];
    const parts = order.flatMap((kind) => {
      const count = counts.get(kind);
      return count ? [this.#paint(kind, `${count} ${kind}`)] : [];
    });
    return `${name.padEnd(30)} ${parts.join(', ')}`;
  }

  /** How far the session is: for the line that is rewritten. */
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
    this.#line(this.#chapterLine());
    this.#chapter = undefined;
  }

  #clear(): void {
    if (this.#options.tty) this.#out.write('\r\x1b[K');
  }

  #line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  #label(kind: Outcome): string {
    return this.#paint(kind, WORDS[kind]);
  }

  #paint(kind: Outcome, text: string): string {
    return this.#options.color ? `\x1b[${COLORS[kind]}m${text}\x1b[0m` : text;
  }

  #bold(text: string): string {
    return this.#options.color ? `\x1b[1m${text}\x1b[0m` : text;
  }
}
