/** The changes from one run to another, in the formats of `report diff`. */
import { printableLine, safeJson } from '../harness/base/text.js';
import { type Change, CHANGES, countChanges, isRegression, type Kind } from './diff.js';
import { html as h, type Markup } from './markup.js';
import { code, section } from './markdown-text.js';
import { page } from './page.js';

/** Maximum number of changes of a kind in Markdown; the other formats have all. */
const SHOWN = 50;

/** A line for each change, in a format for grep, and a line with the counts. */
function text(changes: readonly Change[]): string {
  const lines = changes.map(({ kind, target, id, before, now, message }) => {
    const outcomes = [before, now].filter(Boolean).join(' -> ');
    const line = `${kind.toUpperCase().padEnd(13)}${target.padEnd(18)} ${id.padEnd(44)} ${outcomes}${message ? `  ${message}` : ''}`;
    return printableLine(line);
  });
  return [...lines, countsLine(changes), ''].join('\n');
}

/** The number of changes of each kind in one line. */
function countsLine(changes: readonly Change[]): string {
  const counts = countChanges(changes).map(([kind, count]) => `${count} ${kind}`);
  return counts.length === 0 ? 'no difference' : counts.join(', ');
}

/** A summary of the changes as Markdown; kinds that are no regressions are folded. */
export function changesInMarkdown(changes: readonly Change[]): string {
  const kinds = countChanges(changes).map(([kind, count]) => {
    const lines = ofKind(changes, kind).map(
      ({ target, id, before, now, message }) =>
        `${code(id)} (${code(target)}): ${[before, now].filter(Boolean).join(' → ')}${message ? `: ${code(message)}` : ''}`,
    );
    const heading = `${count} ${kind}: ${count === 1 ? 'the test' : 'each test'} ${CHANGES[kind]}`;
    return section(heading, lines, { shown: SHOWN, folded: !isRegression({ kind }) });
  });
  return [`${countsLine(changes)}\n`, ...kinds].join('\n');
}

function html(changes: readonly Change[]): string {
  const regressions = changes.filter(isRegression).length;
  const verdict =
    regressions === 0
      ? h`<p class="soft">Nothing is worse: ${countsLine(changes)}.</p>`
      : h`<p class="problem">${regressions} ${regressions === 1 ? 'result is' : 'results are'} worse: ${countsLine(changes)}.</p>`;
  const body = h`<h1>netifspec: changes</h1>
${verdict}
${countChanges(changes).map(
  ([kind]) => h`<h2 id="${kind}">${kind}</h2>
<p class="soft">The test ${CHANGES[kind]}.</p>
<div class="wide"><table>
<thead><tr><th>Target</th><th>Test</th><th>Before</th><th>Now</th></tr></thead>
<tbody>${ofKind(changes, kind).map(row)}</tbody>
</table></div>`,
)}`;
  return page('netifspec: changes', body);
}

function row({ target, id, before, now, message }: Change): Markup {
  const cell = (result: Change['now']): Markup =>
    h`<td class="${result}"><span class="verdict">${result ?? '–'}</span></td>`;
  return h`<tr><td>${target}</td><td><code>${id}</code>${message && h`<br><small>${message}</small>`}</td>${cell(before)}${cell(now)}</tr>
`;
}

const ofKind = (changes: readonly Change[], wanted: Kind): Change[] => changes.filter(({ kind }) => kind === wanted);

function json(changes: readonly Change[]): string {
  const content = {
    schema: 1,
    regressions: changes.filter(isRegression).length,
    counts: Object.fromEntries(countChanges(changes)),
    changes: changes.map((change) => ({ ...change, regression: isRegression(change) })),
  };
  return `${safeJson(content, 2)}\n`;
}

function markdown(changes: readonly Change[]): string {
  return `## netifspec: changes\n\n${changesInMarkdown(changes)}`;
}

export const DIFF_FORMATS = { text, markdown, html, json } as const;
export type DiffFormat = keyof typeof DIFF_FORMATS;
