import { printable } from './explain.js';

/** HTML that is safe to put into a page: made by {@link html} alone. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = Markup | string | number | undefined | readonly Part[];

/** Template for HTML: every value is escaped unless it is markup itself; lists are joined, undefined is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, index) => text + render(values[index - 1]) + string));
}

function render(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return printable(String(part)).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
