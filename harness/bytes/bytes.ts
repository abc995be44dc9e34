import { viewOf } from './codec.js';

/** Writes a big-endian number of 8, 16 or 32 bits. Throws a RangeError, a bug of the caller, if it does not fit. */
export function putNumber(into: Uint8Array, bits: 8 | 16 | 32, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw new RangeError(`${value} does not fit in ${bits} bits`);
  const view = viewOf(into);
  if (bits === 8) view.setUint8(offset, value);
  else if (bits === 16) view.setUint16(offset, value);
  else view.setUint32(offset, value);
}

/** Writes a byte field of fixed size. Throws a RangeError, a bug of the caller, on any other length. */
export function putField(into: Uint8Array, offset: number, field: Uint8Array, size: number): void {
  if (field.length !== size) throw new RangeError(`expected a field of ${size} bytes, got ${field.length}`);
  into.set(field, offset);
}

/**
 * Throws a RangeError if options are not a multiple of 4 bytes, or longer than the 40 bytes that a header has for them.
 */
export function checkOptions(options: Uint8Array): void {
  if (options.length > 40 || options.length % 4 !== 0)
    throw new RangeError(`${options.length} bytes of options: expected a multiple of 4, at most 40`);
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
