/**
 * Compares the features that a target file declares with those that the driver advertises and with the results of their
 * tests.
 */
import type { FeatureRecord, Role, TestRecord } from './record.js';
import type { Reflectors } from './reflectors.js';
import type { Tests } from './suite.js';
import type { Target } from './target.js';

/** Prefix of the key of a record about a request to the guest's network stack. */
const REFLECTOR = 'reflector ';

type Tried = Pick<FeatureRecord, 'passed' | 'failed'>;

/**
 * Counts, for each feature, the tests that ran because it is advertised or that are about it, without known deviations.
 */
export class Trials {
  readonly #tried = new Map<string, Tried>();

  add({ options: { gate, about } }: Pick<Tests[number], 'options'>, { verdict, expectation }: TestRecord): void {
    if (expectation?.met || (verdict !== 'pass' && verdict !== 'warn' && verdict !== 'fail')) return;
    for (const key of [gate ?? [], about ?? []].flat()) {
      // Counts for tests that need the feature, not for those that need it to be absent.
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
 * The declared features, and the advertised ones: keys that begin with `feature-`, and other keys that enable tests.
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

/** The requests to which the guest's stack should reply according to the target file. */
function reflectorsOf(declared: NonNullable<Target['reflectors']>, reflectors: Reflectors): FeatureRecord[] {
  return declared.map((reflector) => ({
    key: `${REFLECTOR}${reflector}`,
    declared: true,
    advertised: reflectors.answered(reflector),
    passed: 0,
    failed: 0,
  }));
}

/**
 * The verdict on the features. A declared feature fails if it is not advertised or if its tests fail. An advertised
 * feature that is not declared is a warning, since its loss would go unnoticed.
 */
export function judgeFeatures(
  features: readonly FeatureRecord[],
): Pick<TestRecord, 'verdict' | 'class' | 'checks' | 'features' | 'infos'> {
  const keys = (which: (feature: FeatureRecord) => boolean): string =>
    features
      .filter(which)
      .map(({ key }) => key)
      .join(', ');
  const isReflector = (key: string): boolean => key.startsWith(REFLECTOR);
  const missing = keys(({ key, declared, advertised }) => declared && !advertised && !isReflector(key));
  const silent = keys(({ key, declared, advertised }) => declared && !advertised && isReflector(key));
  const broken = keys(({ declared, advertised, failed }) => declared && advertised && failed > 0);
  const undeclared = keys(({ declared }) => !declared);
  const observed = [
    ...(missing === '' ? [] : [`declared but not advertised: ${missing}`]),
    ...(silent === '' ? [] : [`declared but no reply: ${silent}`]),
    ...(broken === '' ? [] : [`declared but broken: ${broken}`]),
    ...(undeclared === '' ? [] : [`advertised but not declared: ${undeclared}`]),
  ].join('; ');
  const infos = features.map(({ key, declared, advertised, passed, failed }) => {
    const seen = passed + failed === 0 ? 'no test of it ran' : `its tests: ${passed} passed, ${failed} failed`;
    if (isReflector(key)) return `${key}: declared, ${advertised ? 'replies' : 'no reply'}`;
    return `${key}: ${declared ? '' : 'not '}declared, ${advertised ? '' : 'not '}advertised, ${seen}`;
  });
  const found = (verdict: 'warn' | 'fail') => ({
    verdict,
    checks: [{ requirements: [], verdict, failure: { observed } }],
  });
  if (observed === '') return { verdict: 'pass', checks: [], features, infos };
  if (missing + silent + broken === '') return { ...found('warn'), features, infos };
  return { ...found('fail'), class: 'declared', features, infos };
}

/**
 * The comparison as the record of a test, like those of the suites; a skip if no connection showed what the driver
 * advertises.
 */
export function declaredRecord(
  { name, role, features, reflectors: questions = [] }: Target,
  advertised: Readonly<Record<string, string>> | undefined,
  reflectors: Reflectors,
  trials: Trials,
): TestRecord {
  if (!advertised) {
    const skip = { class: 'blocked', reason: 'there was no connection that showed the advertised features' } as const;
    return recordOf(name, role, { verdict: 'skip', skip, checks: [], infos: [] });
  }
  const offered = features ? featuresOf(features, advertised, trials) : [];
  return recordOf(name, role, judgeFeatures([...offered, ...reflectorsOf(questions, reflectors)]));
}

/** Whether a target file declares anything to compare. */
export function declaresAnything({ features, reflectors }: Target): boolean {
  return features !== undefined || reflectors !== undefined;
}

/**
 * Joins the comparisons of two parts of a run, each of which ran its own tests. A part without observations is ignored.
 * An expectation that is met in one part is met in the whole if the other part has nothing worse.
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
  judged: Pick<TestRecord, 'verdict' | 'class' | 'checks' | 'skip' | 'features' | 'infos'>,
): TestRecord {
  return {
    type: 'test',
    target,
    id: `${role}.session.features`,
    title: 'offers what its target file declares',
    role,
    chapter: 'session',
    location: 'the target file',
    durationMs: 0,
    ...judged,
  };
}
