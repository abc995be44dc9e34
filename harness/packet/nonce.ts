import { viewOf } from '../protocol/codec.js';

/**
 * `length` bytes that nothing else on the link sends: the nonce (a u32, big-endian), then words that each depend on
 * the nonce and on their place, without a period. So a byte that was changed, lost, doubled or moved shows, at a page's
 * or a slot's boundary too, and so does a piece of another frame.
 */
export function noncePayload(nonce: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  const words = viewOf(bytes);
  for (let i = 0; i < bytes.length; i += 4) words.setUint32(i, i === 0 ? nonce : scramble(nonce, i));
  return bytes.subarray(0, length);
}

/** The nonce that a payload begins with; undefined if it is too short to have one. */
export function nonceOf(payload: Uint8Array): number | undefined {
  return payload.length < 4 ? undefined : viewOf(payload).getUint32(0);
}

/** A well-mixed u32 (the finalizer of MurmurHash3, over a Weyl sequence). */
function scramble(nonce: number, place: number): number {
  let word = (nonce ^ Math.imul(place, 0x9e3779b1)) | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
