import type { Tests } from '../harness/run/suite.js';

/**
 * The requirement ids that a test's checks name, read from the test's own text. Ids stand there as literals, so that
 * what a test verifies can be read, and searched for, in one place.
 */
export function checkedIds(test: Tests[number]): string[] {
  return [...new Set(test.body.toString().match(/\b[A-Z]{2,6}-\d\d\b/g) ?? [])];
}
