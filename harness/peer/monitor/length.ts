import { ETHERNET_HEADER, PADDED_FRAME } from '../../packet/ethernet.js';
import type { Judgement } from './rule.js';
import type { Packet } from './situations.js';

/** A frame ends where its IP packet ends, except for padding up to the minimum length of a frame on a wire. */
export function lengthFits({ frame, content, own, forwarded }: Packet): Judgement {
  // Others may send frames with a trailer, which a bridge passes on.
  if (!own && !forwarded) return undefined;
  if (!content || !('ip' in content) || frame.length <= PADDED_FRAME) return undefined;
  const { ip } = content;
  const length = ETHERNET_HEADER + totalLength(frame, ip.version);
  if (frame.length === length) return true;
  return `a frame of ${frame.length} bytes around an IP packet that ends after ${length}`;
}

/** The length of the IP packet in a frame, from its own header. */
function totalLength(frame: Uint8Array, version: 4 | 6): number {
  const word = (at: number): number =>
    ((frame[ETHERNET_HEADER + at] ?? 0) << 8) | (frame[ETHERNET_HEADER + at + 1] ?? 0);
  return version === 4 ? word(2) : 40 + word(4);
}
