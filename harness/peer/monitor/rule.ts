/** A rule of the monitor: one requirement, checked in every situation of one kind. */
import type { Situations } from './situations.js';

/** The result of a rule in one situation: undefined if it does not apply, true if it is kept, or how it is broken. */
export type Judgement = undefined | true | string;

/** A requirement and the check whether one situation keeps it or breaks it. */
export interface Rule<S> {
  /** The requirement's id. */
  readonly id: string;
  readonly judge: (seen: S) => Judgement;
}

/** The rules of a chapter, by the kind of situation that they check. */
export type Rules = { readonly [K in keyof Situations]?: readonly Rule<Situations[K]>[] };

/** Undefined unless `applies`; else true if `kept`, or the text of `broken`. */
export function when(applies: boolean, kept: () => boolean, broken: () => string): Judgement {
  if (!applies) return undefined;
  return kept() || broken();
}

/**
 * True if every item keeps the rule; else the text for the first item that breaks it. Undefined if it applies to no
 * item.
 */
export function each<T>(items: readonly T[], judge: (item: T, n: number) => Judgement): Judgement {
  let seen: Judgement = undefined;
  for (const [n, item] of items.entries()) {
    const judgement = judge(item, n);
    if (typeof judgement === 'string') return judgement;
    seen ??= judgement;
  }
  return seen;
}
