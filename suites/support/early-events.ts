/** How often tests watch for a notification before the event index asks for one, and what they count. */

/** Rounds of the tests that watch for something not to happen. */
export const ROUNDS = 20;
/** Rounds that may count an event in flight when they began; a driver that ignores the index is early in all. */
export const STRAY_ROUNDS = 4;
export const EARLY = `rounds with an early notification, of ${ROUNDS}`;
/** Places that no message reaches, one for each round: where the peer has read already, long ago, and far ahead. */
export const ELSEWHERE = [0, -1, -300, 1000, 2 ** 31].flatMap((place) => Array<number>(ROUNDS / 5).fill(place));
