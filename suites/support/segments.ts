/** Large packets that are cut into segments, for both roles: where a cut falls, and what each segment says of itself. */
import { expect } from 'chai';
import type { Host } from '../../harness/packet/build.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { TCP_FLAG } from '../../harness/packet/tcp.js';
import { largeFrame, MSS } from './large-packets.js';

/** A packet that is cut: bytes of payload, and its first sequence number. */
export interface CutCase {
  readonly name: string;
  readonly length: number;
  readonly seq: number;
}

const USUAL = 1000;
const END = 2 ** 32;

/**
 * At least two segments, since a single one is no large packet (Linux drops it), and few enough for the buffers and queues
 * of a driver, which may drop what does not fit.
 */
export const CUT_CASES: readonly CutCase[] = [
  ...[2 * MSS - 1, 2 * MSS, 2 * MSS + 1, 3 * MSS].map((length) => ({
    name: `${length} bytes in segments of ${MSS}`,
    length,
    seq: USUAL,
  })),
  ...[1, MSS - 1, MSS, MSS + 1, 2 * MSS].map((before) => ({
    name: `a sequence number that wraps after ${before} bytes`,
    length: 2 * MSS + 100,
    seq: END - before,
  })),
];

/** The frame of a case from one host to another. */
export function frameOfCase(from: Host, to: Host, { length, seq }: CutCase, gsoType: number): Uint8Array {
  return largeFrame(from, to, length, gsoType, seq);
}

/** Asserts that segments continue each other: each begins where the one before it ends, and only the last may end the stream. */
export function expectContinuous(segments: readonly { readonly frame: Uint8Array }[], { name, seq }: CutCase): void {
  let next = seq;
  for (const { frame } of segments) {
    const it = decodeFrame(frame);
    if (!it.ok || it.value.kind !== 'tcp') continue;
    const { tcp } = it.value;
    expect(tcp.seq, `sequence number of a segment of ${name}`).to.equal(next);
    expect(tcp.flags & TCP_FLAG.ack, `ACK of a segment of ${name}`).to.equal(TCP_FLAG.ack);
    next = (next + tcp.payload.length) % END;
  }
}
