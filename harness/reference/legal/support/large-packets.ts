/** What either end may do with a large packet that it passes on: netif.h bounds the size of a segment from above only. */
import { blankChecksum, segment } from '../../../packet/offload.js';
import type { VifPacket } from '../../packet.js';

/** Describes a large packet with a smaller size of a segment. */
export function smallerSegments(packet: VifPacket): VifPacket[] {
  return [packet.gso ? { ...packet, gso: { ...packet.gso, size: Math.min(packet.gso.size, 700) } } : packet];
}

/** Sends a large packet as several packets of at most three segments each. */
export function inParts(packet: VifPacket): VifPacket[] {
  const { gso } = packet;
  if (!gso) return [packet];
  return segment(packet.frame, 3 * gso.size).map((frame) => {
    const blank = blankChecksum(frame) ?? frame;
    return { frame: blank, csumBlank: true, gso };
  });
}
