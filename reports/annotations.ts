/** Annotations of GitHub Actions: lines that it shows next to the log, on the page of the run. */
import { printableLine } from '../harness/base/text.js';
import { causes, classed } from './causes.js';
import { type Group, outcome, shortfall } from './records.js';

/** Maximum number of errors and of warnings: GitHub shows no more of a step. */
const SHOWN = 10;

/** An error for each incomplete session and each cause of failures, and a warning for each test that warned. */
export function annotations(groups: readonly Group[], strict: boolean): string[] {
  const errors = groups.flatMap((group) => {
    const { target } = group.session;
    const problem = shortfall(group);
    const incomplete = problem === undefined ? [] : [{ title: target, text: problem }];
    const failures = causes(group.tests, strict).map(({ class: kind, message, tests: [first, ...others] }) => ({
      title: `${target}: ${first?.id}${others.length > 0 ? ` and ${others.length} more` : ''}`,
      text: `${kind}: ${message}`,
    }));
    return [...incomplete, ...failures];
  });
  const warnings = groups.flatMap(({ session, tests }) =>
    tests
      .filter((test) => outcome(test, strict) === 'warned')
      .map((test) => ({ title: `${session.target}: ${test.id}`, text: classed(test) })),
  );
  return [...lines('error', errors), ...lines('warning', warnings)];
}

function lines(level: 'error' | 'warning', all: readonly { title: string; text: string }[]): string[] {
  const room = all.length > SHOWN ? SHOWN - 1 : SHOWN;
  const more = all.length - room;
  return [
    ...all.slice(0, room).map(({ title, text }) => command(level, title, text)),
    ...(more > 0 ? [command(level, 'netifspec', `${more} more in the summary and in report.html`)] : []),
  ];
}

/** A command of GitHub's runner. It decodes `%`, and a title ends at a colon or comma. */
function command(level: string, title: string, text: string): string {
  const data = (value: string): string => printableLine(value, 500).replaceAll('%', '%25');
  const property = data(title).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${level} title=${property}::${data(text)}`;
}
