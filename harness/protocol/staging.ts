/**
 * The table page that `tx-pool-ref` or `rx-pool-ref` names: staging grants, a vendor extension that Xen never adopted.
 */

import { type Decoded, decodeArray, encodeArray, malformed, printFlags, struct } from '../bytes/codec.js';
import { EXT_GREF_FLAG, EXT_MAX_GREF_ALLOC } from './netif.js';

export interface ExtGrefAlloc {
  readonly ref: number;
  /** Bits of {@link EXT_GREF_FLAG}. */
  readonly flags: number;
  readonly pad: number;
}

const ENTRY = struct('staging entry', 8, { ref: [0, 'u32'], flags: [4, 'u16'], pad: [6, 'u16'] });

/** The table from the start of its page, 8 bytes an entry. Throws a RangeError on more entries than a page holds. */
export function encodeStagingTable(entries: readonly ExtGrefAlloc[]): Uint8Array {
  return encodeArray(ENTRY, entries, EXT_MAX_GREF_ALLOC);
}

/** The first `count` entries of a table page, 1 to 512; malformed on any other count. */
export function decodeStagingTable(bytes: Uint8Array, count: number): Decoded<ExtGrefAlloc[]> {
  if (count === 0) return malformed('staging table of 0 entries');
  return decodeArray(ENTRY, bytes, count, EXT_MAX_GREF_ALLOC);
}

export function printExtGrefAlloc({ ref, flags, pad }: ExtGrefAlloc): string {
  return `staging gref ${ref} flags ${printFlags(EXT_GREF_FLAG, flags)} pad ${pad}`;
}
