import { NetifspecError } from '../base/errors.js';

/**
 * `unreachable`: no SSH session was opened. `auth`: no key was accepted. `hostkey`: the host key is unknown or a
 * different one. `deadline`: the time limit was exceeded. `closed`: the connection or the command was cut.
 */
export type SshErrorKind = 'unreachable' | 'auth' | 'hostkey' | 'deadline' | 'closed';

/** An SSH failure. The message is one sentence that says what to do. */
export class SshError extends NetifspecError {
  override readonly name = 'SshError';
  readonly exitCode = 3;

  constructor(
    readonly kind: SshErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
