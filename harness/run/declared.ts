/** What a target file says that its driver offers, against what the driver offers and what the tests saw of it. */
import type { FeatureRecord, Role, TestRecord } from './record.js';
import type { Tests } from './suite.js';
import type { Target } from './target.js';

type Tried = Pick<FeatureRecord, 'passed' | 'failed'>;

/** Counts, for each feature, the tests that ran because it's advertised, or are about it; known deviations aside. */
export class Trials {
  readonly #tried = new Map<string, Tried>();

  add({ options: { gate, about } }: Pick<Tests[number], 'options'>, { verdict, expectation }: TestRecord): void {
    if (expectation?.met || (verdict !== 'pass' && verdict !== 'warn' && verdict !== 'fail')) return;
    for (const key of [gate ?? [], about ?? []].flat()) {
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
 * The features that are declared, and those that are advertised: keys that begin with `feature-`, and others that let
 * tests run.
 */
export function featuresOf(
  declared: readonly string[],
  advertised: Readonly<Record<string, string>>,
  trials: Pick<Trials, 'of'>,
): FeatureRecord[] {
  const offers = (key: string): boolean => !['', '0'].includes((advertised[key] ?? '').trim());
  const tried = (key: string): boolean => trials.of(key).passed + trials.of(key).failed > 0;
  const offered = Object.keys(advertised).filter((key) => offers(key) && (key.startsWith('feature-') || tried(key)));
  return [...new Set([...declared, ...offered])].map((key) => ({
    key,
    declared: declared.includes(key),
    advertised: offers(key),
    ...trials.of(key),
  }));
}

/**
 * What the features come to: one that is declared and not advertised fails, as does one whose tests fail; one that is
 * advertised and not declared is a warning, since nobody keeps watch over it.
 */
export function judgeFeatures(
  features: readonly FeatureRecord[],
): Pick<TestRecord, 'verdict' | 'class' | 'message' | 'features' | 'infos'> {
  const keys = (which: (feature: FeatureRecord) => boolean): string =>
    features
      .filter(which)
      .map(({ key }) => key)
      .join(', ');
  const missing = keys(({ declared, advertised }) => declared && !advertised);
  const broken = keys(({ declared, advertised, failed }) => declared && advertised && failed > 0);
  const unsaid = keys(({ declared }) => !declared);
  const message = [
    ...(missing === '' ? [] : [`declared but not advertised: ${missing}`]),
    ...(broken === '' ? [] : [`declared but broken: ${broken}`]),
    ...(unsaid === '' ? [] : [`advertised but not declared: ${unsaid}`]),
  ].join('; ');
  const infos = features.map(({ key, declared, advertised, passed, failed }) => {
    const seen = passed + failed === 0 ? 'no test of it ran' : `its tests: ${passed} passed, ${failed} failed`;
    return `${key}: ${declared ? '' : 'not '}declared, ${advertised ? '' : 'not '}advertised, ${seen}`;
  });
  if (message === '') return { verdict: 'pass', features, infos };
  if (missing + broken === '') return { verdict: 'warn', message, features, infos };
  return { verdict: 'fail', class: 'declared', message, features, infos };
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
  return recordOf(
    name,
    role,
    advertised
      ? judgeFeatures(featuresOf(declared, advertised, trials))
      : { verdict: 'skip', skip: blocked, infos: [] },
  );
}

/**
 * One comparison out of those of two parts of a run, each of which saw its own tests. A part that saw nothing gives way.
 * What an expectation has met in one part is met in the whole where the other part has nothing worse.
 */
export function joinedFeatures(a: TestRecord, b: TestRecord): TestRecord {
  if (!a.features || !b.features) return a.features ? a : b;
  const joined = new Map(a.features.map((feature) => [feature.key, feature]));
  for (const { key, ...seen } of b.features) {
    const known = joined.get(key);
    const advertised = seen.advertised && (known?.advertised ?? true);
    const passed = seen.passed + (known?.passed ?? 0);
    const failed = seen.failed + (known?.failed ?? 0);
    joined.set(key, { key, declared: seen.declared, advertised, passed, failed });
  }
  const record = recordOf(a.target, a.role, judgeFeatures([...joined.values()]));
  const expectation = [a, b].find((part) => part.expectation?.met)?.expectation ?? a.expectation ?? b.expectation;
  if (!expectation) return record;
  const better = (part: TestRecord): boolean => part.expectation?.met === true || part.verdict === 'pass';
  return { ...record, expectation: { ...expectation, met: expectation.met && better(a) && better(b) } };
}

function recordOf(
  target: string,
  role: Role,
  judged: Pick<TestRecord, 'verdict' | 'class' | 'message' | 'skip' | 'features' | 'infos'>,
): TestRecord {
  return {
    type: 'test',
    target,
    id: `${role}.session.features`,
    title: 'offers what its target file declares',
    role,
    chapter: 'session',
    location: 'the target file',
    checks: [],
    durationMs: 0,
    ...judged,
  };
}
