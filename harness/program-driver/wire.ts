/**
 * Messages between a driver's program and netifspec. A call is u32 operation, u32 length, body; its answer is i32
 * result, u32 length, body. A body is a sequence of u32 and of byte strings, each of them after its u32 length. All
 * numbers are little-endian. docs/driver-in-c.md describes the operations.
 */
import { ProgramError } from './program-error.js';

/** The operations that a program may call. */
export const OP = {
  describe: 0,
  read: 1,
  write: 2,
  remove: 3,
  list: 4,
  startTransaction: 5,
  endTransaction: 6,
  watch: 7,
  unwatch: 8,
  grant: 9,
  endGrant: 10,
  map: 11,
  unmap: 12,
  copyFrom: 13,
  copyTo: 14,
  bindUnbound: 15,
  bindInterdomain: 16,
  unbind: 17,
  notify: 18,
  now: 19,
  wait: 20,
  received: 21,
  barrier: 22,
} as const;

/** Results of a wait: what happened. */
export const EVENT = { timeout: 0, watch: 1, port: 2, frame: 3 } as const;

/** A wait without a limit. */
export const NO_TIMEOUT = 0xffffffff;

/** The flags in the call `describe`: what the driver sends without help of a stack, what its system has, and its barriers. */
export const DRIVER = { canChecksum: 1, canSegment: 2, ownStack: 4, noBridge: 8, barriers: 16 } as const;

/** Flags of a frame. */
export const FRAME = { csumBlank: 1, dataValidated: 2 } as const;

/** The header of a call and of an answer, in bytes. */
export const HEADER_LENGTH = 8;
/** The longest body, in bytes: a frame of 64 kB and some words. */
const BODY_MAX = 128 * 1024;

/** Decodes a header; returns the operation and the length of the body. */
export function decodeHeader(header: Buffer): { operation: number; length: number } {
  const length = header.readUInt32LE(4);
  if (length > BODY_MAX)
    throw new ProgramError(`the program made a call of ${length} bytes; the longest one has ${BODY_MAX}`);
  return { operation: header.readUInt32LE(0), length };
}

/** Reads the fields of a call's body. */
export class Fields {
  #at = 0;

  constructor(private readonly body: Buffer) {}

  u32(): number {
    return this.#take(4).readUInt32LE();
  }

  bytes(): Buffer {
    return this.#take(this.u32());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.body.length) throw new ProgramError('the program made a call that ends within a field');
    const part = this.body.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

/** A field of an answer: a u32, or a byte string. */
export type Field = number | string | Uint8Array;

/** An answer: its result and the fields of its body. */
export function encodeAnswer(result: number, fields: readonly Field[]): Buffer {
  const parts = fields.flatMap((field) => {
    if (typeof field === 'number') return [word(field)];
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    return [word(bytes.length), bytes];
  });
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeInt32LE(result, 0);
  header.writeUInt32LE(
    parts.reduce((sum, { length }) => sum + length, 0),
    4,
  );
  return Buffer.concat([header, ...parts]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
