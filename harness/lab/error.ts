import { NetifspecError } from '../base/errors.js';

/** The environment failed, not the driver under test: the message says what is wrong and what to do about it. */
export class LabError extends NetifspecError {
  override readonly name: string = 'LabError';
  readonly exitCode = 3;
}
