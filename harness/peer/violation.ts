/** The driver under test violated a requirement, as observed by a peer. */
export class Violation extends Error {
  /** Whether the peer detected it while it processed the rings, independent of what the caller waited for. */
  inPassing = false;
  /** Requirements that the same fact violates where a check is about them. */
  aspects: readonly string[] = [];

  constructor(
    /** The violated requirements; empty if only the set-up failed. */
    readonly requirements: readonly string[],
    message: string,
  ) {
    super(message);
    this.name = 'Violation';
  }
}
