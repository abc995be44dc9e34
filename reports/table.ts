/**
 * A table for a terminal, with a line for each row, below the names of the columns. Columns are right-aligned, for
 * numbers, unless `textual` names them.
 */
export function textTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  textual: (column: string) => boolean,
): string[] {
  const widths = columns.map((column, n) => Math.max(column.length, ...rows.map((row) => row[n]?.length ?? 0)));
  const align = (cell: string, n: number): string =>
    textual(columns[n] ?? '') ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0);
  return [columns, ...rows].map((row) => row.map(align).join('  ').trimEnd());
}
