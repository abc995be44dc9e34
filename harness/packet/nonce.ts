import { getNumber } from '../bytes/bytes.js';

/**
 * `length` bytes that nothing else on the link sends: the nonce (a u32, big-endian), then words that depend on the
 * nonce and on their position, without a period. So a byte that was changed, lost, duplicated or moved is detected,
 * also at the boundary of a page or slot, and so is a part of another frame.
 */
export function noncePayload(nonce: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  for (let i = 0; i < bytes.length; i += 4) {
    const word = i === 0 ? nonce : scramble(nonce, i);
    bytes[i] = word >>> 24;
    bytes[i + 1] = word >>> 16;
    bytes[i + 2] = word >>> 8;
    bytes[i + 3] = word;
  }
  return bytes.subarray(0, length);
}

/** The nonce at the start of a payload; undefined if the payload is too short. */
export function nonceOf(payload: Uint8Array): number | undefined {
  return payload.length < 4 ? undefined : getNumber(payload, 32, 0);
}

/** Mixes an integer to a u32 (the finalizer of MurmurHash3, over a Weyl sequence). */
function scramble(nonce: number, place: number): number {
  let word = (nonce ^ Math.imul(place, 0x9e3779b1)) | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
