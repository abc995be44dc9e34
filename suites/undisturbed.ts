/** One of two queues is used, and the other is not: for both roles' tests of whose events are whose. */

/** How often a test looks for a while in which the other queue is left alone. */
const ATTEMPTS = 20;

/** What a test can see of the queue that isn't used. */
export interface Other {
  /** Events on its channel so far. */
  readonly events: () => number;
  /** Changes with whatever is put on its rings. */
  readonly indices: () => string;
}

/**
 * Uses the one queue for a while, again and again, until the other one was left alone, and in the while before it too:
 * what a driver does there on its own, as a new interface does, it may tell of by then or later. Answers the events of
 * the other queue before and after that while; undefined if it was never quiet.
 */
export async function undisturbed(
  { events, indices }: Other,
  use: () => Promise<void>,
): Promise<{ readonly before: number; readonly after: number } | undefined> {
  let quiet = true;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const [before, start] = [events(), indices()];
    await use();
    const after = events();
    const wasQuiet = quiet;
    quiet = indices() === start;
    if (quiet && wasQuiet) return { before, after };
  }
  return undefined;
}
