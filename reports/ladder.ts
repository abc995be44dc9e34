/** The trace of a test as a picture: who did what to whom, from top to bottom. */
import type { Role } from '../harness/run/record.js';
import type { TraceEnd, TraceStep } from '../harness/xen/traced.js';
import { printable } from './explain.js';
import { html as h, type Markup } from './markup.js';

const WIDTH = 960;
const LANES = { left: 150, middle: 540, right: 930 } as const;
const HEAD = 34;
const ROW = 24;
/** Letters of the label's font that are as wide as so many units. */
const LETTER = 6.7;

/** Steps that a picture holds: more aren't looked at any more, and the trace's file has them. */
const RUNGS = 80;

/** The end of a test's trace, whose driver plays `role`; the frontend is on the left. */
export function ladder(whole: readonly TraceStep[], role: Role): Markup {
  const trace = whole.slice(-RUNGS);
  const lanes: Record<TraceEnd, number> = {
    harness: role === 'backend' ? LANES.left : LANES.right,
    xenstore: LANES.middle,
    driver: role === 'backend' ? LANES.right : LANES.left,
  };
  const names: Record<TraceEnd, string> = {
    harness: role === 'backend' ? 'frontend: harness' : 'backend: harness',
    xenstore: 'xenstore',
    driver: `${role}: under test`,
  };
  const ends: readonly TraceEnd[] = ['harness', 'xenstore', 'driver'];
  const height = HEAD + trace.length * ROW + 12;
  const start = trace[0]?.at ?? 0;
  return h`<svg class="ladder" role="img" viewBox="0 0 ${WIDTH} ${height}" aria-label="What happened, step by step">
${ends.map(
  (end) => h`<text class="lane" x="${lanes[end]}" y="16" text-anchor="${anchor(lanes[end])}">${names[end]}</text>
<line class="lane" x1="${lanes[end]}" y1="24" x2="${lanes[end]}" y2="${height}"/>`,
)}
${trace.map((step, n) => rung(step, lanes, HEAD + n * ROW + ROW - 6, step.at - start))}
</svg>`;
}

/** The names of the outer lanes would leave the picture. */
function anchor(x: number): 'middle' | 'end' {
  return x === LANES.right ? 'end' : 'middle';
}

function rung({ from, to, what }: TraceStep, lanes: Record<TraceEnd, number>, y: number, ms: number): Markup {
  const [x1, x2] = [lanes[from], lanes[to]];
  const side = x2 > x1 ? -1 : 1;
  const tip = `${x2},${y} ${x2 + side * 7},${y - 4} ${x2 + side * 7},${y + 4}`;
  const letters = Math.floor((Math.abs(x2 - x1) - 24) / LETTER);
  const text = printable(what).replaceAll('\n', ' ');
  const label = text.length > letters ? `${text.slice(0, letters - 1)}…` : text;
  const kind = from === 'xenstore' || to === 'xenstore' ? 'store' : from;
  return h`<g class="${kind}"><title>${text}</title><text class="at" x="4" y="${y + 3}">${ms.toFixed(3)} ms</text>
<line x1="${x1}" y1="${y}" x2="${x2}" y2="${y}"/><polygon points="${tip}"/>
<text x="${(x1 + x2) / 2}" y="${y - 5}" text-anchor="middle">${label}</text></g>`;
}
