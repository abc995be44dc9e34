import { viewOf } from '../protocol/codec.js';

/** Writes a big-endian number of 8, 16 or 32 bits. Throws a RangeError on one that doesn't fit: a caller's mistake. */
export function putNumber(into: Uint8Array, bits: 8 | 16 | 32, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw new RangeError(`${value} is no number of ${bits} bits`);
  const view = viewOf(into);
  if (bits === 8) view.setUint8(offset, value);
  else if (bits === 16) view.setUint16(offset, value);
  else view.setUint32(offset, value);
}

/** Writes a field of bytes that has a fixed size. Throws a RangeError on any other length: a caller's mistake. */
export function putField(into: Uint8Array, offset: number, field: Uint8Array, size: number): void {
  if (field.length !== size) throw new RangeError(`a field of ${size} bytes was given ${field.length}`);
  into.set(field, offset);
}

/** Throws a RangeError if options don't fill whole words, or more than the 40 bytes that a header has for them. */
export function checkOptions(options: Uint8Array): void {
  if (options.length > 40 || options.length % 4 !== 0) throw new RangeError(`options of ${options.length} bytes`);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
