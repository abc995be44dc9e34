/** The number of insertions, deletions and replacements of characters that turn `a` into `b` (Levenshtein distance). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
  }
  return row[b.length] ?? 0;
}

/**
 * Up to `count` words of `known` that are most similar to `word`, nearest first; omits words with less than half in
 * common.
 */
export function nearest(word: string, known: readonly string[], count: number): string[] {
  return known
    .map((text) => ({ text, edits: distance(word.toLowerCase(), text.toLowerCase()) }))
    .filter(({ text, edits }) => edits <= Math.max(word.length, text.length) / 2)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ text }) => text);
}
