/** Frames of a trace as a capture file for Wireshark (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3). */
import type { TraceStep } from '../harness/xen/traced.js';

const BLOCK = { section: 0x0a0d0d0a, interface: 1, packet: 6 } as const;
const BYTE_ORDER = 0x1a2b3c4d;
const ETHERNET = 1;
const OPTION_FLAGS = 2;
/** Directions as seen from the harness. */
const DIRECTION = { in: 1, out: 2 } as const;

/**
 * A capture of the frames in a trace; undefined if there are none. Times are microseconds of the harness's clock, whose
 * epoch is arbitrary.
 */
export function pcapng(trace: readonly TraceStep[]): Buffer | undefined {
  const packets = trace.flatMap(({ at, from, frame }) => {
    if (!frame) return [];
    const bytes = Buffer.from(frame.bytes, 'base64');
    const time = BigInt(Math.round(at * 1000));
    const head = words(0, Number(time >> 32n), Number(time & 0xffffffffn), bytes.length, frame.length);
    const flags = Buffer.concat([option(OPTION_FLAGS, 4), words(from === 'harness' ? DIRECTION.out : DIRECTION.in)]);
    return [block(BLOCK.packet, Buffer.concat([head, padded(bytes), flags, option(0, 0)]))];
  });
  if (packets.length === 0) return undefined;
  const section = block(BLOCK.section, Buffer.concat([words(BYTE_ORDER), halves(1, 0), words(0xffffffff, 0xffffffff)]));
  const linked = block(BLOCK.interface, Buffer.concat([halves(ETHERNET, 0), words(0)]));
  return Buffer.concat([section, linked, ...packets]);
}

function block(type: number, body: Buffer): Buffer {
  const length = body.length + 12;
  return Buffer.concat([words(type, length), body, words(length)]);
}

function option(code: number, length: number): Buffer {
  return halves(code, length);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, n) => bytes.writeUInt32LE(value, 4 * n));
  return bytes;
}

function halves(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, n) => bytes.writeUInt16LE(value, 2 * n));
  return bytes;
}
