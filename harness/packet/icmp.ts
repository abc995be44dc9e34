import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { concat, getNumber, putNumber } from '../bytes/bytes.js';
import { checksumAt, pseudoHeaderSum, putChecksum } from './checksum.js';
import type { Addresses } from './checksum.js';
import { IP_PROTOCOL } from './ipv4.js';

/** RFC 792; RFC 4443, 2.1. */
const LAYOUT = { type: 0, code: 1, checksum: 2, body: 4 } as const;

/** Offsets in an echo's body. */
const ECHO_LAYOUT = { id: 0, seq: 2, payload: 4 } as const;

export const ICMP_TYPE = { echoReply: 0, echoRequest: 8 } as const;
export const ICMPV6_TYPE = {
  echoRequest: 128,
  echoReply: 129,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
} as const;

/** A message of ICMP or ICMPv6. */
export interface Icmp {
  readonly type: number;
  readonly code: number;
  readonly checksum: 'complete' | 'corrupt';
  /** All bytes after the checksum. */
  readonly body: Uint8Array;
}

/** The body of an echo request or reply, the same in ICMP and ICMPv6. */
export interface Echo {
  readonly id: number;
  readonly seq: number;
  readonly payload: Uint8Array;
}

/** ICMP inside IPv4. */
export function decodeIcmp(bytes: Uint8Array): Decoded<Icmp> {
  return decodeMessage(bytes, () => 0);
}

/** ICMPv6, whose checksum covers the addresses of its packet. */
export function decodeIcmpv6(bytes: Uint8Array, addresses: Addresses): Decoded<Icmp> {
  return decodeMessage(bytes, (length) => pseudoHeaderSum(addresses, IP_PROTOCOL.icmpv6, length));
}

export function encodeIcmp(message: Icmp): Uint8Array {
  return encodeMessage(message, () => 0);
}

export function encodeIcmpv6(message: Icmp, addresses: Addresses): Uint8Array {
  return encodeMessage(message, (length) => pseudoHeaderSum(addresses, IP_PROTOCOL.icmpv6, length));
}

/** The body of an echo; the caller has checked the type. */
export function decodeEcho(body: Uint8Array): Decoded<Echo> {
  if (body.length < ECHO_LAYOUT.payload) return malformed(`echo: a body of ${body.length} bytes`);
  return decoded({
    id: getNumber(body, 16, ECHO_LAYOUT.id),
    seq: getNumber(body, 16, ECHO_LAYOUT.seq),
    payload: body.subarray(ECHO_LAYOUT.payload),
  });
}

/** An echo's body. */
export function encodeEcho(echo: Echo): Uint8Array {
  const header = new Uint8Array(ECHO_LAYOUT.payload);
  putNumber(header, 16, ECHO_LAYOUT.id, echo.id);
  putNumber(header, 16, ECHO_LAYOUT.seq, echo.seq);
  return concat(header, echo.payload);
}

function decodeMessage(bytes: Uint8Array, pseudo: (length: number) => number): Decoded<Icmp> {
  if (bytes.length < LAYOUT.body) return malformed(`ICMP: ${bytes.length} bytes are no header`);
  return decoded({
    type: getNumber(bytes, 8, LAYOUT.type),
    code: getNumber(bytes, 8, LAYOUT.code),
    // Only TCP and UDP checksums can be blank.
    checksum: checksumAt(bytes, LAYOUT.checksum, pseudo(bytes.length)) === 'complete' ? 'complete' : 'corrupt',
    body: bytes.subarray(LAYOUT.body),
  });
}

function encodeMessage(message: Icmp, pseudo: (length: number) => number): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.body + message.body.length);
  putNumber(bytes, 8, LAYOUT.type, message.type);
  putNumber(bytes, 8, LAYOUT.code, message.code);
  bytes.set(message.body, LAYOUT.body);
  putChecksum(bytes, LAYOUT.checksum, message.checksum, pseudo(bytes.length));
  return bytes;
}
