import { Catalogue } from '../harness/run/catalogue.js';
import { CHECKS } from './checks.js';
import { SUITES } from './index.js';
import { REQUIREMENTS } from './requirements/index.js';

/** All tests and all requirements, as passed to the runner. */
export const CATALOGUE = new Catalogue(SUITES, REQUIREMENTS, CHECKS);
