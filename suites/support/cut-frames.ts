/** Frames that a driver passes on whole or not at all. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { ETHERNET_HEADER, LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import { noncePayload } from '../../harness/packet/nonce.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';

/** Lengths above that of the largest frame, at the bounds of fields, up to a page. */
const LENGTHS = [LARGEST_FRAME + 1, 2047, 2048, 2049, 3000, PAGE_SIZE - 1, PAGE_SIZE];
/** Nonces of no other frame: a whole frame is never the beginning of these. */
const NONCES = 0xc0_0000;

/** One frame of each of these lengths; `frameOf` makes a frame of a payload. */
export function oversizedFrames(frameOf: (payload: Uint8Array) => Uint8Array): Uint8Array[] {
  return LENGTHS.map((length, n) => frameOf(noncePayload(NONCES + n, length - ETHERNET_HEADER)));
}

/** The lengths of received frames that are the beginning of a longer one of `sent`. */
export function cutLengths(received: readonly { readonly frame: Uint8Array }[], sent: readonly Uint8Array[]): number[] {
  const isCut = (frame: Uint8Array): boolean =>
    sent.some((each) => frame.length < each.length && sameBytes(frame, each.subarray(0, frame.length)));
  return received.flatMap(({ frame }) => (isCut(frame) ? [frame.length] : []));
}
