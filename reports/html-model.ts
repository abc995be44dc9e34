/** What the sections of the HTML report share. */
import type { TestRecord } from '../harness/run/record.js';
import { brokenRequirements } from './explain.js';
import { html as h, type Markup } from './markup.js';
import { type Group, outcome, type Outcome } from './records.js';
import { type Observed, type Rules, standings } from './standings.js';

export interface HtmlOptions {
  readonly strict: boolean;
  readonly catalogue: Rules;
  /** Addresses of the files of a test's trace, relative to the page. */
  readonly attachments?: (test: TestRecord) => readonly string[];
}

/** A session as a column of the page, with what its tests show. */
export interface Driver extends Group {
  readonly outcomes: ReadonlyMap<TestRecord, Outcome>;
  readonly standings: ReadonlyMap<string, Observed>;
}

/** What the page shows: backends first. */
export interface Report extends Required<HtmlOptions> {
  readonly drivers: readonly Driver[];
}

export function reportOf(groups: readonly Group[], { strict, catalogue, attachments }: HtmlOptions): Report {
  const drivers = groups.map((group) => ({
    ...group,
    outcomes: new Map(group.tests.map((test) => [test, outcome(test, strict)])),
    standings: standings(group, catalogue, strict),
  }));
  return {
    strict,
    catalogue,
    attachments: attachments ?? (() => []),
    drivers: drivers.toSorted((a, b) => a.session.role.localeCompare(b.session.role, 'en')),
  };
}

/** The words for the outcome of a test. */
export const WORDS: Readonly<Record<Outcome, string>> = {
  error: 'error',
  failed: 'fail',
  warned: 'warn',
  known: 'known',
  skipped: 'skip',
  passed: 'pass',
};

/** The permanent name of a test in the page, for example `my-netback/backend.receive.bad-ref`. */
export function place({ target, id }: Pick<TestRecord, 'target' | 'id'>): string {
  return `${clean(target)}/${clean(id)}`;
}

/** The name of a driver's tests in the page. */
export function driverPlace({ session }: Group): string {
  return `${clean(session.target)}-${session.role}`;
}

/** The permanent name of a requirement in the page. */
export const ruleplace = clean;

/** Names may come from an untrusted host; those of netifspec stay as they are. */
function clean(name: string): string {
  return name.replace(/[^\w.()-]/g, '_');
}

/** A link to a test. */
export function testLink(test: TestRecord, text: string | Markup = test.id, kind = ''): Markup {
  return h`<a class="${kind}" href="#${place(test)}">${text}</a>`;
}

/** Links to the requirements that a test is about: those that it broke, or else all that it checked or did not reach. */
export function ruleLinks(test: TestRecord): Markup {
  const broken = brokenRequirements(test);
  const all = test.checks.flatMap(({ requirements }) => requirements).concat(test.unreached ?? []);
  return h`${[...new Set(broken.length > 0 ? broken : all)].map((id) => h` <a href="#${clean(id)}">${id}</a>`)}`;
}

/** Whether a test failed or ended in an error. */
export function isFailure(result: Outcome | undefined): boolean {
  return result === 'failed' || result === 'error';
}

/** The outcomes that occur, with their numbers, in the order in which the page shows them. */
export function countOutcomes(outcomes: Iterable<Outcome>): [Outcome, number][] {
  const counts = new Map<Outcome, number>();
  for (const each of outcomes) counts.set(each, (counts.get(each) ?? 0) + 1);
  const order: Outcome[] = ['failed', 'error', 'warned', 'known', 'passed', 'skipped'];
  return order.flatMap((kind): [Outcome, number][] => (counts.has(kind) ? [[kind, counts.get(kind) ?? 0]] : []));
}

/** A bar whose parts are as long as their numbers. */
export function bar(counts: readonly (readonly [kind: string, count: number, word?: string])[]): Markup {
  return h`<span class="bar" aria-hidden="true">${counts.map(([kind, n]) => h`<i class="${kind}" style="flex:${n}"></i>`)}</span>`;
}

/** A number with its noun: `1 test`, `2 tests`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A duration for people. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
