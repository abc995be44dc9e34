/** A run on another host can't be done. The message is one sentence for people. */
export class RemoteError extends Error {
  constructor(
    /** What the command line should end with: 2 for a bad target file, 3 for the environment. */
    readonly exitCode: 2 | 3,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RemoteError';
  }
}
