/** A summary of results as Markdown, for the summary of a CI job or a note on a merge request. */
import { type Cause, causes, classed } from './causes.js';
import { changesInMarkdown } from './diff-formats.js';
import type { Change } from './diff.js';
import { brokenRequirements, type Describe } from './explain.js';
import { code, section } from './markdown-text.js';
import { exitCode, type Group, outcome, shortfall, summarise } from './records.js';

export interface MarkdownOptions {
  readonly strict: boolean;
  readonly describe: Describe;
  /** The changes since an earlier run, if there is one to compare with. */
  readonly changes?: readonly Change[];
  /** Address of the folder with the results, for links to the HTML report. */
  readonly url?: URL;
}

/** Maximum number of targets, of causes, of tests of a cause, and of warnings that are listed. */
const SHOWN = { targets: 100, causes: 20, tests: 20, warnings: 20 };
/** Maximum length: GitHub accepts comments of 65,536 characters. */
const LENGTH = 60_000;

/** Targets, failures by cause, changes and warnings; the sections that fit, most important first. */
export function markdown(groups: readonly Group[], options: MarkdownOptions): string {
  const { strict, changes, url } = options;
  const sections = [
    `## netifspec: ${verdict(groups, strict)}\n`,
    targetTable(groups, strict),
    problems(groups),
    failures(groups, options),
    changes && `### Changes since the baseline\n\n${changesInMarkdown(changes)}`,
    warnings(groups, strict),
    url && `[All results](${address(url)})\n`,
  ];
  return fitting(sections.filter((each) => each !== undefined && each !== '') as string[]);
}

/** The sections as long as their total length is below the limit. */
function fitting(sections: readonly string[]): string {
  let text = '';
  for (const each of sections) {
    if (text.length + each.length > LENGTH) {
      return `${text}\n(The rest is too long for a summary; report.html has it.)\n`;
    }
    text += text === '' ? each : `\n${each}`;
  }
  return text;
}

function verdict(groups: readonly Group[], strict: boolean): string {
  const total = (of: (group: Group) => number): number => groups.reduce((all, group) => all + of(group), 0);
  const failed = total((group) => summarise(group, strict).failed);
  const errors = total((group) => summarise(group, strict).errors);
  const executed = total((group) => summarise(group, strict).executed);
  const parts = [
    ...(failed > 0 ? [`${failed} of ${executed} tests failed`] : []),
    ...(errors > 0 ? [`${errors} ended in an error`] : []),
  ];
  const code = exitCode(groups, { strict });
  if (code === 0) return `all results are as expected (${executed} tests)`;
  const why = code === 3 ? 'the environment failed, results are missing' : 'not as expected';
  return parts.length === 0 ? why : `${parts.join(', ')}${code === 3 ? ` (${why})` : ''}`;
}

const RESULTS = { 0: 'as expected', 1: '**not as expected**', 3: '**environment failure**' } as const;

function targetTable(groups: readonly Group[], strict: boolean): string {
  const rows = groups.slice(0, SHOWN.targets).map((group) => {
    const { session, tests } = group;
    const { passed, warned, failed, errors, expected, skipped, checked } = summarise(group, strict);
    const skips = [...skipped.values()].reduce((sum, count) => sum + count, 0);
    const seconds = Math.round(tests.reduce((sum, test) => sum + test.durationMs, 0) / 1000);
    const counts = [passed, warned, failed, errors, expected, skips];
    const result = RESULTS[exitCode([group], { strict })];
    return `| ${code(session.target)} | ${result} | ${counts.join(' | ')} | ${checked} of ${session.requirements} | ${seconds} s |`;
  });
  const more = groups.length - SHOWN.targets;
  return `| target | result | passed | warned | failed | errors | known | skipped | requirements checked | duration |
| :-- | :-- | --: | --: | --: | --: | --: | --: | --: | --: |
${rows.join('\n')}
${more > 0 ? `\n… and ${more} more targets\n` : ''}`;
}

/** The targets whose results are incomplete, and why. */
function problems(groups: readonly Group[]): string {
  return groups
    .slice(0, SHOWN.targets)
    .flatMap((group) => {
      const problem = shortfall(group);
      return problem === undefined ? [] : [`- **incomplete**: ${code(group.session.target)}: ${code(problem)}\n`];
    })
    .join('');
}

function failures(groups: readonly Group[], { strict, describe, url }: MarkdownOptions): string {
  const all = groups
    .flatMap(({ session, tests }) => causes(tests, strict).map((cause) => ({ ...cause, target: session.target })))
    .toSorted((a, b) => b.tests.length - a.tests.length);
  if (all.length === 0) return '';
  const shown = all.slice(0, SHOWN.causes).map((cause) => causeSection(cause, cause.target, describe, url));
  const more = all.length - SHOWN.causes;
  return `### Failures by cause\n\n${shown.join('\n')}${more > 0 ? `\n… and ${more} more causes\n` : ''}`;
}

function causeSection(cause: Cause, target: string, describe: Describe, url: URL | undefined): string {
  const { class: kind, message, tests } = cause;
  const count = tests.length === 1 ? '1 test' : `${tests.length} tests`;
  const broken = [...new Set(tests.flatMap(brokenRequirements))].slice(0, 3).map((id) => {
    const text = describe(id);
    return `requirement ${code(id)}${text ? `: ${code(text.statement)}` : ''}`;
  });
  const items = tests.slice(0, SHOWN.tests).map(({ id }) => (url ? `[${code(id)}](${address(url, id)})` : code(id)));
  const more = tests.length - items.length;
  const heading = `${code(target)}: ${count}: ${code(`${kind}: ${message}`)}`;
  return section(heading, [...broken, ...items, ...(more > 0 ? [`… and ${more} more tests`] : [])], {
    shown: Infinity,
    folded: tests.length > 3,
  });
}

function warnings(groups: readonly Group[], strict: boolean): string {
  const items = groups.flatMap(({ session, tests }) =>
    tests
      .filter((test) => outcome(test, strict) === 'warned')
      .map((test) => `${code(session.target)}: ${code(test.id)}: ${code(classed(test))}`),
  );
  if (items.length === 0) return '';
  return section(`${items.length} ${items.length === 1 ? 'warning' : 'warnings'}`, items, {
    shown: SHOWN.warnings,
    folded: true,
  });
}

/** The address of report.html, of a single test in it if `id` is given. Parentheses would end a link in Markdown. */
function address(url: URL, id?: string): string {
  const folder = url.href.endsWith('/') ? url.href : `${url.href}/`;
  const page = new URL('report.html', folder);
  if (id !== undefined) page.hash = new URLSearchParams({ find: id }).toString();
  return page.href.replace(/[()<>\\]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}
