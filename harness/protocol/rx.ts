/** Slots of the rx ring (netif.h, "Guest receive"). */

import { type Decoded, printFlags, printNamed, struct } from '../bytes/codec.js';
import { RSP, RXF } from './netif.js';

/** One page to receive into. */
export interface RxRequest {
  readonly id: number;
  readonly pad: number;
  readonly gref: number;
}

/** One received fragment: `status` is its size in bytes or, when negative, one of {@link RSP}. */
export interface RxResponse {
  readonly id: number;
  /** Bytes from the start of the granted page. */
  readonly offset: number;
  /** Bits of {@link RXF}. */
  readonly flags: number;
  readonly status: number;
}

const REQUEST = struct('rx request', 8, { id: [0, 'u16'], pad: [2, 'u16'], gref: [4, 'u32'] });

const RESPONSE = struct('rx response', 8, {
  id: [0, 'u16'],
  offset: [2, 'u16'],
  flags: [4, 'u16'],
  status: [6, 's16'],
});

/** 8 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeRxRequest(request: RxRequest): Uint8Array {
  return REQUEST.encode(request);
}

export function decodeRxRequest(bytes: Uint8Array): Decoded<RxRequest> {
  return REQUEST.decode(bytes);
}

export function printRxRequest({ id, pad, gref }: RxRequest): string {
  return `rx request id ${id} pad ${pad} gref ${gref}`;
}

/** 8 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeRxResponse(response: RxResponse): Uint8Array {
  return RESPONSE.encode(response);
}

export function decodeRxResponse(bytes: Uint8Array): Decoded<RxResponse> {
  return RESPONSE.decode(bytes);
}

export function printRxResponse({ id, offset, flags, status }: RxResponse): string {
  const result = status < 0 ? printNamed(RSP, status) : status;
  return `rx response id ${id} offset ${offset} status ${result} flags ${printFlags(RXF, flags)}`;
}
