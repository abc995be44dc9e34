import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { IPV6_LENGTH, MAC_LENGTH } from './address.js';
import { concat, getNumber, putField, putNumber } from '../bytes/bytes.js';
import { ICMPV6_TYPE } from './icmp.js';

/** The body of both messages (RFC 4861, 4.3 and 4.4). */
const LAYOUT = { flags: 0, target: 4, options: 20 } as const;

/** An option (RFC 4861, 4.6); its length is in units of 8 bytes. */
const OPTION_LAYOUT = { type: 0, length: 1, value: 2, unit: 8 } as const;

const LINK_LAYER_OPTION = {
  [ICMPV6_TYPE.neighbourSolicitation]: 1,
  [ICMPV6_TYPE.neighbourAdvertisement]: 2,
} as const;

/** Neighbour solicitation and neighbour advertisement. */
export type NeighbourType = keyof typeof LINK_LAYER_OPTION;

/** Bits of {@link Neighbour.flags} in an advertisement. */
export const SOLICITED = 2;
export const OVERRIDE = 1;

/** Neighbour discovery messages that crossed a router are invalid (RFC 4861, 7.1). */
export const NEIGHBOUR_HOP_LIMIT = 255;

/** The body of a neighbour solicitation or advertisement. */
export interface Neighbour {
  readonly type: NeighbourType;
  /** Three bits: router, {@link SOLICITED}, {@link OVERRIDE}; none in a solicitation. */
  readonly flags: number;
  readonly target: Uint8Array;
  /** The sender's MAC in a solicitation, the target's in an advertisement, if present. */
  readonly mac: Uint8Array | undefined;
}

export function isNeighbourType(type: number): type is NeighbourType {
  return type in LINK_LAYER_OPTION;
}

/** Options other than the link-layer address are skipped. */
export function decodeNeighbour(type: NeighbourType, body: Uint8Array): Decoded<Neighbour> {
  if (body.length < LAYOUT.options) return malformed(`neighbour discovery: body of ${body.length} bytes`);
  let mac: Uint8Array | undefined;
  for (let offset: number = LAYOUT.options; offset < body.length;) {
    const size = (body[offset + OPTION_LAYOUT.length] ?? 0) * OPTION_LAYOUT.unit;
    if (size === 0) return malformed('neighbour discovery: option without length');
    if (offset + size > body.length) return malformed('neighbour discovery: option beyond the end');
    if (body[offset + OPTION_LAYOUT.type] === LINK_LAYER_OPTION[type] && size === OPTION_LAYOUT.unit)
      mac = body.subarray(offset + OPTION_LAYOUT.value, offset + OPTION_LAYOUT.value + MAC_LENGTH);
    offset += size;
  }
  return decoded({
    type,
    flags: getNumber(body, 8, LAYOUT.flags) >> 5,
    target: body.subarray(LAYOUT.target, LAYOUT.target + IPV6_LENGTH),
    mac,
  });
}

/** The body; the ICMPv6 type is the neighbour's own. */
export function encodeNeighbour(neighbour: Neighbour): Uint8Array {
  const body = new Uint8Array(LAYOUT.options);
  putNumber(body, 8, LAYOUT.flags, neighbour.flags << 5);
  putField(body, LAYOUT.target, neighbour.target, IPV6_LENGTH);
  if (!neighbour.mac) return body;
  const option = new Uint8Array(OPTION_LAYOUT.unit);
  putNumber(option, 8, OPTION_LAYOUT.type, LINK_LAYER_OPTION[neighbour.type]);
  putNumber(option, 8, OPTION_LAYOUT.length, 1);
  putField(option, OPTION_LAYOUT.value, neighbour.mac, MAC_LENGTH);
  return concat(body, option);
}
