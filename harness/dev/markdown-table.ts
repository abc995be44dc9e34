/** Tables of the generated pages. */

/** The lines of a table in Markdown. */
export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)];
}

/** Plain text as Markdown in a cell. */
export function plainText(plain: string): string {
  return plain.replace(/[\\`*_<|[\]]/g, '\\$&').replace(/\s+/g, ' ');
}
