/** What a target file says that its driver offers, against what the driver offers. */
import type { Verdict } from './record.js';

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
