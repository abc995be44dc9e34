/** The figures of a bench, for people. */
import type { Figure } from '../harness/bench/figure.js';
import { textTable } from './table.js';

const COLUMNS = ['figure', 'median', 'least', 'most', 'unit', 'ratio', 'yardstick'];
const TEXTUAL = new Set(['figure', 'unit', 'yardstick']);

/** A table for a terminal, with a line for each figure. */
export function benchText(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, spread: [least, most], unit, ratio, yardstick }) => [
    name,
    ...[value, least, most].map(rounded),
    unit,
    ratio === null ? '' : ratio.toFixed(2),
    yardstick ?? '',
  ]);
  return `${textTable(COLUMNS, rows, (column) => TEXTUAL.has(column)).join('\n')}\n`;
}

/** At least three significant digits; digits before the point are never dropped. */
export function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
