/** The numbers of tests, requirements and defects, for the README. */
import { DEFECTS } from '../reference/defects/index.js';
import { CATALOGUE } from '../../suites/catalogue.js';

/** The README's line of counts. */
export function countsLine(): string {
  const { requirements } = CATALOGUE;
  const tests = `${CATALOGUE.testsOf('backend').length} backend and ${CATALOGUE.testsOf('frontend').length} frontend tests`;
  return `${requirements.length} requirements · ${tests} · ${DEFECTS.length} defects that prove that the tests can fail`;
}

/** A page with its line of counts brought up to date. */
export function withCounts(page: string): string {
  return page.replace(/^\d+ requirements · .*$/m, countsLine);
}
