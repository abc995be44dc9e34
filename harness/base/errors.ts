/** Errors whose message is complete for the user. For all other errors the stack is printed, since they are bugs. */
export abstract class NetifspecError extends Error {
  /** The exit code: 2 for wrong usage or an invalid file, 3 for a failure of a host, a lab or a guest. */
  abstract readonly exitCode: 2 | 3;
  /** What to do, if the message does not say it. */
  readonly hint?: string;

  constructor(message: string, { hint, ...options }: ErrorOptions & { readonly hint?: string } = {}) {
    super(message, options);
    if (hint !== undefined) this.hint = hint;
  }
}

/** The command line or a file that it names is invalid. The message is one sentence that says what is expected. */
export class UsageError extends NetifspecError {
  override readonly name: string = 'UsageError';
  readonly exitCode = 2;
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
