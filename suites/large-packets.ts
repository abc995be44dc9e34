/** TCP packets that are larger than a segment, for both roles' chapters of GSO. */
import { type Host, tcpData } from '../harness/packet/build.js';
import { decodeFrame } from '../harness/packet/frame.js';
import { noncePayload } from '../harness/packet/nonce.js';
import type { ExtraGso } from '../harness/protocol/extra.js';
import { GSO_TYPE } from '../harness/protocol/netif.js';

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
