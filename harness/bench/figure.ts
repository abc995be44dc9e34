/** The results of a bench and how they are measured. */

/** One line of bench.json. */
export interface Figure {
  readonly name: string;
  /** The median over all rounds. */
  readonly value: number;
  readonly unit: string;
  /** The reference: code that did the same work in the same run, an earlier value, or a goal; null if there is none. */
  readonly yardstick: string | null;
  /** The ratio of value and reference: the median of the ratios of each round, so that noise affects both. */
  readonly ratio: number | null;
  /** The smallest and the largest value of a round. */
  readonly spread: readonly [number, number];
}

/** Returns a quantity in the figure's unit. */
export type Measure = () => number | Promise<number>;

/** A measurement and its reference. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly rounds: number;
  readonly ours: Measure;
  readonly yardstick?: NamedMeasure;
}

/** The reference of a measurement. */
export interface NamedMeasure {
  readonly name: string;
  readonly measure: Measure;
}

/** Measures alternately, so that each round has a reference of its own; the first round warms up both. */
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

/** The median of the results of `measure` over `rounds`, after one warm-up round. */
export async function medianOf(rounds: number, measure: Measure): Promise<number> {
  const { value } = await compare({ name: 'a point', unit: '', rounds, ours: measure });
  return value;
}

/** The median of some values; for an even number of them, the mean of the two in the middle. */
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
