import { ETHER_TYPE, ETHERNET_HEADER, PADDED_FRAME } from '../../packet/ethernet.js';
import { type Judgement, when } from './rule.js';
import type { Packet } from './situations.js';

/** Bytes of an ARP message for IPv4 on Ethernet (RFC 826). */
const ARP_BYTES = 28;

/** A frame ends where its IP packet ends, except for padding up to the minimum length of a frame on a wire. */
export function lengthFits({ frame, content, own, forwarded }: Packet): Judgement {
  // Others may send frames with a trailer, which a bridge passes on.
  if (!own && !forwarded) return undefined;
  const length = ipLength(frame);
  if (length === undefined || (content && !('ip' in content))) return undefined;
  const end = ETHERNET_HEADER + length;
  if (frame.length === end || (frame.length > end && frame.length <= PADDED_FRAME)) return true;
  return `a frame of ${frame.length} bytes around an IP packet that ends after ${end}`;
}

/** The bytes that a driver puts after the IP packet or ARP message of its own frame reveal nothing. */
export function paddingIsZero({ frame, content, own, forwarded }: Packet): Judgement {
  const length = content?.kind === 'arp' ? ARP_BYTES : ipLength(frame);
  if (!own || forwarded || length === undefined) return undefined;
  const padding = frame.subarray(ETHERNET_HEADER + length);
  return when(
    true,
    () => padding.every((byte) => byte === 0),
    () => `a frame that is padded with ${Buffer.from(padding).toString('hex')}`,
  );
}

/** The length of the IP packet in a frame, from its own header; undefined if there is no such header. */
export function ipLength(frame: Uint8Array): number | undefined {
  const word = (at: number): number => ((frame[at] ?? 0) << 8) | (frame[at + 1] ?? 0);
  const version = (frame[ETHERNET_HEADER] ?? 0) >> 4;
  const etherType = word(ETHERNET_HEADER - 2);
  if (etherType === ETHER_TYPE.ipv4 && version === 4) return word(ETHERNET_HEADER + 2) || undefined;
  if (etherType !== ETHER_TYPE.ipv6 || version !== 6) return undefined;
  // A length of 0 is that of a jumbogram (RFC 2675), and that of a large packet over IPv4.
  const payload = word(ETHERNET_HEADER + 4);
  return payload === 0 ? undefined : 40 + payload;
}
