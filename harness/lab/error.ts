/** The environment failed, not the driver under test: the message says what is wrong and what to do about it. */
export class LabError extends Error {
  /** What the process ends with. */
  readonly exitCode = 3;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LabError';
  }
}
