/** The trace of a test as a sequence diagram, from top to bottom. */
import type { Role } from '../harness/run/record.js';
import type { TraceEnd, TraceStep } from '../harness/xen/traced.js';
import { printable } from '../harness/base/text.js';
import { html as h, type Markup } from './markup.js';

const WIDTH = 960;
const LANES = { left: 150, middle: 540, right: 930 } as const;
const HEAD = 34;
/** Height of a rung with a one-line label, and of each further line. */
const ROW = 24;
const LINE = 14;
/** Width of a letter of the label's font. */
const LETTER = 6.7;

/** Maximum number of steps in a diagram; the file of the trace has all. */
const RUNGS = 80;

/** The end of a test's trace for a driver of this role; the frontend is on the left. */
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
  const start = trace[0]?.at ?? 0;
  let y = HEAD;
  const rungs = trace.map((step) => {
    const span = Math.abs(lanes[step.to] - lanes[step.from]);
    const label = broken(printable(step.what).replaceAll('\n', ' '), Math.max(1, Math.floor((span - 24) / LETTER)));
    y += ROW + (label.length - 1) * LINE;
    return rung(step, label, lanes, y - 6, step.at - start);
  });
  const height = y + 12;
  return h`<svg class="ladder" role="img" viewBox="0 0 ${WIDTH} ${height}" aria-label="Sequence diagram of the trace">
${ends.map(
  (end) => h`<text class="lane" x="${lanes[end]}" y="16" text-anchor="${anchor(lanes[end])}">${names[end]}</text>
<line class="lane" x1="${lanes[end]}" y1="24" x2="${lanes[end]}" y2="${height}"/>`,
)}
${rungs}
</svg>`;
}

/** Names of the outer lanes are aligned so that they stay inside the diagram. */
function anchor(x: number): 'middle' | 'end' {
  return x === LANES.right ? 'end' : 'middle';
}

/** `text` in lines of at most this many letters, broken after a blank or the slash of a path if possible. */
function broken(text: string, letters: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > letters) {
    const after = Math.max(rest.lastIndexOf(' ', letters - 1), rest.lastIndexOf('/', letters - 1)) + 1;
    const end = after > letters / 2 ? after : letters;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...lines, rest];
}

/** An arrow at `y`, with its label above it. */
function rung(
  { from, to }: TraceStep,
  label: readonly string[],
  lanes: Record<TraceEnd, number>,
  y: number,
  ms: number,
): Markup {
  const [x1, x2] = [lanes[from], lanes[to]];
  const side = x2 > x1 ? -1 : 1;
  const tip = `${x2},${y} ${x2 + side * 7},${y - 4} ${x2 + side * 7},${y + 4}`;
  const kind = from === 'xenstore' || to === 'xenstore' ? 'store' : from;
  const top = y - 5 - (label.length - 1) * LINE;
  return h`<g class="${kind}"><text class="at" x="4" y="${y + 3}">${ms.toFixed(3)} ms</text>
<line x1="${x1}" y1="${y}" x2="${x2}" y2="${y}"/><polygon points="${tip}"/>
${label.map((line, n) => h`<text x="${(x1 + x2) / 2}" y="${top + n * LINE}" text-anchor="middle">${line}</text>`)}</g>`;
}
