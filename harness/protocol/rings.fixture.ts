/** Helpers for the tests in this directory. */

import { expect } from 'chai';
import fc from 'fast-check';
import type { Decoded } from '../bytes/codec.js';

/** Bytes in hexadecimal; spaces only separate them. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

/** The value of a result that must be valid. */
export function valueOf<T>(answer: Decoded<T>): T {
  if (!answer.ok) expect.fail(`unexpectedly malformed: ${answer.reason}`);
  return answer.value;
}

/** The reason of a result that must be malformed. */
export function reasonOf(answer: Decoded<unknown>): string {
  if (answer.ok) expect.fail(`unexpectedly accepted: ${String(answer.value)}`);
  return answer.reason;
}

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const s16 = fc.integer({ min: -0x8000, max: 0x7fff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });

/** Holds if the decoder inverts the encoder, also if more bytes follow the struct. */
export function expectRoundTrip<T>(
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): void {
  fc.assert(
    fc.property(values, fc.uint8Array({ maxLength: 16 }), (value, rest) => {
      expect(valueOf(decode(Uint8Array.from([...encode(value), ...rest])))).to.deep.equal(value);
    }),
  );
}

/** Holds if any bytes give a result, which is malformed whenever there are fewer than `size` bytes. */
export function expectSurvival(size: number, decode: (bytes: Uint8Array) => Decoded<unknown>): void {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2 * size }), (bytes) => {
      const answer = decode(bytes);
      if (bytes.length < size) expect(reasonOf(answer)).to.match(/\d+ bytes of \d+/);
    }),
  );
}

/** Holds if every struct of exactly these bytes is encoded again to the same bytes. */
export function expectLossless<T>(
  size: number,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): void {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
      expect(encode(valueOf(decode(bytes)))).to.deep.equal(bytes);
    }),
  );
}
