/** Uses one of two queues and leaves the other idle: for the tests of both roles that attribute events to queues. */

/** Rounds in which a test tries to find one with the other queue quiet. */
const ATTEMPTS = 20;

/** Observations of the queue that the test doesn't use. */
export interface Other {
  /** Events on its channel so far. */
  readonly events: () => number;
  /** A string that changes with every slot that is put on its rings. */
  readonly indices: () => string;
}

/**
 * Uses one queue repeatedly until a round passes in which the driver did nothing on the other queue. Returns the other
 * queue's event count before and after that round; undefined if there was no such round. The preceding round has to be
 * quiet too: what a driver does on its own, such as bringing up a new interface, it may notify late.
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
