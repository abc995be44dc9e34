/** Packets of several kinds that are published together: each passes as if it had been alone. */
import { expect } from 'chai';
import { type Host, noncePayload, tcpData, udp4, withOptions } from '../../harness/packet/build.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import type { Extra } from '../../harness/protocol/extra.js';
import { GSO_TYPE, KEY, TX_BLANK } from '../../harness/protocol/netif.js';
import { cut } from './frame-shapes.js';
import { gsoExtra, gsoOf, payloadOf } from './large-packets.js';

/** How a packet is written to the ring. */
interface Shape {
  readonly flags?: number;
  readonly extras?: readonly Extra[];
  readonly fragments?: readonly number[];
}

/** A packet of a kind: its number sets its payload and, for TCP, its place in the sequence numbers. */
export interface Kind {
  readonly name: string;
  /** The keys of a backend that accepts it. */
  readonly needs: readonly string[];
  /** The type of a large packet, and the payload of its segments. */
  readonly gso?: { readonly type: number; readonly size: number };
  readonly payload: number;
  readonly make: (from: Host, to: Host, payload: Uint8Array, seq: number) => Uint8Array;
  readonly shapeOf: (frame: Uint8Array) => Shape;
}

const large = (name: string, type: number, size: number, needs: readonly string[]): Kind => ({
  name: `${name} in segments of ${size} bytes`,
  needs: [KEY.featureSg, ...needs],
  gso: { type, size },
  // Two segments: a driver may drop what does not fit into a short queue.
  payload: size + 300,
  make: (from, to, payload, seq) =>
    tcpData(from, to, { seq, payload, ipv6: type === GSO_TYPE.tcpv6, checksum: 'blank' }),
  shapeOf: () => ({ flags: TX_BLANK, extras: [gsoExtra(type, { size })] }),
});

const datagram = (from: Host, to: Host, payload: Uint8Array): Uint8Array =>
  udp4(from, to, { sport: 0xc003, dport: 9, payload });

/** The kinds, the largest segments first: a driver may keep the size of the first large packet. */
export const MIXED: readonly Kind[] = [
  large('TCP over IPv4', GSO_TYPE.tcpv4, 1400, [KEY.featureGsoTcpv4]),
  large('TCP over IPv4', GSO_TYPE.tcpv4, 536, [KEY.featureGsoTcpv4]),
  large('TCP over IPv6', GSO_TYPE.tcpv6, 1000, [KEY.featureGsoTcpv6]),
  {
    name: 'TCP with a complete checksum',
    needs: [],
    payload: 1300,
    make: (from, to, payload, seq) => tcpData(from, to, { seq, payload }),
    shapeOf: () => ({}),
  },
  {
    name: 'TCP with a blank checksum',
    needs: [`!${KEY.featureNoCsumOffload}`],
    payload: 700,
    make: (from, to, payload, seq) => tcpData(from, to, { seq, payload, checksum: 'blank' }),
    shapeOf: () => ({ flags: TX_BLANK }),
  },
  {
    name: 'UDP in three slots',
    needs: [KEY.featureSg],
    payload: 601,
    make: datagram,
    shapeOf: (frame) => ({ fragments: cut(frame, [60, 200]) }),
  },
  {
    name: 'UDP with IP options',
    needs: [],
    payload: 90,
    make: (from, to, payload) => withOptions(datagram(from, to, payload)),
    shapeOf: () => ({}),
  },
];

/** One packet of a kind. */
export interface Mixed {
  readonly kind: Kind;
  readonly frame: Uint8Array;
  readonly shape: Shape;
  readonly payload: Uint8Array;
  readonly seq: number;
}

/** Sequence numbers of two packets are so far apart that no end merges them. */
const APART = 0x20000;
let made = 0;

/** A packet of a kind that differs from every other one. */
export function mixedPacket(from: Host, to: Host, kind: Kind): Mixed {
  const seq = (++made * APART) % 2 ** 32;
  const payload = noncePayload(made, kind.payload);
  const frame = kind.make(from, to, payload, seq);
  return { kind, frame, shape: kind.shapeOf(frame), payload, seq };
}

/** Those of some packets that came out which hold the data of a mixed packet; undefined while some of it is missing. */
export function piecesOf<P extends { readonly frame: Uint8Array }>(
  { payload, seq }: Mixed,
  received: readonly P[],
): P[] | undefined {
  const missing = new Set(payload.keys());
  const pieces = received.filter(({ frame }) => {
    const it = decodeFrame(frame);
    if (!it.ok || (it.value.kind !== 'tcp' && it.value.kind !== 'udp')) return false;
    const isTcp = it.value.kind === 'tcp';
    const data = it.value.kind === 'tcp' ? it.value.tcp.payload : it.value.udp.payload;
    const at = it.value.kind === 'tcp' ? (it.value.tcp.seq - seq) >>> 0 : 0;
    if (data.length === 0 || at >= payload.length || (!isTcp && data.length !== payload.length)) return false;
    if (!data.every((byte, n) => byte === payload[at + n])) return false;
    for (let n = 0; n < data.length; n++) missing.delete(at + n);
    return true;
  });
  return missing.size === 0 ? pieces : undefined;
}

/** A packet as it came out. */
interface CameOut {
  readonly frame: Uint8Array;
  readonly extras: readonly Extra[];
  /** Whether it is flagged csum_blank. */
  readonly isBlank: boolean;
}

type Check = (mixed: Mixed, pieces: readonly CameOut[]) => void;

const isUdp = ({ frame }: CameOut): boolean => udpChecksum(frame) !== undefined;

/** By its requirement: what the pieces as which a packet came out must say of themselves. */
export const TRUE_OF = {
  'GSO-08': ({ kind: { name } }, pieces) => {
    for (const piece of pieces.filter(gsoOf))
      expect(piece.isBlank, `${name}: csum_blank of a packet with a GSO extra`).to.equal(true);
  },
  'GSO-05': ({ kind: { name, gso } }, pieces) => {
    for (const piece of pieces) {
      const extra = gsoOf(piece);
      const types = gso ? [gso.type] : isUdp(piece) ? [] : [GSO_TYPE.tcpv4];
      if (extra) expect(extra.gsoType, `${name}: type of a GSO extra`).to.be.oneOf(types);
    }
  },
  'GSO-06': ({ kind: { name, gso } }, pieces) => {
    for (const piece of gso ? pieces : []) {
      const most = gsoOf(piece)?.size ?? payloadOf(piece.frame).length;
      expect(most, `${name}: payload of a segment`).to.be.within(1, gso?.size ?? most);
    }
  },
  'CSUM-10': ({ kind: { name } }, pieces) => {
    for (const piece of pieces.filter(({ isBlank }) => !isBlank)) {
      const sums = isUdp(piece) ? ['complete', 'none'] : ['complete'];
      expect(udpChecksum(piece.frame) ?? tcpChecksum(piece.frame), `${name}: checksum`).to.be.oneOf(sums);
    }
  },
} as const satisfies Readonly<Record<string, Check>>;
