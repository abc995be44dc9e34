/**
 * `unreachable`: no SSH session could be had. `auth`: no key was accepted. `hostkey`: the host's key is unknown or
 * another one. `deadline`: it took too long. `closed`: the connection or the command was cut.
 */
export type SshErrorKind = 'unreachable' | 'auth' | 'hostkey' | 'deadline' | 'closed';

/** SSH failed. The message is one sentence for people that says what to do. */
export class SshError extends Error {
  constructor(
    readonly kind: SshErrorKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'SshError';
  }
}
