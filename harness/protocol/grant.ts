/** Entries of a grant table and the statuses of grant operations (grant_table.h). */

import { type Decoded, decoded, malformed, nameOf, struct, tooShort, viewOf } from '../bytes/codec.js';

/** Flags of a grant entry (GTF_*). The two bits of `typeMask` hold one of the first four values. */
export const GTF = {
  invalid: 0,
  permitAccess: 1,
  acceptTransfer: 2,
  transitive: 3,
  typeMask: 3,
  readonly: 1 << 2,
  reading: 1 << 3,
  writing: 1 << 4,
  pwt: 1 << 5,
  pcd: 1 << 6,
  pat: 1 << 7,
  subPage: 1 << 8,
} as const;

/** Entries at the start of every grant table that are reserved for the toolstack (GNTTAB_NR_RESERVED_ENTRIES). */
export const GNTTAB_NR_RESERVED_ENTRIES = 8;

/** Status of a grant operation (GNTST_*). */
export const GNTST = {
  okay: 0,
  generalError: -1,
  badDomain: -2,
  badGntref: -3,
  badHandle: -4,
  badVirtAddr: -5,
  badDevAddr: -6,
  noDeviceSpace: -7,
  permissionDenied: -8,
  badPage: -9,
  badCopyArg: -10,
  addressTooBig: -11,
  eagain: -12,
  noSpace: -13,
} as const;

/** The header's name of a status, such as `GNTST_bad_gntref`; a number without a name is printed as `GNTST -99`. */
export function gntstName(status: number): string {
  const name = nameOf(GNTST, status);
  return name === undefined ? `GNTST ${status}` : `GNTST_${name}`;
}

/** `flags` are bits of {@link GTF}, `domid` is the domain that may use the grant, `frame` is the page's number. */
export interface GrantEntryV1 {
  readonly flags: number;
  readonly domid: number;
  readonly frame: number;
}

/** A version 2 entry; its flags determine which of the three forms it has. Status bits are in a separate array. */
export type GrantEntryV2 = { readonly flags: number; readonly domid: number } & (
  | { readonly form: 'full-page'; readonly pad: number; readonly frame: bigint }
  | { readonly form: 'sub-page'; readonly pageOff: number; readonly length: number; readonly frame: bigint }
  | { readonly form: 'transitive'; readonly transDomid: number; readonly pad: number; readonly gref: number }
);

const V1 = struct('grant entry v1', 8, { flags: [0, 'u16'], domid: [2, 'u16'], frame: [4, 'u32'] });

const V2_BYTES = 16;

export function decodeGrantEntryV1(bytes: Uint8Array): Decoded<GrantEntryV1> {
  return V1.decode(bytes);
}

export function decodeGrantEntryV2(bytes: Uint8Array): Decoded<GrantEntryV2> {
  const short = tooShort('grant entry v2', bytes, V2_BYTES);
  if (short !== undefined) return malformed(short);
  const view = viewOf(bytes);
  const header = { flags: view.getUint16(0, true), domid: view.getUint16(2, true) };
  if ((header.flags & GTF.typeMask) === GTF.transitive) {
    const transDomid = view.getUint16(4, true);
    const pad = view.getUint16(6, true);
    return decoded({ ...header, form: 'transitive', transDomid, pad, gref: view.getUint32(8, true) });
  }
  const frame = view.getBigUint64(8, true);
  if ((header.flags & GTF.subPage) !== 0) {
    const pageOff = view.getUint16(4, true);
    return decoded({ ...header, form: 'sub-page', pageOff, length: view.getUint16(6, true), frame });
  }
  return decoded({ ...header, form: 'full-page', pad: view.getUint32(4, true), frame });
}
