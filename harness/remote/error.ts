import { NetifspecError } from '../base/errors.js';

/** A run on another host is not possible. The message is one sentence for people. */
export class RemoteError extends NetifspecError {
  override readonly name = 'RemoteError';

  constructor(
    /** Exit code of the command: 2 for an invalid target file, 3 for the environment. */
    readonly exitCode: 2 | 3,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
