/** Packets with each kind of checksum through a bridge, for the chapters of both roles. */
import { demanded } from '../../harness/xen/wait.js';
import { expect } from 'chai';
import type { TestContext } from '../../harness/run/suite.js';
import { type Host, tcpSyn, udp4, udp6 } from '../../harness/packet/build.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import { sendUntilArrival } from './losses.js';

/** The checksums that a datagram may be sent with, and what a test title calls each. */
export const UDP_CHECKSUMS = {
  blank: 'a blank checksum',
  complete: 'a complete checksum',
  none: 'no checksum',
} as const;

type UdpChecksum = keyof typeof UDP_CHECKSUMS;

/** A peer at one end of a bridge. */
export interface End<P, S> {
  readonly link: { readonly peer: Host };
  send(frame: Uint8Array, shape: S): Promise<void>;
  receive(what: string, accept: (packet: P) => boolean): Promise<P>;
}

/** Where the checksum of a datagram is in a frame without IP options, and its payload. */
const CHECKSUM = { 4: 14 + 20 + 6, 6: 14 + 40 + 6 } as const;

/** A datagram that is sent through a bridge. */
interface Datagram {
  readonly version: 4 | 6;
  readonly checksum: UdpChecksum;
  readonly payload?: Uint8Array;
}

function datagramOf<P, S>(
  [from, to]: readonly [End<P, S>, End<P, S>],
  { version, checksum, payload = new Uint8Array(33) }: Datagram,
): Uint8Array {
  const datagram = { sport: SPORT['UDP datagram'], dport: 9, payload, checksum };
  return (version === 4 ? udp4 : udp6)(from.link.peer, to.link.peer, datagram);
}

/** A payload like this one whose datagram has `sum` as the sum that is inverted to make its checksum. */
function payloadWithSum<P, S>(
  peers: readonly [End<P, S>, End<P, S>],
  { version, payload }: Pick<SumCases, 'version' | 'payload'>,
  sum: number,
): Uint8Array {
  const bytes = Uint8Array.from(payload);
  const word = new DataView(bytes.buffer);
  word.setUint16(0, 0);
  const plain = datagramOf(peers, { version, checksum: 'complete', payload: bytes });
  const others = ~new DataView(plain.buffer, plain.byteOffset).getUint16(CHECKSUM[version]) & 0xffff;
  // Ones' complement arithmetic is that modulo 0xffff.
  word.setUint16(0, (sum + 0xffff - others) % 0xffff);
  return bytes;
}

/** What {@link checkZeroSums} and {@link checkCarries} send and see. */
interface SumShapes<P, S> {
  readonly shapes: Readonly<Record<'blank' | 'complete', S>>;
  readonly saysBlank: (packet: P) => boolean;
}

/**
 * Checks that a UDP checksum that computes to 0 comes out of a bridge as 0xffff (RFC 768), whether the driver computes it
 * or passes it on. A driver may leave a checksum blank, and over IPv4 it may send none: then the test is skipped.
 */
export function checkZeroSums<P extends { readonly frame: Uint8Array }, S>(
  t: Pick<TestContext<never>, 'check' | 'info' | 'skip'>,
  peers: readonly [End<P, S>, End<P, S>],
  version: 4 | 6,
  shapes: SumShapes<P, S>,
): Promise<void> {
  return checkSums(t, peers, { version, payload: new Uint8Array(33), sums: [0xffff] }, shapes);
}

/** Sums of a long datagram of ones that exceed 16 bits once more when their carries are added, in either byte order. */
const CARRY_AGAIN = [0x0001, 0x0100, 0x0101];

/**
 * Checks that a UDP checksum is right, whether the driver computes it or passes it on, if the carries of its sum carry
 * again (RFC 1071). Skips the test where {@link checkZeroSums} does.
 */
export function checkCarries<P extends { readonly frame: Uint8Array }, S>(
  t: Pick<TestContext<never>, 'check' | 'info' | 'skip'>,
  peers: readonly [End<P, S>, End<P, S>],
  version: 4 | 6,
  shapes: SumShapes<P, S>,
): Promise<void> {
  return checkSums(t, peers, { version, payload: new Uint8Array(1400).fill(0xff), sums: CARRY_AGAIN }, shapes);
}

/** Sums for datagrams with payloads of the same length. */
interface SumCases {
  readonly version: 4 | 6;
  readonly payload: Uint8Array;
  readonly sums: readonly number[];
}

async function checkSums<P extends { readonly frame: Uint8Array }, S>(
  t: Pick<TestContext<never>, 'check' | 'info' | 'skip'>,
  peers: readonly [End<P, S>, End<P, S>],
  { sums, ...datagram }: SumCases,
  { shapes, saysBlank }: SumShapes<P, S>,
): Promise<void> {
  let checked = 0;
  for (const checksum of ['blank', 'complete'] as const) {
    const through = (payload: Uint8Array): Promise<P> =>
      throughUdp(peers, { ...datagram, checksum, payload }, shapes[checksum]);
    const usual = await demanded([checksum === 'blank' ? 'CSUM-06' : 'CSUM-10'], through(datagram.payload));
    if (saysBlank(usual) || udpChecksum(usual.frame) !== 'complete') {
      t.info(`a ${checksum} checksum comes out ${saysBlank(usual) ? 'blank' : udpChecksum(usual.frame)}`);
      continue;
    }
    checked++;
    await t.check(checksum === 'blank' ? 'CSUM-06' : 'CSUM-10', async () => {
      for (const sum of sums) {
        const { frame } = await through(payloadWithSum(peers, datagram, sum));
        expect(udpChecksum(frame), `${checksum} checksum`).to.equal('complete');
      }
    });
  }
  if (checked === 0) t.skip('no checksum comes out complete');
}

/** Sends a datagram into a bridge and returns what comes out. */
export function throughUdp<P extends { readonly frame: Uint8Array }, S>(
  peers: readonly [End<P, S>, End<P, S>],
  datagram: Datagram,
  shape: S,
): Promise<P> {
  return throughBridge('UDP datagram', peers, datagramOf(peers, datagram), shape);
}

/** Sends a SYN into a bridge and returns what comes out. */
export function throughSyn<P extends { readonly frame: Uint8Array }, S>(
  [from, to]: readonly [End<P, S>, End<P, S>],
  checksum: 'blank' | 'complete',
  shape: S,
  ipv6 = false,
): Promise<P> {
  const syn = { sport: SPORT.SYN, dport: 9, seq: 1, checksum, ipv6 };
  return throughBridge('SYN', [from, to], tcpSyn(from.link.peer, to.link.peer, syn), shape);
}

/** The source ports by which the packets are found among those that the guest sends on its own. */
const SPORT = { SYN: 0xc001, 'UDP datagram': 0xc003 } as const;

/** The source port of a TCP or UDP packet. */
function sportOf(frame: Uint8Array): number | undefined {
  const it = decodeFrame(frame);
  if (!it.ok) return undefined;
  return it.value.kind === 'tcp' ? it.value.tcp.sport : it.value.kind === 'udp' ? it.value.udp.sport : undefined;
}

function throughBridge<P extends { readonly frame: Uint8Array }, S>(
  what: keyof typeof SPORT,
  [from, to]: readonly [End<P, S>, End<P, S>],
  frame: Uint8Array,
  shape: S,
): Promise<P> {
  const checksumOf = what === 'SYN' ? tcpChecksum : udpChecksum;
  return sendUntilArrival(
    () => from.send(frame, shape),
    () => to.receive(what, ({ frame }) => checksumOf(frame) !== undefined && sportOf(frame) === SPORT[what]),
  );
}
