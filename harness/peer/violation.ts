/** The implementation under test broke a rule, and a peer saw it. */
export class Violation extends Error {
  constructor(
    /** The requirements that forbid what was seen; empty where only the set-up failed. */
    readonly requirements: readonly string[],
    message: string,
  ) {
    super(message);
    this.name = 'Violation';
  }
}
