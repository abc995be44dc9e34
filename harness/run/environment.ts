/** The host, the lab or the guest failed: never the implementation under test. One sentence that says what to do. */
export class EnvironmentError extends Error {
  override readonly name: string = 'EnvironmentError';
}

/** The guest is gone or can't be reached. Where the target says how, it's made anew and the run goes on. */
export class GuestGone extends EnvironmentError {
  override readonly name = 'GuestGone';
}
