import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { IPV4_LENGTH } from './address.js';
import { checkOptions, getNumber, putField, putNumber } from '../bytes/bytes.js';
import { checksumAt, putChecksum } from './checksum.js';
import type { Addresses } from './checksum.js';

/** RFC 791, 3.1. */
const LAYOUT = {
  versionAndLength: 0,
  typeOfService: 1,
  totalLength: 2,
  identification: 4,
  fragment: 6,
  ttl: 8,
  protocol: 9,
  checksum: 10,
  source: 12,
  destination: 16,
  options: 20,
} as const;

export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

/** Bits of {@link Ipv4.flags}. */
export const DONT_FRAGMENT = 2;
export const MORE_FRAGMENTS = 1;

export interface Ipv4 extends Addresses {
  readonly version: 4;
  readonly typeOfService: number;
  readonly identification: number;
  /** Three bits. */
  readonly flags: number;
  /** In units of 8 bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  /** Of the header. */
  readonly checksum: 'complete' | 'corrupt';
  /** Raw, a multiple of 4 bytes. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** Decodes a packet with a valid or a wrong header checksum; bytes after its total length are ignored. */
export function decodeIpv4(bytes: Uint8Array): Decoded<Ipv4> {
  if (bytes.length < LAYOUT.options) return malformed(`IPv4: ${bytes.length} bytes are no header`);
  const versionAndLength = getNumber(bytes, 8, LAYOUT.versionAndLength);
  const headerLength = (versionAndLength & 0xf) * 4;
  const totalLength = getNumber(bytes, 16, LAYOUT.totalLength);
  if (versionAndLength >> 4 !== 4) return malformed(`IPv4: version ${versionAndLength >> 4}`);
  if (headerLength < LAYOUT.options) return malformed(`IPv4: header of ${headerLength} bytes`);
  if (totalLength < headerLength) return malformed(`IPv4: total length ${totalLength}, header ${headerLength}`);
  if (totalLength > bytes.length) return malformed(`IPv4: total length ${totalLength} of ${bytes.length} bytes`);
  const fragment = getNumber(bytes, 16, LAYOUT.fragment);
  return decoded({
    version: 4,
    typeOfService: getNumber(bytes, 8, LAYOUT.typeOfService),
    identification: getNumber(bytes, 16, LAYOUT.identification),
    flags: fragment >> 13,
    fragmentOffset: fragment & 0x1fff,
    ttl: getNumber(bytes, 8, LAYOUT.ttl),
    protocol: getNumber(bytes, 8, LAYOUT.protocol),
    checksum: checksumAt(bytes.subarray(0, headerLength), LAYOUT.checksum) === 'complete' ? 'complete' : 'corrupt',
    source: bytes.subarray(LAYOUT.source, LAYOUT.source + IPV4_LENGTH),
    destination: bytes.subarray(LAYOUT.destination, LAYOUT.destination + IPV4_LENGTH),
    options: bytes.subarray(LAYOUT.options, headerLength),
    payload: bytes.subarray(headerLength, totalLength),
  });
}

/** Throws a RangeError if the lengths don't fit the header. */
export function encodeIpv4(packet: Ipv4): Uint8Array {
  const headerLength = LAYOUT.options + packet.options.length;
  const totalLength = headerLength + packet.payload.length;
  checkOptions(packet.options);
  const bytes = new Uint8Array(totalLength);
  putNumber(bytes, 8, LAYOUT.versionAndLength, (4 << 4) | (headerLength / 4));
  putNumber(bytes, 8, LAYOUT.typeOfService, packet.typeOfService);
  putNumber(bytes, 16, LAYOUT.totalLength, totalLength);
  putNumber(bytes, 16, LAYOUT.identification, packet.identification);
  putNumber(bytes, 16, LAYOUT.fragment, packet.flags * 0x2000 + packet.fragmentOffset);
  putNumber(bytes, 8, LAYOUT.ttl, packet.ttl);
  putNumber(bytes, 8, LAYOUT.protocol, packet.protocol);
  putField(bytes, LAYOUT.source, packet.source, IPV4_LENGTH);
  putField(bytes, LAYOUT.destination, packet.destination, IPV4_LENGTH);
  bytes.set(packet.options, LAYOUT.options);
  putChecksum(bytes.subarray(0, headerLength), LAYOUT.checksum, packet.checksum);
  bytes.set(packet.payload, headerLength);
  return bytes;
}

/** Whether the payload is a fragment of a larger one. */
export function isFragment(packet: Ipv4): boolean {
  return packet.fragmentOffset !== 0 || (packet.flags & MORE_FRAGMENTS) !== 0;
}
