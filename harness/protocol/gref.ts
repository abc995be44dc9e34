/** The page that lists grants for ADD_GREF_MAPPING and DEL_GREF_MAPPING (netif.h, "Static Grants"). */

import { type Decoded, decodeArray, encodeArray, printFlags, printNamed, struct } from '../bytes/codec.js';
import { CTRL_STATUS, GREF_FLAG, GREF_LIST_MAX } from './netif.js';

export interface NetifGref {
  readonly ref: number;
  /** Bits of {@link GREF_FLAG}. */
  readonly flags: number;
  /** One of {@link CTRL_STATUS}, written by the backend for DEL_GREF_MAPPING; unused in ADD_GREF_MAPPING. */
  readonly status: number;
}

const ENTRY = struct('gref entry', 8, { ref: [0, 'u32'], flags: [4, 'u16'], status: [6, 'u16'] });

/** 8 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeGref(entry: NetifGref): Uint8Array {
  return ENTRY.encode(entry);
}

export function decodeGref(bytes: Uint8Array): Decoded<NetifGref> {
  return ENTRY.decode(bytes);
}

export function printGref({ ref, flags, status }: NetifGref): string {
  return `gref ${ref} flags ${printFlags(GREF_FLAG, flags)} status ${printNamed(CTRL_STATUS, status)}`;
}

/** The list from the start of its page, 8 bytes an entry. Throws a RangeError on more entries than a page holds. */
export function encodeGrefList(entries: readonly NetifGref[]): Uint8Array {
  return encodeArray(ENTRY, entries, GREF_LIST_MAX);
}

/** The first `count` entries of a list page; malformed on more than a page holds. */
export function decodeGrefList(bytes: Uint8Array, count: number): Decoded<NetifGref[]> {
  return decodeArray(ENTRY, bytes, count, GREF_LIST_MAX);
}
