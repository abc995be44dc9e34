/** The source of a regular expression that matches exactly `text`. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Matches a whole string against `pattern`, in which `*` matches anything and every other character matches itself. */
export function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 's');
}

/** Compiles a pattern of a YAML file: a substring, or `/regular expression/`. Throws on an invalid expression. */
export function matcher(text: string): RegExp {
  return new RegExp(/^\/(.+)\/$/s.exec(text)?.[1] ?? literally(text), 's');
}

/** Whether {@link matcher} accepts a pattern. */
export function isMatcher(text: string): boolean {
  try {
    matcher(text);
    return true;
  } catch {
    return false;
  }
}
