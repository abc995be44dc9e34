/**
 * Busy-waits for `round` modulo 64 microseconds. A wake-up is lost only in a short moment while the driver goes to
 * sleep; a test that always sends at the same pace may never hit that moment.
 */
export function busyWait(round: number): void {
  const end = performance.now() + (round % LONGEST_US) / 1000;
  while (performance.now() < end);
}

const LONGEST_US = 64;
