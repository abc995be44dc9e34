import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { IPV4_LENGTH, MAC_LENGTH } from './address.js';
import { getNumber, putField, putNumber } from '../bytes/bytes.js';
import { ETHER_TYPE } from './ethernet.js';

/** RFC 826, with the address sizes of Ethernet and IPv4. */
const LAYOUT = {
  hardwareType: 0,
  protocolType: 2,
  hardwareLength: 4,
  protocolLength: 5,
  operation: 6,
  senderMac: 8,
  senderIpv4: 14,
  targetMac: 18,
  targetIpv4: 24,
  end: 28,
} as const;

const HARDWARE_ETHERNET = 1;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

export interface Arp {
  /** {@link ARP_REQUEST}, {@link ARP_REPLY} or any other number. */
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderIpv4: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetIpv4: Uint8Array;
}

export function decodeArp(bytes: Uint8Array): Decoded<Arp> {
  if (bytes.length < LAYOUT.end) return malformed(`ARP: ${bytes.length} bytes are fewer than ${LAYOUT.end}`);
  if (getNumber(bytes, 16, LAYOUT.hardwareType) !== HARDWARE_ETHERNET || bytes[LAYOUT.hardwareLength] !== MAC_LENGTH)
    return malformed('ARP: not of Ethernet');
  if (getNumber(bytes, 16, LAYOUT.protocolType) !== ETHER_TYPE.ipv4 || bytes[LAYOUT.protocolLength] !== IPV4_LENGTH)
    return malformed('ARP: not of IPv4');
  return decoded({
    operation: getNumber(bytes, 16, LAYOUT.operation),
    senderMac: bytes.subarray(LAYOUT.senderMac, LAYOUT.senderIpv4),
    senderIpv4: bytes.subarray(LAYOUT.senderIpv4, LAYOUT.targetMac),
    targetMac: bytes.subarray(LAYOUT.targetMac, LAYOUT.targetIpv4),
    targetIpv4: bytes.subarray(LAYOUT.targetIpv4, LAYOUT.end),
  });
}

export function encodeArp(arp: Arp): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.end);
  putNumber(bytes, 16, LAYOUT.hardwareType, HARDWARE_ETHERNET);
  putNumber(bytes, 16, LAYOUT.protocolType, ETHER_TYPE.ipv4);
  putNumber(bytes, 8, LAYOUT.hardwareLength, MAC_LENGTH);
  putNumber(bytes, 8, LAYOUT.protocolLength, IPV4_LENGTH);
  putNumber(bytes, 16, LAYOUT.operation, arp.operation);
  putField(bytes, LAYOUT.senderMac, arp.senderMac, MAC_LENGTH);
  putField(bytes, LAYOUT.senderIpv4, arp.senderIpv4, IPV4_LENGTH);
  putField(bytes, LAYOUT.targetMac, arp.targetMac, MAC_LENGTH);
  putField(bytes, LAYOUT.targetIpv4, arp.targetIpv4, IPV4_LENGTH);
  return bytes;
}
