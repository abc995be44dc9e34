/** Pseudo-random bytes (xorshift32) that are the same in every run, so that a failure can be reproduced. */
export function noise(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (seed + 1) * 0x9e3779b9;
  for (let n = 0; n < length; n++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[n] = state;
  }
  return bytes;
}

/** Invalid numbers in xenstore: empty, negative, too large, or not plain decimal digits. */
export const WRONG_VALUES = ['', '-1', '4294967296', '1x', ' 1', 'ring'] as const;

/** States in an order that no driver goes through, and values that are not valid states. */
export const WRONG_STATES = ['3', '4', '2', '6', '5', '4', '1', '8', '7', '0', '99', '-1', 'x', ''] as const;
