/** Packets of one sender, or of one TCP flow: a link may carry others. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { decodeFrame } from '../../harness/packet/frame.js';

/** The source MAC of a frame. */
const sourceOf = (frame: Uint8Array): Uint8Array => frame.subarray(6, 12);

/** Whether a frame has the source MAC `mac`. */
export function isFrom(frame: Uint8Array, mac: Uint8Array): boolean {
  return sameBytes(sourceOf(frame), mac);
}

/** Whether a frame is TCP with the source MAC and the ports of `sent`. */
export function isOfFlow(found: Uint8Array, sent: Uint8Array): boolean {
  // Most frames are other ones, and are not worth decoding.
  if (!isFrom(found, sourceOf(sent))) return false;
  const [one, other] = [decodeFrame(found), decodeFrame(sent)];
  if (!one.ok || !other.ok || one.value.kind !== 'tcp' || other.value.kind !== 'tcp') return false;
  const [by, from] = [one.value.tcp, other.value.tcp];
  return by.sport === from.sport && by.dport === from.dport;
}
