/** The trace of a test as a sequence diagram between frontend and backend, from top to bottom. */
import type { Role } from '../harness/run/record.js';
import type { TraceStep } from '../harness/xen/traced.js';
import { stepLine } from './explain.js';
import { html as h, type Markup } from './markup.js';
import { type Rung, rungs } from './steps.js';

/** Largest number of rungs in a diagram, and of those at its end that are not folded; the file of the trace has all. */
const RUNGS = 80;
const OPEN = 16;
/** Steps of a joined rung that the diagram lists. */
const LISTED = 40;
/** Milliseconds without a step from which a diagram shows a gap. */
const GAP = 10;

/** The end of a test's trace for a driver of this role; the frontend is on the left. */
export function ladder(trace: readonly TraceStep[], role: Role): Markup {
  const all = rungs(trace);
  const shown = all.slice(-RUNGS);
  const start = shown[0]?.at ?? 0;
  let before = start;
  let said = '';
  const rows = shown.map((rung) => {
    const gap = rung.at - before >= GAP ? h`<li class="gap">${span(rung.at - before)} later</li>` : undefined;
    before = rung.steps.at(-1)?.at ?? rung.at;
    const time = span(rung.at - start);
    const label = time === said ? '' : time;
    said = time;
    return h`${gap}${row(rung, label, role)}`;
  });
  const early = rows.slice(0, -OPEN);
  const left = trace.length - shown.reduce((sum, { steps }) => sum + steps.length, 0);
  const earlier =
    early.length === 0
      ? undefined
      : h`<details class="earlier"><summary>${early.length} earlier steps${
          left > 0 ? `, after ${left} that only the trace file has` : ''
        }</summary><ol>${early}</ol></details>`;
  const end = (name: Role): string => `${name}: ${name === role ? 'driver under test' : 'netifspec'}`;
  return h`<figure class="ladder" aria-label="Sequence diagram of the trace">
<figcaption><span>${end('frontend')}</span><span>${end('backend')}</span></figcaption>
${earlier}<ol>${rows.slice(-OPEN)}</ol>
</figure>`;
}

/** An arrow with its text. The store has no lane: its arrows end halfway. */
function row(rung: Rung, time: string, role: Role): Markup {
  const { kind, from, to, text, times, steps } = rung;
  const left = role === 'frontend' ? 'driver' : 'harness';
  const store = from === 'xenstore' || to === 'xenstore';
  const direction = store ? (left === 'harness') === (from === 'harness') : from === left;
  const side = store ? (left === 'harness' ? ' at-left' : ' at-right') : '';
  const label = h`<span class="kind">${kind === 'other' ? '' : kind}</span> ${text.what && h`<b>${text.what}</b> `}${text.details} <small>${text.where}</small>`;
  const body =
    times === 1
      ? h`<p>${label}</p>`
      : h`<details><summary>${label} <b class="times">${times} ×</b></summary><pre>${listed(steps)}</pre></details>`;
  return h`<li class="${kind} ${direction ? 'right' : 'left'}${side}"><time>${time}</time><div>${body}</div></li>`;
}

function listed(steps: readonly TraceStep[]): string {
  const lines = steps.slice(0, LISTED).map((step) => stepLine(step).trimStart());
  if (steps.length > LISTED) lines.push(`and ${steps.length - LISTED} more`);
  return lines.join('\n');
}

/** Milliseconds with a unit in which they are easy to read. */
function span(ms: number): string {
  if (ms < 0.0005) return '0';
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${(ms / 1000).toFixed(2)} s`;
}
