/** What a target file says that its driver offers, against what the driver offers and what the tests saw of it. */
import type { TestRecord, Verdict } from './record.js';
import type { Tests } from './suite.js';
import type { Target } from './target.js';

/** What became of the tests that a feature opens. */
export interface Tried {
  readonly passed: number;
  readonly failed: number;
}

export interface Comparison {
  readonly verdict: Extract<Verdict, 'pass' | 'warn' | 'fail'>;
  /** Present unless all is as declared. */
  readonly message?: string;
  /** A line for each feature that is declared or advertised: what is said of it, and what was seen. */
  readonly lines: readonly string[];
}

/** Counts, for each feature, the tests that ran because it's advertised; known deviations aside. */
export class Trials {
  readonly #tried = new Map<string, Tried>();

  add({ options: { gate } }: Pick<Tests[number], 'options'>, { verdict, expectation }: TestRecord): void {
    if (expectation?.met || (verdict !== 'pass' && verdict !== 'warn' && verdict !== 'fail')) return;
    for (const key of [gate ?? []].flat()) {
      // It's tried by tests that need it, and not by those that need it to be absent.
      if (key.startsWith('!')) continue;
      const { passed, failed } = this.of(key);
      const fails = verdict === 'fail';
      this.#tried.set(key, { passed: passed + (fails ? 0 : 1), failed: failed + (fails ? 1 : 0) });
    }
  }

  of(key: string): Tried {
    return this.#tried.get(key) ?? { passed: 0, failed: 0 };
  }
}

/**
 * Compares the keys that are declared with those of the driver's directory, and with what the tests saw. One that is
 * declared and not offered fails, as does one whose tests fail; a `feature-` that is offered and not declared is a
 * warning, since nobody keeps watch over it.
 */
export function compareFeatures(
  declared: readonly string[],
  advertised: Readonly<Record<string, string>>,
  trials: Pick<Trials, 'of'>,
): Comparison {
  const offers = (key: string): boolean => !['', '0'].includes((advertised[key] ?? '').trim());
  const offered = Object.keys(advertised).filter((key) => key.startsWith('feature-') && offers(key));
  const missing = declared.filter((key) => !offers(key));
  const broken = declared.filter((key) => offers(key) && trials.of(key).failed > 0);
  const unsaid = offered.filter((key) => !declared.includes(key));
  const parts = [
    ...(missing.length > 0 ? [`declared but not advertised: ${missing.join(', ')}`] : []),
    ...(broken.length > 0 ? [`declared but broken: ${broken.join(', ')}`] : []),
    ...(unsaid.length > 0 ? [`advertised but not declared: ${unsaid.join(', ')}`] : []),
  ];
  const lines = [...new Set([...declared, ...offered])].map((key) => {
    const { passed, failed } = trials.of(key);
    const seen = passed + failed === 0 ? 'no test of it ran' : `its tests: ${passed} passed, ${failed} failed`;
    const said = declared.includes(key) ? 'declared' : 'not declared';
    return `${key}: ${said}, ${offers(key) ? 'advertised' : 'not advertised'}, ${seen}`;
  });
  if (parts.length === 0) return { verdict: 'pass', lines };
  return { verdict: missing.length + broken.length > 0 ? 'fail' : 'warn', message: parts.join('; '), lines };
}

/**
 * The comparison as the record of a test, beside those of the suites; a skip where there was no connection that showed
 * what the driver offers.
 */
export function declaredRecord(
  { name, role }: Target,
  declared: readonly string[],
  advertised: Readonly<Record<string, string>> | undefined,
  trials: Trials,
): TestRecord {
  const blocked = { class: 'blocked', reason: 'no connection showed what the driver offers' } as const;
  const { verdict, message, lines } = advertised
    ? compareFeatures(declared, advertised, trials)
    : { verdict: 'skip' as const, message: undefined, lines: [] };
  return {
    type: 'test',
    target: name,
    id: `${role}.session.features`,
    title: 'offers what its target file declares',
    role,
    chapter: 'session',
    location: 'the target file',
    verdict,
    ...(verdict === 'fail' ? { class: 'declared' } : {}),
    ...(verdict === 'skip' ? { skip: blocked } : {}),
    ...(message === undefined ? {} : { message }),
    checks: [],
    infos: lines,
    durationMs: 0,
  };
}
