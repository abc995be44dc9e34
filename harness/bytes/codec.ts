/**
 * Little-endian structs described by tables of offsets, and the result type of all decoders.
 *
 * A decoder reads bytes of another domain: it returns a value or a reason, and never throws. An encoder writes values
 * of netifspec: a value that does not fit its field is a bug, reported as a RangeError.
 */

/** The result of decoding bytes or text that the driver under test wrote; `reason` is one line for people. */
export type Decoded<T> = { ok: true; value: T } | { ok: false; reason: string };

export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function malformed<T = never>(reason: string): Decoded<T> {
  return { ok: false, reason };
}

type FieldType = 'u8' | 'u16' | 's16' | 'u32';

/** The offset of a field in its struct, in bytes, and its type. */
export type Field = readonly [offset: number, type: FieldType];

/** Bytes of a field, and the range of its values. */
const TYPES: Readonly<Record<FieldType, { readonly width: number; readonly min: number; readonly max: number }>> = {
  u8: { width: 1, min: 0, max: 0xff },
  u16: { width: 2, min: 0, max: 0xffff },
  s16: { width: 2, min: -0x8000, max: 0x7fff },
  u32: { width: 4, min: 0, max: 0xffffffff },
};

/** A struct with numeric fields only. */
export interface Struct<K extends string> {
  readonly name: string;
  /** Size of the struct in bytes. */
  readonly bytes: number;
  /** Encodes all fields; bytes without a field are 0. Throws a RangeError if a value does not fit its field. */
  encode(value: Readonly<Record<K, number>>): Uint8Array;
  /** Decodes the struct at the start of `bytes`; malformed if there are too few. */
  decode(bytes: Uint8Array): Decoded<Record<K, number>>;
}

/** Creates the struct of `size` bytes with these fields. */
export function struct<K extends string>(name: string, size: number, fields: Readonly<Record<K, Field>>): Struct<K> {
  const table = (Object.entries(fields) as [K, Field][]).map(([key, [offset, type]]) => ({
    key,
    offset,
    type,
    ...TYPES[type],
  }));
  for (const { key, offset, width } of table) {
    if (offset + width > size) throw new RangeError(`${name}: ${key} is outside the ${size} bytes of the struct`);
  }
  return {
    name,
    bytes: size,
    encode(value) {
      const bytes = new Uint8Array(size);
      for (const { key, offset, type, width, min, max } of table) {
        const number = value[key];
        if (!Number.isInteger(number) || number < min || number > max) {
          throw new RangeError(`${name}: ${key} ${number} is not a ${type}`);
        }
        write(bytes, offset, width, number);
      }
      return bytes;
    },
    decode(bytes) {
      const short = tooShort(name, bytes, size);
      if (short !== undefined) return malformed(short);
      const value = {} as Record<K, number>;
      for (const { key, offset, width, max } of table) value[key] = read(bytes, offset, width, max);
      return decoded(value);
    },
  };
}

/** Encodes an array of structs. Throws a RangeError on more than `max`. */
export function encodeArray<K extends string>(
  entry: Struct<K>,
  values: readonly Readonly<Record<K, number>>[],
  max: number,
): Uint8Array {
  if (values.length > max) throw new RangeError(`${entry.name}: ${values.length} entries, at most ${max} fit`);
  const bytes = new Uint8Array(values.length * entry.bytes);
  values.forEach((value, index) => bytes.set(entry.encode(value), index * entry.bytes));
  return bytes;
}

/** Decodes `count` structs from the start of `bytes`; malformed if there are more than `max`, or too few bytes. */
export function decodeArray<K extends string>(
  entry: Struct<K>,
  bytes: Uint8Array,
  count: number,
  max: number,
): Decoded<Record<K, number>[]> {
  if (!Number.isInteger(count) || count < 0 || count > max) {
    return malformed(`${entry.name}: ${count} entries, expected 0 to ${max}`);
  }
  const values: Record<K, number>[] = [];
  for (let index = 0; index < count; index++) {
    const one = entry.decode(bytes.subarray(index * entry.bytes));
    if (!one.ok) return malformed(`entry ${index}: ${one.reason}`);
    values.push(one.value);
  }
  return decoded(values);
}

/** The reason why `bytes` are too short for the struct `name`; undefined if they are not. */
export function tooShort(name: string, bytes: Uint8Array, size: number): string | undefined {
  return bytes.length < size ? `${name}: ${bytes.length} bytes of ${size}` : undefined;
}

/** A DataView of exactly these bytes, at any offset in their buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The name of `value` in the header (`notSupported` is `not_supported`); undefined if the table does not have it. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  const entry = Object.entries(table).find(([, number]) => number === value);
  return entry && snakeCase(entry[0]);
}

/** A value and its name, if the table has it: `2 (invalid_parameter)`. */
export function printNamed(table: Readonly<Record<string, number>>, value: number): string {
  const name = nameOf(table, value);
  return name === undefined ? String(value) : `${value} (${name})`;
}

/** The names of the set bits, in the order of the table, and the remaining bits in hex: `csum_blank|more_data|0x40`. */
export function printFlags(table: Readonly<Record<string, number>>, flags: number): string {
  const names = Object.entries(table)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => snakeCase(name));
  const rest = Object.values(table).reduce((left, bit) => left & ~bit, flags);
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names.join('|') || '0';
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

// Byte by byte: creating a DataView for each slot costs more than reading all its fields.
function read(bytes: Uint8Array, offset: number, width: number, max: number): number {
  let value = 0;
  for (let at = offset + width - 1; at >= offset; at--) value = value * 0x100 + (bytes[at] ?? 0);
  // Above the largest value of a signed type.
  return value > max ? value - 2 ** (8 * width) : value;
}

function write(bytes: Uint8Array, offset: number, width: number, value: number): void {
  for (let at = 0; at < width; at++) bytes[offset + at] = value >> (8 * at);
}
