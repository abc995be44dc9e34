/**
 * Little-endian structs described by offset tables, and the answer that every decoder gives.
 *
 * The bytes that a decoder reads are another domain's: it answers with a value or with a reason, and never throws.
 * The values that an encoder writes are our own: one that doesn't fit its field is a mistake here, a RangeError.
 */

/** What a decoder made of bytes or text that the other end wrote; `reason` is one line for people. */
export type Decoded<T> = { ok: true; value: T } | { ok: false; reason: string };

export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function malformed<T = never>(reason: string): Decoded<T> {
  return { ok: false, reason };
}

type FieldType = 'u8' | 'u16' | 's16' | 'u32';

/** Where a field lies, in bytes from the start of its struct, and how wide it is. */
export type Field = readonly [offset: number, type: FieldType];

const WIDTH: Record<FieldType, number> = { u8: 1, u16: 2, s16: 2, u32: 4 };
const RANGE: Record<FieldType, readonly [min: number, max: number]> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  s16: [-0x8000, 0x7fff],
  u32: [0, 0xffffffff],
};

/** A struct whose fields are all numbers. */
export interface Struct<K extends string> {
  readonly name: string;
  /** Size of the struct in bytes. */
  readonly bytes: number;
  /** Writes each field, zero elsewhere. Throws a RangeError on a value that doesn't fit its field. */
  encode(value: Readonly<Record<K, number>>): Uint8Array;
  /** Reads the struct at the start of `bytes`; malformed when there are too few. */
  decode(bytes: Uint8Array): Decoded<Record<K, number>>;
}

/** Describes a struct of `size` bytes by its fields. */
export function struct<K extends string>(name: string, size: number, fields: Readonly<Record<K, Field>>): Struct<K> {
  const table = Object.entries(fields) as [K, Field][];
  for (const [field, [offset, type]] of table) {
    if (offset + WIDTH[type] > size) throw new RangeError(`${name}: ${field} lies outside of ${size} bytes`);
  }
  return {
    name,
    bytes: size,
    encode(value) {
      const bytes = new Uint8Array(size);
      for (const [field, [offset, type]] of table) {
        const [min, max] = RANGE[type];
        const number = value[field];
        if (!Number.isInteger(number) || number < min || number > max) {
          throw new RangeError(`${name}: ${field} ${number} is not a ${type}`);
        }
        write(bytes, offset, type, number);
      }
      return bytes;
    },
    decode(bytes) {
      const short = tooShort(name, bytes, size);
      if (short !== undefined) return malformed(short);
      const value = {} as Record<K, number>;
      for (const [field, [offset, type]] of table) value[field] = read(bytes, offset, type);
      return decoded(value);
    },
  };
}

/** Encodes structs one after the other. Throws a RangeError on more than `max`. */
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

/** Decodes `count` structs from the start of `bytes`; malformed on more than `max`, or more than there are bytes for. */
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

/** The reason why `bytes` can't hold the struct `name`, or undefined if they can. */
export function tooShort(name: string, bytes: Uint8Array, size: number): string | undefined {
  return bytes.length < size ? `${name}: ${bytes.length} bytes of ${size}` : undefined;
}

/** A DataView of exactly these bytes, wherever they lie in their buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The header's name of `value` in a table of constants (`notSupported` is `not_supported`), or undefined. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  const entry = Object.entries(table).find(([, number]) => number === value);
  return entry && snakeCase(entry[0]);
}

/** A value with its name, if the table has one: `2 (invalid_parameter)`. */
export function printNamed(table: Readonly<Record<string, number>>, value: number): string {
  const name = nameOf(table, value);
  return name === undefined ? String(value) : `${value} (${name})`;
}

/** The names of the bits that are set, in the table's order, and the other bits in hex: `csum_blank|more_data|0x40`. */
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

// Byte by byte: a DataView for each slot takes longer than all its fields.
function read(bytes: Uint8Array, offset: number, type: FieldType): number {
  let value = 0;
  for (let at = offset + WIDTH[type] - 1; at >= offset; at--) value = value * 0x100 + (bytes[at] ?? 0);
  return type === 's16' && value > 0x7fff ? value - 0x10000 : value;
}

function write(bytes: Uint8Array, offset: number, type: FieldType, value: number): void {
  for (let at = 0; at < WIDTH[type]; at++) bytes[offset + at] = value >> (8 * at);
}
