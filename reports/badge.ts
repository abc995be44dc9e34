/** A picture of the result of a target, for a README or a dashboard. */
import { printableLine } from '../harness/base/text.js';
import { html as svg } from './markup.js';
import { type Group, shortfall, summarise } from './records.js';

const COLORS = { good: '#2c8a57', warned: '#a86e00', failed: '#c9372c', error: '#9440b8' } as const;
/** Width of a character in pixels; the text is stretched to fit, since fonts differ. */
const CHARACTER = 6.6;
const MARGIN = 6;
const HEIGHT = 20;

/** The result of one session as an SVG picture that loads no other file. */
export function badge(group: Group, strict: boolean): string {
  const label = `netifspec ${printableLine(group.session.target, 40)}`;
  const { text, color } = verdict(group, strict);
  const [left, right] = [label, text].map((each) => Math.ceil(each.length * CHARACTER)) as [number, number];
  const [labelWidth, width] = [left + 2 * MARGIN, left + right + 4 * MARGIN];
  return svg`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${HEIGHT}" role="img" aria-label="${label}: ${text}">
<title>${label}: ${text}</title>
<clipPath id="r"><rect width="${width}" height="${HEIGHT}" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="${labelWidth}" height="${HEIGHT}" fill="#444"/><rect x="${labelWidth}" width="${width - labelWidth}" height="${HEIGHT}" fill="${color}"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="${MARGIN}" y="14" textLength="${left}">${label}</text>
<text x="${labelWidth + MARGIN}" y="14" textLength="${right}">${text}</text></g>
</svg>
`.text;
}

function verdict(group: Group, strict: boolean): { text: string; color: string } {
  const { failed, errors, passed, warned, expected, finished, executed } = summarise(group, strict);
  if (errors > 0) return { text: `${errors} ${errors === 1 ? 'error' : 'errors'}`, color: COLORS.error };
  if (failed > 0) return { text: `${failed} of ${executed} failed`, color: COLORS.failed };
  if (!finished || shortfall(group) !== undefined) return { text: 'incomplete', color: COLORS.error };
  const known = expected > 0 ? `, ${expected} known` : '';
  if (warned > 0) return { text: `${passed} passed, ${warned} warned${known}`, color: COLORS.warned };
  return { text: `${passed} passed${known}`, color: COLORS.good };
}
