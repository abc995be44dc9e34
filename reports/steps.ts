/** The steps of a trace, classified and with runs of like steps joined, for a diagram. */
import { printable } from '../harness/base/text.js';
import type { TraceEnd, TraceStep } from '../harness/xen/traced.js';

/** What a step is about; `other` is none of them. */
export type StepKind = 'slot' | 'index' | 'event' | 'frame' | 'grant' | 'xenstore' | 'guest' | 'other';

/** The text of a step: what happened, its details, and where. */
export interface StepText {
  readonly what: string;
  readonly details: string;
  readonly where: string;
}

/** One step, or several that differ in numbers only. */
export interface Rung {
  readonly kind: StepKind;
  readonly from: TraceEnd;
  readonly to: TraceEnd;
  /** Milliseconds; of the first step. */
  readonly at: number;
  readonly text: StepText;
  /** How many such steps, or pairs that begin with one, follow one another. */
  readonly times: number;
  readonly steps: readonly TraceStep[];
}

/** The kinds of steps by their text, as harness/xen/traced.ts and harness/run/traced-iut.ts write it. */
const KINDS: readonly (readonly [StepKind, RegExp])[] = [
  ['frame', /^frame: (?<details>.*)$/],
  [
    'slot',
    /^(?<verb>read|wrote) (?<where>slot \d+): (?<what>[a-z]+ (?:request|response)|)(?<details>.*?)(?<ref> \(ref .*\))$/,
  ],
  ['event', /^(?:event )?(?<what>notify|)(?<details>.*\bport \d+)$/],
  ['index', /^(?<where>ref .*?): (?<what>(?:req|rsp)_(?:prod|event) = \d+|u32 at \d+ .*)$/],
  ['grant', /^(?<what>map|copy) (?<details>.*)$/],
  ['guest', /^guest: (?<details>.*)$/],
];
const STORE = /^(?<what>read|write|remove|watch) (?<details>.*)$/;

/** Characters of a step that the diagram shows; the text of the trace has all. */
const STEP_LENGTH = 2000;

/** Number of like steps in a row, or of like pairs of steps such as those of polling, that are joined. */
const RUN = 3;

/** The steps in order, with each run of like steps or pairs joined. */
export function rungs(trace: readonly TraceStep[]): Rung[] {
  const single = trace.map(rungOf);
  const shapes = trace.map(({ from, to, what }) => [from, to, what.replace(/\d+/g, 'N')].join(' '));
  const result: Rung[] = [];
  for (let at = 0; at < single.length;) {
    const period = [1, 2].find((length) => repeats(shapes, at, length) >= RUN) ?? 1;
    const count = Math.max(1, repeats(shapes, at, period));
    result.push(...joined(single.slice(at, at + count * period), count >= RUN ? period : 0));
    at += count * period;
  }
  return result;
}

/** How often the `length` shapes at an index follow one another. */
function repeats(shapes: readonly string[], at: number, length: number): number {
  let end = at + length;
  while (end < shapes.length && shapes[end] === shapes[end - length]) end++;
  return Math.floor((Math.min(end, shapes.length) - at) / length);
}

function rungOf(step: TraceStep): Rung {
  const { from, to, at } = step;
  const line = printable(step.what.slice(0, STEP_LENGTH)).replaceAll('\n', ' ');
  const inStore = from === 'xenstore' || to === 'xenstore';
  for (const [kind, pattern] of inStore ? [['xenstore', STORE] as const] : KINDS) {
    const parts = pattern.exec(line)?.groups;
    if (!parts) continue;
    const { what = '', details = '', where = '', ref = '' } = parts;
    const text = { what, details: details.trim(), where: where + ref };
    return { kind, from, to, at, text, times: 1, steps: [step] };
  }
  const kind = inStore ? 'xenstore' : 'other';
  return { kind, from, to, at, text: { what: '', details: line, where: '' }, times: 1, steps: [step] };
}

/** @param period length of the pattern that repeats; 0 if none does */
function joined(rungs: readonly Rung[], period: number): Rung[] {
  const [first] = rungs;
  if (period === 0 || !first) return [...rungs];
  const heads = rungs.filter((_, n) => n % period === 0);
  const span = (part: keyof StepText): string => spanned(heads.map(({ text }) => text[part]));
  return [
    {
      ...first,
      text: { what: span('what'), details: span('details'), where: span('where') },
      times: heads.length,
      steps: rungs.flatMap(({ steps }) => steps),
    },
  ];
}

/** Texts that differ in numbers only as one text, with the range of each number: `slot 3 to 7`. */
function spanned(texts: readonly string[]): string {
  const numbers = texts.map((text) => text.match(/\d+/g) ?? []);
  let place = -1;
  return (texts[0] ?? '').replace(/\d+/g, (same) => {
    place++;
    const all = numbers.map((each) => Number(each[place]));
    if (all.every((each) => each === all[0])) return same;
    return `${all.reduce((a, b) => Math.min(a, b))}..${all.reduce((a, b) => Math.max(a, b))}`;
  });
}
