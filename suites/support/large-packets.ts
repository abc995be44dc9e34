/** TCP packets that are larger than a segment, for both roles' chapters of GSO. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { type Host, tcpData } from '../../harness/packet/build.js';
import { ETHERNET_HEADER, LARGEST_FRAME, VLAN_TAG } from '../../harness/packet/ethernet.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { noncePayload } from '../../harness/packet/nonce.js';
import type { Extra, ExtraGso } from '../../harness/protocol/extra.js';
import { GSO_TYPE } from '../../harness/protocol/netif.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { isOfFlow } from './flows.js';
import { arrives, sendUntilArrival } from './losses.js';
import type { Signal, WaitOptions } from '../../harness/xen/wait.js';

/** Bytes of payload in one segment. */
export const MSS = 1400;
/** Bytes of payload in a large packet: seven full segments and a short one. */
export const LARGE = 7 * MSS + 100;
/** Bytes of the headers of a large packet over IPv4: Ethernet, IPv4 and TCP. */
export const LARGE_HEADERS = 14 + 20 + 20;
/** Bytes of the largest payload: with Ethernet, IPv4 and TCP headers the packet has 65,535 bytes. */
export const LARGEST = 65_535 - ETHERNET_HEADER - 20 - 20;
/** Bytes of a frame at the usual MTU, with a VLAN tag. */
export const MTU_FRAME = LARGEST_FRAME + VLAN_TAG;

/** The GSO extra of a large packet; `change` replaces fields with wrong values. */
export function gsoExtra(gsoType: number, change: Partial<ExtraGso> = {}): ExtraGso {
  return { type: 'gso', flags: 0, size: MSS, gsoType, pad: 0, features: 0, ...change };
}

/** A TCP frame with `length` bytes of payload and a blank checksum; over IPv6 if `gsoType` says so. */
export function largeFrame(from: Host, to: Host, length: number, gsoType: number, seq = 1000): Uint8Array {
  const ipv6 = gsoType === GSO_TYPE.tcpv6;
  return tcpData(from, to, { seq, payload: noncePayload(length, length), ipv6, checksum: 'blank' });
}

/** The payload of a TCP segment; empty for any other frame. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'tcp' ? it.value.tcp.payload : new Uint8Array();
}

/** Whether a frame is a segment with payload of the flow of `sent`: other TCP may cross the same link. */
export function isPiece(found: Uint8Array, sent: Uint8Array): boolean {
  return isOfFlow(found, sent) && payloadOf(found).length > 0;
}

/** Whether a packet holds bytes of a large one and is neither that packet nor a segment of it. */
export function isPart(found: Uint8Array, large: Uint8Array): boolean {
  const whole = Buffer.from(large.buffer, large.byteOffset, large.length);
  return found.length >= 32 && payloadOf(found).length === 0 && whole.includes(Buffer.from(found.subarray(-32)));
}

/** The packets that leave the bridge at the far side. */
export interface Receiver<P> {
  readonly received: P[];
  readonly arrived: Signal;
  until<T>(what: string, probe: () => T | undefined | false, options: WaitOptions): Promise<T>;
}

/**
 * Waits for a large packet, in one piece or in segments whose payloads add up to its own. Removes its pieces from
 * `received` and returns them.
 */
function arrivedLarge<P extends { readonly frame: Uint8Array }>(to: Receiver<P>, frame: Uint8Array): Promise<P[]> {
  return to.until(
    'large packet or all of its segments',
    () => {
      const all = piecesIn(to, frame);
      // A bridge may duplicate a packet.
      const pieces = all.filter((piece, n) => all.findIndex((each) => sameBytes(each.frame, piece.frame)) === n);
      const bytes = Buffer.concat(pieces.map((piece) => payloadOf(piece.frame)));
      if (!sameBytes(bytes, payloadOf(frame))) return undefined;
      for (const piece of all) to.received.splice(to.received.indexOf(piece), 1);
      return pieces;
    },
    { on: [to.arrived] },
  );
}

const piecesIn = <P extends { readonly frame: Uint8Array }>({ received }: Receiver<P>, sent: Uint8Array): P[] =>
  received.filter(({ frame }) => isPiece(frame, sent));

