/** Frames that a guest or a wire pads. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { PADDED_FRAME } from '../../harness/packet/ethernet.js';

/** Whether a frame is `form`, perhaps padded with zeros to the minimum length of a wire. */
export function isPadded(frame: Uint8Array, form: Uint8Array): boolean {
  if (frame.length !== form.length && (frame.length < form.length || frame.length > PADDED_FRAME)) return false;
  return sameBytes(frame.subarray(0, form.length), form) && frame.subarray(form.length).every((byte) => byte === 0);
}
