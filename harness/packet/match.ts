import { sameBytes } from '../bytes/bytes.js';
import { ARP_REPLY } from './arp.js';
import type { Checksum } from './checksum.js';
import { decodeFrame } from './frame.js';
import { decodeEcho, ICMP_TYPE, ICMPV6_TYPE } from './icmp.js';
import type { Echo } from './icmp.js';
import type { Ipv4 } from './ipv4.js';
import type { Ipv6 } from './ipv6.js';
import { decodeNeighbour } from './neighbour.js';
import { TCP_FLAG } from './tcp.js';

/** Whether `frame` is an ARP reply for `ipv4`. */
export function isArpReplyFrom(frame: Uint8Array, ipv4: Uint8Array): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'arp') return false;
  return it.value.arp.operation === ARP_REPLY && sameBytes(it.value.arp.senderIpv4, ipv4);
}

/** Whether `frame` is an advertisement for `ipv6` with a correct checksum. */
export function isNeighbourAdvertisementFrom(frame: Uint8Array, ipv6: Uint8Array): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'icmpv6' || it.value.icmp.checksum !== 'complete') return false;
  if (it.value.icmp.type !== ICMPV6_TYPE.neighbourAdvertisement) return false;
  const neighbour = decodeNeighbour(it.value.icmp.type, it.value.icmp.body);
  return neighbour.ok && sameBytes(neighbour.value.target, ipv6);
}

/** Whether `frame` is the reply to this ping, over IPv4 or IPv6, with correct checksums. The payload is not checked. */
export function isEchoReply(frame: Uint8Array, ping: { id: number; seq: number }): boolean {
  const echo = echoOf(frame);
  return echo !== undefined && echo.isReply && echo.isIntact && echo.id === ping.id && echo.seq === ping.seq;
}

/** The body of an echo request or reply, whatever its checksums; undefined for any other frame. */
export function echoPayload(frame: Uint8Array): Uint8Array | undefined {
  return echoOf(frame)?.payload;
}

/**
 * Whether `frame` is the reset for this SYN: ports reversed, acknowledging `seq` + 1 if `seq` is given. A blank
 * checksum is accepted like a complete one, since the sender may leave it to the receiver.
 */
export function isRst(frame: Uint8Array, syn: { sport: number; dport: number; seq?: number }): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp' || !hasGoodHeader(it.value.ip)) return false;
  const { tcp } = it.value;
  if (tcp.checksum === 'corrupt' || (tcp.flags & TCP_FLAG.rst) === 0) return false;
  if (tcp.sport !== syn.dport || tcp.dport !== syn.sport) return false;
  return syn.seq === undefined || ((tcp.flags & TCP_FLAG.ack) !== 0 && tcp.ack === (syn.seq + 1) >>> 0);
}

/** The state of the checksum of a TCP segment; undefined for any other frame. */
export function tcpChecksum(frame: Uint8Array): Checksum | undefined {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'tcp' ? it.value.tcp.checksum : undefined;
}

/** The state of the checksum of a UDP datagram; undefined for any other frame. */
export function udpChecksum(frame: Uint8Array): Checksum | 'none' | undefined {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'udp' ? it.value.udp.checksum : undefined;
}

function echoOf(frame: Uint8Array): (Echo & { isReply: boolean; isIntact: boolean }) | undefined {
  const it = decodeFrame(frame);
  if (!it.ok || (it.value.kind !== 'icmp' && it.value.kind !== 'icmpv6')) return undefined;
  const { kind, ip, icmp } = it.value;
  const types = kind === 'icmp' ? ICMP_TYPE : ICMPV6_TYPE;
  const isReply = icmp.type === types.echoReply;
  if ((!isReply && icmp.type !== types.echoRequest) || icmp.code !== 0) return undefined;
  const echo = decodeEcho(icmp.body);
  if (!echo.ok) return undefined;
  return { ...echo.value, isReply, isIntact: icmp.checksum === 'complete' && hasGoodHeader(ip) };
}

function hasGoodHeader(ip: Ipv4 | Ipv6): boolean {
  return ip.version === 6 || ip.checksum === 'complete';
}
