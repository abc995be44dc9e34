/** Slots of the control ring, and the hash mapping table that a message's grant points to (netif.h, "Control ring"). */

import { type Decoded, decodeArray, decoded, encodeArray, printNamed, struct } from '../bytes/codec.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_MAPPING_PER_PAGE } from './netif.js';

/** `type` is one of {@link CTRL_TYPE} and determines the meaning of `data`; unused words are zero. */
export interface CtrlRequest {
  readonly id: number;
  readonly type: number;
  readonly data: readonly [number, number, number];
}

/** `id` and `type` are the request's; `status` is one of {@link CTRL_STATUS}. */
export interface CtrlResponse {
  readonly id: number;
  readonly type: number;
  readonly status: number;
  readonly data: number;
}

const REQUEST = struct('ctrl request', 16, {
  id: [0, 'u16'],
  type: [2, 'u16'],
  data0: [4, 'u32'],
  data1: [8, 'u32'],
  data2: [12, 'u32'],
});

const RESPONSE = struct('ctrl response', 12, {
  id: [0, 'u16'],
  type: [2, 'u16'],
  status: [4, 'u32'],
  data: [8, 'u32'],
});

const MAPPING = struct('hash mapping', 4, { queue: [0, 'u32'] });

/** 16 bytes. Throws a RangeError on a value that doesn't fit its field. */
export function encodeCtrlRequest({ id, type, data }: CtrlRequest): Uint8Array {
  return REQUEST.encode({ id, type, data0: data[0], data1: data[1], data2: data[2] });
}

export function decodeCtrlRequest(bytes: Uint8Array): Decoded<CtrlRequest> {
  const raw = REQUEST.decode(bytes);
  if (!raw.ok) return raw;
  const { id, type, data0, data1, data2 } = raw.value;
  return decoded({ id, type, data: [data0, data1, data2] });
}

export function printCtrlRequest({ id, type, data }: CtrlRequest): string {
  return `ctrl request id ${id} type ${printNamed(CTRL_TYPE, type)} data ${data.join(' ')}`;
}

/** 12 bytes; the rest of its 16-byte slot is unused. Throws a RangeError on a value that doesn't fit its field. */
export function encodeCtrlResponse(response: CtrlResponse): Uint8Array {
  return RESPONSE.encode(response);
}

export function decodeCtrlResponse(bytes: Uint8Array): Decoded<CtrlResponse> {
  return RESPONSE.decode(bytes);
}

export function printCtrlResponse({ id, type, status, data }: CtrlResponse): string {
  return `ctrl response id ${id} type ${printNamed(CTRL_TYPE, type)} status ${printNamed(CTRL_STATUS, status)} data ${data}`;
}

/** Queue numbers in the format of SET_HASH_MAPPING's page. Throws a RangeError on more than a page holds. */
export function encodeHashMapping(queues: readonly number[]): Uint8Array {
  return encodeArray(
    MAPPING,
    queues.map((queue) => ({ queue })),
    HASH_MAPPING_PER_PAGE,
  );
}

/** The first `count` queue numbers of SET_HASH_MAPPING's page; malformed on more than a page holds. */
export function decodeHashMapping(bytes: Uint8Array, count: number): Decoded<number[]> {
  const entries = decodeArray(MAPPING, bytes, count, HASH_MAPPING_PER_PAGE);
  return entries.ok ? decoded(entries.value.map(({ queue }) => queue)) : entries;
}
