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

/** The requirements that a lost event may violate, in addition to NOTIFY-02: which one depends on the situation of the test. */
const ABOUT_EVENTS = ['NOTIFY-03', 'NOTIFY-04', 'NOTIFY-06', 'NOTIFY-12', 'SEC-07', 'SEC-08'];

/**
 * The violation that explains a timeout: a ring holds messages whose event did not arrive. What the caller waited for is
 * not violated, unless it is about events.
 *
 * @param timeout the message of the timeout
 * @param ring which ring it is
 * @param aspects further requirements that the loss violates where a check is about them
 */
export function lostEvent(timeout: string, ring: string, aspects: readonly string[] = []): Violation {
  const what = `the ${ring} holds new messages, but no event arrived for them`;
  const violation = new Violation(['NOTIFY-02'], `${timeout}: ${what}`);
  violation.inPassing = true;
  violation.aspects = [...ABOUT_EVENTS, ...aspects];
  return violation;
}
