import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { IPV6_LENGTH } from './address.js';
import { getNumber, putField, putNumber } from '../bytes/bytes.js';
import type { Addresses } from './checksum.js';

/** RFC 8200, 3. */
const LAYOUT = {
  versionClassFlow: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
  payload: 40,
} as const;

/** Types of extension headers (RFC 8200, 4). */
export const EXTENSION = { hopByHop: 0, fragment: 44, destination: 60 } as const;

/** Extension headers are not decoded: they are part of the payload. */
export interface Ipv6 extends Addresses {
  readonly version: 6;
  readonly trafficClass: number;
  /** 20 bits. */
  readonly flowLabel: number;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payload: Uint8Array;
}

/** Bytes after the payload length are ignored. */
export function decodeIpv6(bytes: Uint8Array): Decoded<Ipv6> {
  if (bytes.length < LAYOUT.payload) return malformed(`IPv6: ${bytes.length} bytes are no header`);
  const first = getNumber(bytes, 32, LAYOUT.versionClassFlow);
  const payloadLength = getNumber(bytes, 16, LAYOUT.payloadLength);
  const available = bytes.length - LAYOUT.payload;
  if (first >>> 28 !== 6) return malformed(`IPv6: version ${first >>> 28}`);
  if (payloadLength > available) return malformed(`IPv6: payload length ${payloadLength} of ${available} bytes`);
  return decoded({
    version: 6,
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    nextHeader: getNumber(bytes, 8, LAYOUT.nextHeader),
    hopLimit: getNumber(bytes, 8, LAYOUT.hopLimit),
    source: bytes.subarray(LAYOUT.source, LAYOUT.source + IPV6_LENGTH),
    destination: bytes.subarray(LAYOUT.destination, LAYOUT.destination + IPV6_LENGTH),
    payload: bytes.subarray(LAYOUT.payload, LAYOUT.payload + payloadLength),
  });
}

/**
 * The payload after the extension headers for options, and its protocol; undefined if they are malformed. Other
 * extension headers are a protocol of their own.
 */
export function upperLayer({
  nextHeader,
  payload,
}: Pick<Ipv6, 'nextHeader' | 'payload'>): { protocol: number; payload: Uint8Array } | undefined {
  let [protocol, rest] = [nextHeader, payload];
  while (protocol === EXTENSION.hopByHop || protocol === EXTENSION.destination) {
    const [next, units] = rest;
    if (next === undefined || units === undefined || (units + 1) * 8 > rest.length) return undefined;
    protocol = next;
    rest = rest.subarray((units + 1) * 8);
  }
  return { protocol, payload: rest };
}

/** Throws a RangeError if the payload is longer than 65535 bytes. */
export function encodeIpv6(packet: Ipv6): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.payload + packet.payload.length);
  putNumber(bytes, 32, LAYOUT.versionClassFlow, 6 * 2 ** 28 + packet.trafficClass * 2 ** 20 + packet.flowLabel);
  putNumber(bytes, 16, LAYOUT.payloadLength, packet.payload.length);
  putNumber(bytes, 8, LAYOUT.nextHeader, packet.nextHeader);
  putNumber(bytes, 8, LAYOUT.hopLimit, packet.hopLimit);
  putField(bytes, LAYOUT.source, packet.source, IPV6_LENGTH);
  putField(bytes, LAYOUT.destination, packet.destination, IPV6_LENGTH);
  bytes.set(packet.payload, LAYOUT.payload);
  return bytes;
}
