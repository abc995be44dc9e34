/** `text` as the source of a regular expression that matches just it. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Matches the whole of what `pattern` stands for: `*` in it is anything, all else is meant literally. */
export function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 's');
}
