/**
 * Lets microseconds pass, some more in each round and then few again. Events cross each other in a short moment of the
 * other end's way to rest; a test that always asks at the same pace may miss it for ever.
 */
export function linger(round: number): void {
  const end = performance.now() + (round % LONGEST_US) / 1000;
  while (performance.now() < end);
}

const LONGEST_US = 64;
