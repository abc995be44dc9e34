import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { getNumber, putNumber } from '../bytes/bytes.js';
import { checksumAt, pseudoHeaderSum, putChecksum } from './checksum.js';
import type { Addresses, Checksum } from './checksum.js';
import { IP_PROTOCOL } from './ipv4.js';

/** RFC 768. */
const LAYOUT = { sport: 0, dport: 2, length: 4, checksum: 6, payload: 8 } as const;

export interface Udp {
  readonly sport: number;
  readonly dport: number;
  /** `none` is a field of zero: valid in IPv4, an error in IPv6. */
  readonly checksum: Checksum | 'none';
  readonly payload: Uint8Array;
}

/** Bytes after the length are ignored. */
export function decodeUdp(bytes: Uint8Array, addresses: Addresses): Decoded<Udp> {
  if (bytes.length < LAYOUT.payload) return malformed(`UDP: ${bytes.length} bytes are no header`);
  const length = getNumber(bytes, 16, LAYOUT.length);
  if (length < LAYOUT.payload) return malformed(`UDP: length ${length}`);
  if (length > bytes.length) return malformed(`UDP: length ${length} of ${bytes.length} bytes`);
  const datagram = bytes.subarray(0, length);
  const pseudo = pseudoHeaderSum(addresses, IP_PROTOCOL.udp, length);
  return decoded({
    sport: getNumber(bytes, 16, LAYOUT.sport),
    dport: getNumber(bytes, 16, LAYOUT.dport),
    checksum: getNumber(bytes, 16, LAYOUT.checksum) === 0 ? 'none' : checksumAt(datagram, LAYOUT.checksum, pseudo),
    payload: datagram.subarray(LAYOUT.payload),
  });
}

/** Throws a RangeError if the datagram is longer than 65535 bytes. */
export function encodeUdp(udp: Udp, addresses: Addresses): Uint8Array {
  const length = LAYOUT.payload + udp.payload.length;
  const bytes = new Uint8Array(length);
  putNumber(bytes, 16, LAYOUT.sport, udp.sport);
  putNumber(bytes, 16, LAYOUT.dport, udp.dport);
  putNumber(bytes, 16, LAYOUT.length, length);
  bytes.set(udp.payload, LAYOUT.payload);
  if (udp.checksum === 'none') return bytes;
  putChecksum(bytes, LAYOUT.checksum, udp.checksum, pseudoHeaderSum(addresses, IP_PROTOCOL.udp, length));
  // Zero means "no checksum", so a sum of zero is sent in its other form.
  if (getNumber(bytes, 16, LAYOUT.checksum) === 0) putNumber(bytes, 16, LAYOUT.checksum, 0xffff);
  return bytes;
}
