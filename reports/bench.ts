/** The figures of a bench, for people. */
import type { Figure } from '../harness/bench/figure.js';

const COLUMNS = ['figure', 'median', 'least', 'most', 'unit', 'ratio', 'yardstick'];

/** A table for a terminal, a line for each figure. */
export function benchText(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, spread: [least, most], unit, ratio, yardstick }) => [
    name,
    ...[value, least, most].map(rounded),
    unit,
    ratio === null ? '' : ratio.toFixed(2),
    yardstick ?? '',
  ]);
  const widths = COLUMNS.map((column, n) => Math.max(column.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const isText = (n: number): boolean => n === 0 || n === 4 || n === 6;
  const lines = [COLUMNS, ...rows].map((row) =>
    row
      .map((cell, n) => (isText(n) ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** Three digits that count, and no more than there are before the point. */
export function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
