/** The figures of a bench as a page, with plots of growth. */
import type { Figure } from '../harness/bench/figure.js';
import type { Growth } from '../harness/bench/simulator.js';
import { rounded } from './bench.js';
import { html as h, Markup } from './markup.js';
import { page } from './page.js';

const WIDTH = 420;
const HEIGHT = 240;
const LEFT = 60;
const BOTTOM = 30;
const MARGIN = 14;

/** One self-contained page. */
export function benchHtml(figures: readonly Figure[], growths: readonly Growth[]): string {
  const body = h`<h1>netifspec bench</h1>
<p class="soft">Medians of several rounds. A ratio is of a figure to its yardstick, in the same run.</p>
<div class="wide"><table><thead><tr><th>figure</th><th>median</th><th>least to most</th><th>ratio</th><th>yardstick</th></tr></thead>
<tbody>${figures.map(
    ({ name, value, unit, spread: [least, most], ratio, yardstick }) => h`<tr><th>${name}</th>
<td>${rounded(value)} ${unit}</td><td>${rounded(least)} to ${rounded(most)}</td>
<td>${ratio === null ? '' : ratio.toFixed(2)}</td><td>${yardstick ?? ''}</td></tr>`,
  )}</tbody></table></div>
${growths.length === 0 ? undefined : h`<h2>Growth</h2><div class="cards">${growths.map(card)}</div>`}`;
  return page('netifspec bench', body);
}

function card(growth: Growth): Markup {
  return h`<section class="card"><h3>${growth.of}</h3>${plot(growth)}</section>`;
}

/** The points, and the straight line from the origin to the last point: linear growth follows it. */
function plot({ of, unit, points }: Growth): Markup {
  const [mostX, mostY] = [0, 1].map((n) => Math.max(...points.map((point) => point[n] ?? 0))) as [number, number];
  const x = (value: number): string => (LEFT + (value / mostX) * (WIDTH - LEFT - MARGIN)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / mostY) * (HEIGHT - BOTTOM - MARGIN)).toFixed(1);
  const [lastX = 0, lastY = 0] = points.at(-1) ?? [];
  return h`<svg class="plot" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-label="${unit} by number of ${of}">
<line class="axis" x1="${LEFT}" y1="${y(0)}" x2="${WIDTH - MARGIN}" y2="${y(0)}"/>
<line class="axis" x1="${LEFT}" y1="${y(0)}" x2="${LEFT}" y2="${MARGIN}"/>
<line class="straight" x1="${x(0)}" y1="${y(0)}" x2="${x(lastX)}" y2="${y(lastY)}"/>
<polyline points="${points.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>
${points.map(([a, b]) => h`<circle cx="${x(a)}" cy="${y(b)}" r="3"><title>${a}: ${rounded(b)} ${unit}</title></circle>`)}
<text x="${x(mostX)}" y="${HEIGHT - 8}" text-anchor="end">${mostX}</text>
<text x="${LEFT - 6}" y="${y(mostY)}" dy="4" text-anchor="end">${rounded(mostY)} ${unit}</text>
<text x="${LEFT - 6}" y="${y(0)}" text-anchor="end">0</text></svg>`;
}
