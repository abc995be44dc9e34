import { byChapter, type Proof } from '../harness/validate/proof.js';
import { RULES } from '../harness/validate/rules.js';
import { html as h, type Markup } from './markup.js';
import { page } from './page.js';
import { sum } from './validate.js';

/** The proof as one self-contained page. */
export function validateHtml(proof: Proof): string {
  const body = h`<nav><a href="#chapters">Chapters</a> <a href="#defects">Defects</a> <a href="#legal">Legal drivers</a> <a href="#tests">Tests</a> <a href="#unprovable">Unprovable</a></nav>
<h1>netifspec validate</h1>
<p class="${proof.holes.length > 0 ? 'problem' : 'soft'}">${sum(proof)}</p>
${proof.holes.length > 0 ? holes(proof) : undefined}
<h2 id="chapters">Chapters</h2>
${chapters(proof)}
<h2 id="defects">Defects, and the tests that catch each</h2>
${defects(proof)}
<h2 id="legal">Legal drivers, and the tests that warn of each</h2>
${legal(proof)}
<h2 id="tests">Tests, and the defects that fail each</h2>
${tests(proof)}
<h2 id="unprovable">Requirements that no defect can prove</h2>
${unprovable(proof)}`;
  return page('netifspec validate', body);
}

function holes({ holes }: Proof): Markup {
  return table(
    ['Rule', 'Which', 'What is missing'],
    holes.map(({ rule, subject, message }) => [RULES[rule], h`<code>${subject}</code>`, message]),
  );
}

function chapters(proof: Proof): Markup {
  return table(
    [
      'Chapter',
      'Tests',
      'Pass on the correct driver',
      'Can fail',
      'Defects',
      'Caught',
      'Bugs of real drivers',
      'Holes',
    ],
    byChapter(proof).map(({ role, chapter, tests, pass, canFail, defects, killed, seen, holes }) => [
      `${role}/${chapter}`,
      ...[tests, pass, canFail, defects, killed, seen, holes],
    ]),
  );
}

function defects({ matrix }: Proof): Markup {
  return table(
    ['Defect', 'What the driver does wrong', 'Breaks', 'Caught by'],
    matrix.defects.map(({ id, fault, seen, breaks, caughtBy }) => [
      h`<code>${id}</code>`,
      h`${fault}${seen === undefined ? undefined : h` <small>(${seen})</small>`}`,
      h`<code>${breaks}</code>`,
      lines(caughtBy),
    ]),
  );
}

function legal(proof: Proof): Markup {
  return table(
    ['Driver', 'What it does differently', 'Failed by', 'Warned of by'],
    proof.legal.map(({ id, choice, fails, warns }) => [h`<code>${id}</code>`, choice, lines(fails), lines(warns)]),
  );
}

function tests({ matrix }: Proof): Markup {
  return table(
    ['Test', 'Failed by', 'On the correct driver'],
    matrix.tests.map(({ id, verdict, failedBy }) => [h`<code>${id}</code>`, lines(failedBy), verdict]),
  );
}

function unprovable({ unprovable }: Proof): Markup {
  return table(
    ['Requirement', 'Role', 'Why'],
    unprovable.map(({ id, role, reason }) => [h`<code>${id}</code>`, role, reason]),
  );
}

function lines(ids: readonly string[]): Markup {
  return h`${ids.map((id) => h`<div><code>${id}</code></div>`)}`;
}

function table(head: readonly string[], rows: readonly (readonly (Markup | string | number)[])[]): Markup {
  return h`<div class="wide"><table>
<thead><tr>${head.map((cell) => h`<th>${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => h`<tr>${row.map((cell) => h`<td>${cell}</td>`)}</tr>`)}</tbody>
</table></div>`;
}
