/** What a bench measures, and how. */

/** One line of bench.json. */
export interface Figure {
  readonly name: string;
  /** The median over all rounds. */
  readonly value: number;
  readonly unit: string;
  /** What the value stands against: what did the same work in the same run, an earlier value, a goal; null if nothing. */
  readonly yardstick: string | null;
  /** The value by the yardstick's: the median of what each round had, so that a noisy machine disturbs both. */
  readonly ratio: number | null;
  /** The least and the greatest value of a round. */
  readonly spread: readonly [number, number];
}

/** Answers how much of something there was, in the figure's unit. */
export type Measure = () => number | Promise<number>;

/** What is measured against what. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly rounds: number;
  readonly ours: Measure;
  readonly yardstick?: NamedMeasure;
}

/** What something is measured against. */
export interface NamedMeasure {
  readonly name: string;
  readonly measure: Measure;
}

/** Measures in turns, so that each round of ours has a yardstick of its own; a first round warms both up. */
export async function compare({ name, unit, rounds, ours, yardstick }: Comparison): Promise<Figure> {
  const values: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const value = await ours();
    const measure = await yardstick?.measure();
    if (round === 0) continue;
    values.push(value);
    if (measure !== undefined) ratios.push(value / measure);
  }
  return {
    name,
    value: median(values),
    unit,
    yardstick: yardstick?.name ?? null,
    ratio: ratios.length > 0 ? median(ratios) : null,
    spread: [Math.min(...values), Math.max(...values)],
  };
}

/** The median over `rounds` of what `measure` answers, after one that doesn't count. */
export async function medianOf(rounds: number, measure: Measure): Promise<number> {
  const { value } = await compare({ name: 'a point', unit: '', rounds, ours: measure });
  return value;
}

/** The middle of some values; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
