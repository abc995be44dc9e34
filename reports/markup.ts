import { printable } from '../harness/base/text.js';

/** HTML that is safe to insert in a page; only {@link html} creates it. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = Markup | string | number | undefined | readonly Part[];

/** Template for HTML: escapes every value that is not Markup, joins lists and omits undefined. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Markup {
  return new Markup(strings.reduce((text, string, index) => text + render(values[index - 1]) + string));
}

function render(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return printable(String(part)).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
