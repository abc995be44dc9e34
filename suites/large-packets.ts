/** TCP packets that are larger than a segment, for both roles' chapters of GSO. */
import { type Host, tcpData } from '../harness/packet/build.js';
import { decodeFrame } from '../harness/packet/frame.js';
import { noncePayload } from '../harness/packet/nonce.js';
import type { Extra, ExtraGso } from '../harness/protocol/extra.js';
import { GSO_TYPE } from '../harness/protocol/netif.js';
import type { Signal, WaitOptions } from '../harness/xen/wait.js';

/** Payload of one segment. */
export const MSS = 1400;
/** Payload of a large packet: seven segments and a bit. */
export const LARGE = 7 * MSS + 100;
/** The largest payload: headers of Ethernet, IPv4 and TCP make it 65,535 bytes. */
export const LARGEST = 65_535 - 14 - 20 - 20;
/** Bytes of a frame at the usual MTU, with a VLAN tag. */
export const MTU_FRAME = 1500 + 14 + 4;

/** What goes with a large packet; `change` makes it a wrong one. */
export function gsoExtra(gsoType: number, change: Partial<ExtraGso> = {}): ExtraGso {
  return { type: 'gso', flags: 0, size: MSS, gsoType, pad: 0, features: 0, ...change };
}

/** A TCP frame of `length` bytes of payload whose checksum is left blank; over IPv6 if the type says so. */
export function largeFrame(from: Host, to: Host, length: number, gsoType: number): Uint8Array {
  const ipv6 = gsoType === GSO_TYPE.tcpv6;
  return tcpData(from, to, { seq: 1000, payload: noncePayload(length, length), ipv6, checksum: 'blank' });
}

/** The payload of a TCP segment; empty for any other frame. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'tcp' ? it.value.tcp.payload : new Uint8Array();
}

/** What the other end of a bridge has of packets. */
interface Receiver<P> {
  readonly received: P[];
  readonly arrived: Signal;
  until<T>(what: string, probe: () => T | undefined | false, options: WaitOptions): Promise<T>;
}

/** Waits for a large packet, in one piece or in segments whose payloads add up to its own, and takes it out. */
export function arrivedLarge<P extends { readonly frame: Uint8Array }>(
  to: Receiver<P>,
  payload: Uint8Array,
): Promise<P[]> {
  return to.until(
    'large packet, or segments of the whole of it',
    () => {
      const pieces = to.received.filter(({ frame }) => payloadOf(frame).length > 0);
      const bytes = Buffer.concat(pieces.map(({ frame }) => payloadOf(frame)));
      if (Buffer.compare(bytes, payload) !== 0) return undefined;
      for (const piece of pieces) to.received.splice(to.received.indexOf(piece), 1);
      return pieces;
    },
    { on: [to.arrived] },
  );
}

/** A peer that can send through a bridge, laying a frame out as its role does. */
interface Sender {
  readonly link: { readonly peer: Host };
  send(frame: Uint8Array, shape: { readonly flags: number; readonly extras: readonly Extra[] }): Promise<void>;
}

/** Sends a large packet of `length` bytes of payload, its first slot flagged, and answers what came out of the bridge. */
export async function throughLarge<P extends { readonly frame: Uint8Array }>(
  from: Sender,
  to: Sender & Receiver<P>,
  flags: number,
  gsoType: number,
  length: number,
): Promise<P[]> {
  const frame = largeFrame(from.link.peer, to.link.peer, length, gsoType);
  await from.send(frame, { flags, extras: [gsoExtra(gsoType)] });
  return arrivedLarge(to, payloadOf(frame));
}

/** The packet that a large one has come out as; skips the test where the guest cut it. */
export function uncut<P>(t: { skip(reason: string): never }, packets: readonly P[]): P {
  const [packet] = packets;
  return packet && packets.length === 1 ? packet : t.skip('the guest cuts large packets');
}

/** The GSO extra of a packet, if it has one. */
export function gsoOf(packet: { readonly extras: readonly Extra[] }): ExtraGso | undefined {
  return packet.extras.find((extra) => extra.type === 'gso');
}
