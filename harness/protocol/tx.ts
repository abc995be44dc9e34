/** Slots of the tx ring (netif.h, "Guest transmit"). */

import { type Decoded, printFlags, printNamed, struct } from '../bytes/codec.js';
import { RSP, TXF } from './netif.js';

/**
 * One fragment to transmit. `size` is that of the whole packet in the first fragment, and of the fragment in the
 * others.
 */
export interface TxRequest {
  readonly gref: number;
  /** Bytes from the start of the granted page. */
  readonly offset: number;
  /** Bits of {@link TXF}. */
  readonly flags: number;
  readonly id: number;
  readonly size: number;
}

/** The response to one tx slot. `status` is signed, one of {@link RSP}. */
export interface TxResponse {
  readonly id: number;
  readonly status: number;
}

const REQUEST = struct('tx request', 12, {
  gref: [0, 'u32'],
  offset: [4, 'u16'],
  flags: [6, 'u16'],
  id: [8, 'u16'],
  size: [10, 'u16'],
});

const RESPONSE = struct('tx response', 4, { id: [0, 'u16'], status: [2, 's16'] });

/** 12 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeTxRequest(request: TxRequest): Uint8Array {
  return REQUEST.encode(request);
}

export function decodeTxRequest(bytes: Uint8Array): Decoded<TxRequest> {
  return REQUEST.decode(bytes);
}

export function printTxRequest({ gref, offset, flags, id, size }: TxRequest): string {
  return `tx request id ${id} gref ${gref} offset ${offset} size ${size} flags ${printFlags(TXF, flags)}`;
}

/** 4 bytes; the rest of its 12-byte slot is unused. Throws a RangeError on a value that doesn't fit its field. */
export function encodeTxResponse(response: TxResponse): Uint8Array {
  return RESPONSE.encode(response);
}

export function decodeTxResponse(bytes: Uint8Array): Decoded<TxResponse> {
  return RESPONSE.decode(bytes);
}

export function printTxResponse({ id, status }: TxResponse): string {
  return `tx response id ${id} status ${printNamed(RSP, status)}`;
}