/** Like {@link arrivedLarge}, for a frame that `send` sends. Sends it again if the guest loses it or a part of it. */
export function largeAfter<P extends { readonly frame: Uint8Array }>(
  to: Receiver<P>,
  frame: Uint8Array,
  send: () => Promise<unknown>,
): Promise<P[]> {
  return sendUntilArrival(
    () => {
      // Segments of a packet that is lost are not taken for those of the next.
      for (const piece of piecesIn(to, frame)) to.received.splice(to.received.indexOf(piece), 1);
      return send();
    },
    () => arrivedLarge(to, frame),
  );
}

/** A peer that can send through a bridge; lays a frame out as its role does. */
export interface Sender {
  readonly link: { readonly peer: Host };
  send(
    frame: Uint8Array,
    shape: { readonly flags: number; readonly extras: readonly Extra[]; readonly fragments?: readonly number[] },
  ): Promise<void>;
}

/**
 * Sends a large packet (`length` bytes of payload, `flags` in its first slot) and returns the packets that leave the
 * bridge. `first` are the lengths of its first slots; the rest is in slots of a page (default: all of it).
 */
export function throughLarge<P extends { readonly frame: Uint8Array }>(
  from: Sender,
  to: Sender & Receiver<P>,
  flags: number,
  gsoType: number,
  length: number,
  first: readonly number[] = [],
): Promise<P[]> {
  const frame = largeFrame(from.link.peer, to.link.peer, length, gsoType);
  const fragments = first.length > 0 ? { fragments: inPages(frame.length, first) } : {};
  return largeAfter(to, frame, () => from.send(frame, { flags, extras: [gsoExtra(gsoType)], ...fragments }));
}

/**
 * Like {@link throughLarge}, for a receiver that accepts no large packets. A driver may drop segments for which its own
 * queue has no room, so a packet that never arrives whole is followed by one of two segments.
 */
export async function throughCut<P extends { readonly frame: Uint8Array }>(
  from: Sender,
  to: Sender & Receiver<P>,
  flags: number,
  gsoType: number,
): Promise<P[]> {
  const packets: P[] = [];
  const isWhole = await arrives(
    throughLarge(from, to, flags, gsoType, LARGE).then((segments) => packets.push(...segments)),
  );
  return isWhole ? packets : throughLarge(from, to, flags, gsoType, MSS + 100);
}

/** The lengths of the slots of a packet: `first`, then slots of a page. */
function inPages(length: number, first: readonly number[]): number[] {
  const lengths = [...first];
  for (let rest = first.reduce((left, each) => left - each, length); rest > 0; rest -= PAGE_SIZE) {
    lengths.push(Math.min(rest, PAGE_SIZE));
  }
  return lengths;
}

/** A frame in so many fragments of about the same size. */
export function inSlots(frame: Uint8Array, count: number): { readonly fragments: readonly number[] } {
  const size = Math.floor(frame.length / count);
  const first = frame.length - (count - 1) * size;
  return { fragments: [first, ...Array<number>(count - 1).fill(size)] };
}

/** The single packet as which a large one came out; skips the test if the guest segmented it. */
export function unsegmented<P>(t: { skip(reason: string): never }, packets: readonly P[]): P {
  const [packet] = packets;
  return packet && packets.length === 1 ? packet : t.skip('the guest segments large packets');
}

/** The GSO extra of a packet, if it has one. */
export function gsoOf(packet: { readonly extras: readonly Extra[] }): ExtraGso | undefined {
  return packet.extras.find((extra) => extra.type === 'gso');
}

/**
 * Checks that a GSO extra of `gsoType` describes a packet. The size is a maximum: an end may cut into smaller segments
 * than the sender asked for.
 */
export function describes(packet: { readonly extras: readonly Extra[] }, gsoType: number): void {
  const extra = gsoOf(packet) ?? expect.fail('no GSO extra');
  expect(extra.gsoType, 'type of the GSO extra').to.equal(gsoType);
  expect(extra.size, 'payload of a segment').to.be.within(1, MSS);
}
