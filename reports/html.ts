/** The results as one self-contained page, for people. */
import { causes } from './causes.js';
import { drawnTests } from './html-evidence.js';
import { failureSection } from './html-failures.js';
import { driverSection, headSection } from './html-header.js';
import { type HtmlOptions, type Report, reportOf } from './html-model.js';
import { requirementSection } from './html-requirements.js';
import { SCRIPT } from './html-script.js';
import { testSection } from './html-tests.js';
import { html as h, type Markup } from './markup.js';
import { pageParts } from './page.js';
import type { Group } from './records.js';

/**
 * The page in parts. That of one run begins with its failures, that of several drivers with their requirements side by
 * side.
 */
export function html(groups: readonly Group[], options: HtmlOptions): Generator<string> {
  const title = `netifspec: ${groups.map(({ session }) => session.target).join(', ')}`;
  return pageParts(title, body(reportOf(groups, options)), SCRIPT);
}

function* body(report: Report): Generator<Markup> {
  const { drivers, strict } = report;
  const several = drivers.length > 1;
  const found = causes(
    drivers.flatMap(({ tests }) => tests),
    strict,
  );
  const drawn = drawnTests(
    report,
    found.map(({ tests }) => tests),
  );
  yield h`<nav>${found.length > 0 ? h`<a href="#failures">Failures</a>` : undefined}<a href="#requirements">Requirements</a>${
    several ? h`<a href="#drivers">Drivers</a>` : undefined
  }<a href="#tests">Tests</a></nav>
`;
  yield headSection(report);
  if (several) yield* requirementSection(report);
  yield* failureSection(report, found, drawn);
  yield* several ? [driverSection(report)] : requirementSection(report);
  yield* testSection(report, drawn);
}
