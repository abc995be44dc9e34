/** What a target file says that its driver offers, against what the driver offers. */
import type { TestRecord, Verdict } from './record.js';
import type { Target } from './target.js';

export interface Comparison {
  readonly verdict: Extract<Verdict, 'pass' | 'warn' | 'fail'>;
  /** Present unless all is as declared. */
  readonly message?: string;
}

/**
 * Compares the keys that are declared with those of the driver's directory. One that is declared and not offered fails;
 * a `feature-` that is offered and not declared is a warning, since nobody keeps watch over it.
 */
export function compareFeatures(declared: readonly string[], advertised: Readonly<Record<string, string>>): Comparison {
  const offers = (key: string): boolean => !['', '0'].includes((advertised[key] ?? '').trim());
  const missing = declared.filter((key) => !offers(key));
  const unsaid = Object.keys(advertised).filter(
    (key) => key.startsWith('feature-') && offers(key) && !declared.includes(key),
  );
  const parts = [
    ...(missing.length > 0 ? [`declared but not advertised: ${missing.join(', ')}`] : []),
    ...(unsaid.length > 0 ? [`advertised but not declared: ${unsaid.join(', ')}`] : []),
  ];
  if (parts.length === 0) return { verdict: 'pass' };
  return { verdict: missing.length > 0 ? 'fail' : 'warn', message: parts.join('; ') };
}

/**
 * The comparison as the record of a test, beside those of the suites; a skip where there was no connection that showed
 * what the driver offers.
 */
export function declaredRecord(
  { name, role }: Target,
  declared: readonly string[],
  advertised: Readonly<Record<string, string>> | undefined,
): TestRecord {
  const blocked = { class: 'blocked', reason: 'no connection showed what the driver offers' } as const;
  const { verdict, message } = advertised
    ? compareFeatures(declared, advertised)
    : { verdict: 'skip' as const, message: undefined };
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
    infos: [],
    durationMs: 0,
  };
}
