/** Text in Markdown as GitHub and GitLab read it. */
import { printableLine } from '../harness/base/text.js';

/** Maximum length of a text, in characters. */
const LENGTH = 300;
/** Characters without a meaning in Markdown and HTML. */
const PLAIN = /^[\p{L}\p{N} ,;=%()/'"?+-]$/u;

/**
 * Text of a driver, of a guest or of a record, in one line, as code. Characters with a meaning in Markdown or HTML become
 * references: in code, GitHub and GitLab make no links, mentions and pictures from them, also in a table.
 */
export function code(text: string): string {
  const line = printableLine(text.trimStart(), LENGTH);
  return `<code>${line.replace(/[^]/gu, (char, at: number) => (isHarmless(line, char, at) ? char : `&#${char.codePointAt(0)};`))}</code>`;
}

/** A point and a colon are kept where they do not belong to an address, so that ids can be read in the source. */
function isHarmless(line: string, char: string, at: number): boolean {
  if (char === '.') return !/www$/i.test(line.slice(0, at));
  if (char === ':') return line[at + 1] !== '/';
  return PLAIN.test(char);
}

/** A heading and a list with at most `shown` of its items; `folded` shows the items only on a click. */
export function section(
  heading: string,
  items: readonly string[],
  { shown, folded = false }: { readonly shown: number; readonly folded?: boolean },
): string {
  const more = items.length - shown;
  const lines = [...items.slice(0, shown), ...(more > 0 ? [`… and ${more} more`] : [])].map((item) => `- ${item}`);
  const list = lines.join('\n');
  if (!folded) return `**${heading}**\n\n${list}\n`;
  return `<details><summary>${heading}</summary>\n\n${list}\n\n</details>\n`;
}
