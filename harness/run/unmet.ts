import { type Failure, failureText } from './record.js';

/** The driver under test did not meet an expectation of a test, whose parts are known. */
export class Unmet extends Error {
  constructor(readonly failure: Failure) {
    super(failureText(failure));
    this.name = 'Unmet';
  }
}
