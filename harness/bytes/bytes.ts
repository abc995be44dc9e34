/** Writes a big-endian number of 8, 16 or 32 bits. Throws a RangeError, a bug of the caller, if it does not fit. */
export function putNumber(into: Uint8Array, bits: 8 | 16 | 32, offset: number, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits)
    throw new RangeError(`${value} does not fit in ${bits} bits`);
  for (let at = offset, shift = bits - 8; shift >= 0; at++, shift -= 8) into[at] = value >>> shift;
}

/**
 * Reads a big-endian number of 8, 16 or 32 bits; bytes after the end count as 0.
 *
 * Byte by byte: a DataView costs more than reading a whole header, since it moves a small array out of V8's heap.
 */
export function getNumber(from: Uint8Array, bits: 8 | 16 | 32, offset: number): number {
  let value = 0;
  for (let at = offset; at < offset + bits / 8; at++) value = value * 0x100 + (from[at] ?? 0);
  return value;
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
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
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
