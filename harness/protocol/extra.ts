/**
 * Extra info: 8 bytes in a slot of the tx or rx ring, after the slot of the first fragment (netif.h,
 * "netif_extra_info"). In a tx slot the last 4 bytes are padding. Padding inside the struct is kept, so that a test can
 * read and set it.
 */

import { type Decoded, decoded, malformed, printFlags, printNamed, struct } from '../bytes/codec.js';
import { EXTRA_FLAG_MORE, EXTRA_TYPE, GSO_TYPE, HASH_ALGORITHM, HASH_TYPE } from './netif.js';

/** Every type has `flags`; {@link EXTRA_FLAG_MORE} is the only defined bit. */
export type Extra = ExtraGso | ExtraMcast | ExtraHash | ExtraXdp;

export interface ExtraGso {
  readonly type: 'gso';
  readonly flags: number;
  /** Largest payload of a segment, in bytes. */
  readonly size: number;
  /** One of {@link GSO_TYPE}. */
  readonly gsoType: number;
  readonly pad: number;
  readonly features: number;
}

export interface ExtraMcast {
  readonly type: 'mcast-add' | 'mcast-del';
  readonly flags: number;
  /** 6 bytes. */
  readonly address: Uint8Array;
}

export interface ExtraHash {
  readonly type: 'hash';
  readonly flags: number;
  /** One of {@link HASH_TYPE}: a bit number, not a mask. */
  readonly hashType: number;
  /** One of {@link HASH_ALGORITHM}. */
  readonly algorithm: number;
  /** The hash, in the ring with the least significant byte first. */
  readonly value: number;
}

/** Only Linux's copy of the header defines this type. */
export interface ExtraXdp {
  readonly type: 'xdp';
  readonly flags: number;
  readonly headroom: number;
  readonly pad: number;
}

/** The extras of a packet as one chain: each of them except the last has the more flag. */
export function linked(extras: readonly Extra[]): Extra[] {
  return extras.map((extra, n) => ({ ...extra, flags: n < extras.length - 1 ? EXTRA_FLAG_MORE : 0 }));
}

/** Bytes of an extra info. */
export const EXTRA_BYTES = 8;
const ADDRESS = { offset: 2, bytes: 6 };

const HEADER = struct('extra info', EXTRA_BYTES, { type: [0, 'u8'], flags: [1, 'u8'] });
const GSO = struct('gso extra', EXTRA_BYTES, {
  type: [0, 'u8'],
  flags: [1, 'u8'],
  size: [2, 'u16'],
  gsoType: [4, 'u8'],
  pad: [5, 'u8'],
  features: [6, 'u16'],
});
const HASH = struct('hash extra', EXTRA_BYTES, {
  type: [0, 'u8'],
  flags: [1, 'u8'],
  hashType: [2, 'u8'],
  algorithm: [3, 'u8'],
  value: [4, 'u32'],
});
const XDP = struct('xdp extra', EXTRA_BYTES, {
  type: [0, 'u8'],
  flags: [1, 'u8'],
  headroom: [2, 'u16'],
  pad: [4, 'u32'],
});

/** 8 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeExtra(extra: Extra): Uint8Array {
  switch (extra.type) {
    case 'gso':
      return GSO.encode({ ...extra, type: EXTRA_TYPE.gso });
    case 'hash':
      return HASH.encode({ ...extra, type: EXTRA_TYPE.hash });
    case 'xdp':
      return XDP.encode({ ...extra, type: EXTRA_TYPE.xdp });
    case 'mcast-add':
    case 'mcast-del': {
      if (extra.address.length !== ADDRESS.bytes) {
        throw new RangeError(`${extra.type} extra: an address of ${extra.address.length} bytes`);
      }
      const type = extra.type === 'mcast-add' ? EXTRA_TYPE.mcastAdd : EXTRA_TYPE.mcastDel;
      const bytes = HEADER.encode({ type, flags: extra.flags });
      bytes.set(extra.address, ADDRESS.offset);
      return bytes;
    }
  }
}

/** Malformed on type NONE, which is never used, and on a type that no header defines. */
export function decodeExtra(bytes: Uint8Array): Decoded<Extra> {
  const header = decodeExtraHeader(bytes);
  if (!header.ok) return header;
  const { type, flags } = header.value;
  switch (type) {
    case EXTRA_TYPE.gso:
      return retyped(GSO.decode(bytes), 'gso');
    case EXTRA_TYPE.mcastAdd:
    case EXTRA_TYPE.mcastDel: {
      const address = Uint8Array.from(bytes.subarray(ADDRESS.offset, ADDRESS.offset + ADDRESS.bytes));
      return decoded({ type: type === EXTRA_TYPE.mcastAdd ? 'mcast-add' : 'mcast-del', flags, address });
    }
    case EXTRA_TYPE.hash:
      return retyped(HASH.decode(bytes), 'hash');
    case EXTRA_TYPE.xdp:
      return retyped(XDP.decode(bytes), 'xdp');
    case EXTRA_TYPE.none:
      return malformed('extra info of type 0 (none), which is never used');
    default:
      return malformed(`extra info of unknown type ${type}`);
  }
}

/** Type and flags only: all that a driver needs to skip an extra info of unknown type. */
export function decodeExtraHeader(bytes: Uint8Array): Decoded<{ type: number; flags: number }> {
  return HEADER.decode(bytes);
}

export function printExtra(extra: Extra): string {
  const flags = `flags ${printFlags({ more: EXTRA_FLAG_MORE }, extra.flags)}`;
  switch (extra.type) {
    case 'gso': {
      const { size, gsoType, pad, features } = extra;
      return `gso extra size ${size} type ${printNamed(GSO_TYPE, gsoType)} pad ${pad} features ${features} ${flags}`;
    }
    case 'hash': {
      const { hashType, algorithm, value } = extra;
      const hash = `0x${value.toString(16).padStart(8, '0')}`;
      return `hash extra type ${printNamed(HASH_TYPE, hashType)} algorithm ${printNamed(HASH_ALGORITHM, algorithm)} value ${hash} ${flags}`;
    }
    case 'xdp':
      return `xdp extra headroom ${extra.headroom} pad ${extra.pad} ${flags}`;
    case 'mcast-add':
    case 'mcast-del': {
      const address = Array.from(extra.address, (byte) => byte.toString(16).padStart(2, '0')).join(':');
      return `${extra.type} extra ${address} ${flags}`;
    }
  }
}

function retyped<T extends { type: number }, K extends string>(
  raw: Decoded<T>,
  type: K,
): Decoded<Omit<T, 'type'> & { type: K }> {
  return raw.ok ? decoded({ ...raw.value, type }) : raw;
}
