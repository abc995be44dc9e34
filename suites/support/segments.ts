/** Large packets that are cut into segments, for both roles: where a cut falls, and what each segment says of itself. */
import { expect } from 'chai';
import { type Host, tcpData } from '../../harness/packet/build.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { noncePayload } from '../../harness/packet/nonce.js';
import { TCP_FLAG } from '../../harness/packet/tcp.js';
import { GSO_TYPE } from '../../harness/protocol/netif.js';
import { MSS } from './large-packets.js';

/** A packet that is cut: bytes of payload, its first sequence number, and whether the stream ends with it. */
export interface CutCase {
  readonly name: string;
  readonly length: number;
  readonly seq: number;
  readonly isEnd?: boolean;
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
  { name: 'a packet with FIN', length: 2 * MSS + 200, seq: USUAL, isEnd: true },
];

/** The frame of a case from one host to another, with a blank checksum. */
export function frameOfCase(from: Host, to: Host, { length, seq, isEnd }: CutCase, gsoType: number): Uint8Array {
  const flags = TCP_FLAG.ack | TCP_FLAG.psh | (isEnd ? TCP_FLAG.fin : 0);
  const payload = noncePayload(length, length);
  return tcpData(from, to, { seq, payload, flags, ipv6: gsoType === GSO_TYPE.tcpv6, checksum: 'blank' });
}

/**
 * Asserts that segments continue each other: each begins where the one before it ends, and FIN, which ends the stream, is
 * set in the last one alone. An end may keep PSH in each segment or drop it. Each has a valid IPv4 header.
 */
export function expectContinuous(
  segments: readonly { readonly frame: Uint8Array }[],
  { name, length, seq, isEnd = false }: CutCase,
): void {
  const end = (seq + length) % END;
  let next = seq;
  for (const { frame } of segments) {
    const it = decodeFrame(frame);
    if (!it.ok || it.value.kind !== 'tcp') continue;
    const { ip, tcp } = it.value;
    if (ip.version === 4) expect(ip.checksum, `IPv4 header checksum of a segment of ${name}`).to.equal('complete');
    expect(tcp.seq, `sequence number of a segment of ${name}`).to.equal(next);
    expect(tcp.flags & TCP_FLAG.ack, `ACK of a segment of ${name}`).to.equal(TCP_FLAG.ack);
    next = (next + tcp.payload.length) % END;
    const isFin = (tcp.flags & TCP_FLAG.fin) !== 0;
    expect(isFin, `FIN of the segment of ${name} before ${next}`).to.equal(isEnd && next === end);
  }
}
