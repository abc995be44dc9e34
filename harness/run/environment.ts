/** The host, the lab or the guest failed: never the implementation under test. One sentence that says what to do. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}
