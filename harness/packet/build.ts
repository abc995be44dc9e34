/** The frames that tests send; the modules below also recognize the replies. */

import { ALL_NODES, BROADCAST_MAC, MAC_LENGTH, multicastMac, solicitedNode } from './address.js';
import { ARP_REPLY, ARP_REQUEST, encodeArp } from './arp.js';
import type { Addresses, Checksum } from './checksum.js';
import { concat } from '../bytes/bytes.js';
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from './ethernet.js';
import { encodeEcho, encodeIcmp, encodeIcmpv6, ICMP_TYPE, ICMPV6_TYPE } from './icmp.js';
import type { Echo } from './icmp.js';
import { decodeIpv4, DONT_FRAGMENT, encodeIpv4, IP_PROTOCOL, MORE_FRAGMENTS } from './ipv4.js';
import type { Ipv4 } from './ipv4.js';
import { decodeIpv6, encodeIpv6, EXTENSION } from './ipv6.js';
import { encodeNeighbour, NEIGHBOUR_HOP_LIMIT, OVERRIDE, SOLICITED } from './neighbour.js';
import type { Neighbour } from './neighbour.js';
import { encodeTcp, TCP_FLAG } from './tcp.js';
import type { Tcp } from './tcp.js';
import { encodeUdp } from './udp.js';

export { linkLocal } from './address.js';
export { echoPayload, isArpReplyFrom, isEchoReply, isNeighbourAdvertisementFrom, isRst } from './match.js';
export { nonceOf, noncePayload } from './nonce.js';

/** One end of the link: addresses of 6, 4 and 16 bytes. */
export interface Host {
  readonly mac: Uint8Array;
  readonly ipv4: Uint8Array;
  readonly ipv6: Uint8Array;
}

type Ipv4End = Pick<Host, 'mac' | 'ipv4'>;
type Ipv6End = Pick<Host, 'mac' | 'ipv6'>;

const HOP_LIMIT = 64;
/** The IPv4 option that does nothing (RFC 791, 3.1). */
const NO_OPERATION = 1;
const NOTHING = new Uint8Array();
const BARE_SEGMENT = {
  seq: 0,
  ack: 0,
  window: 0,
  urgent: 0,
  checksum: 'complete',
  options: NOTHING,
  payload: NOTHING,
} as const;

/** "Who has `targetIpv4`?", broadcast. */
export function arpRequest(from: Host, targetIpv4: Uint8Array): Uint8Array {
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: from.mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: ARP_REQUEST,
      senderMac: from.mac,
      senderIpv4: from.ipv4,
      targetMac: new Uint8Array(MAC_LENGTH),
      targetIpv4,
    }),
  });
}

/** "`from.ipv4` is at `from.mac`." */
export function arpReply(from: Host, to: Ipv4End): Uint8Array {
  return encodeEthernet({
    destination: to.mac,
    source: from.mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: ARP_REPLY,
      senderMac: from.mac,
      senderIpv4: from.ipv4,
      targetMac: to.mac,
      targetIpv4: to.ipv4,
    }),
  });
}

/** "Who has `targetIpv6`?", to the target's solicited-node group. */
export function neighbourSolicitation(from: Host, targetIpv6: Uint8Array): Uint8Array {
  const group = solicitedNode(targetIpv6);
  return neighbourFrame(
    from,
    { mac: multicastMac(group), ipv6: group },
    { type: ICMPV6_TYPE.neighbourSolicitation, flags: 0, target: targetIpv6, mac: from.mac },
  );
}

/**
 * "`from.ipv6` is at `from.mac`", to the sender of the solicitation, or to all nodes if it has no address yet (`to`
 * undefined).
 */
export function neighbourAdvertisement(from: Host, to: Ipv6End | undefined): Uint8Array {
  return neighbourFrame(from, to ?? { mac: multicastMac(ALL_NODES), ipv6: ALL_NODES }, {
    type: ICMPV6_TYPE.neighbourAdvertisement,
    flags: to ? SOLICITED | OVERRIDE : OVERRIDE,
    target: from.ipv6,
    mac: from.mac,
  });
}

/** An echo request; the payload has at most 65507 bytes. */
export function ping4(from: Host, to: Ipv4End, echo: Echo): Uint8Array {
  return echo4(from, to, ICMP_TYPE.echoRequest, echo);
}

/** An echo reply. */
export function pong4(from: Host, to: Ipv4End, echo: Echo): Uint8Array {
  return echo4(from, to, ICMP_TYPE.echoReply, echo);
}

/** An echo request; the payload has at most 65527 bytes. */
export function ping6(from: Host, to: Ipv6End, echo: Echo): Uint8Array {
  return echo6(from, to, ICMPV6_TYPE.echoRequest, echo);
}

/** An echo reply. */
export function pong6(from: Host, to: Ipv6End, echo: Echo): Uint8Array {
  return echo6(from, to, ICMPV6_TYPE.echoReply, echo);
}

/** Ports, payload and checksum of a datagram. Default: a complete checksum. */
export interface Datagram {
  readonly sport: number;
  readonly dport: number;
  readonly payload: Uint8Array;
  readonly checksum?: Checksum | 'none';
}

/** A datagram over IPv4. */
export function udp4(from: Host, to: Ipv4End, datagram: Datagram): Uint8Array {
  return ipv4Frame(from, to, IP_PROTOCOL.udp, (addresses) =>
    encodeUdp({ checksum: 'complete', ...datagram }, addresses),
  );
}

/** A datagram over IPv6. */
export function udp6(from: Host, to: Ipv6End, datagram: Datagram): Uint8Array {
  return ipv6Frame(from, to, IP_PROTOCOL.udp, HOP_LIMIT, (addresses) =>
    encodeUdp({ checksum: 'complete', ...datagram }, addresses),
  );
}

/** An IPv6 packet of any protocol. */
export function ip6(from: Host, to: Ipv6End, protocol: number, payload: Uint8Array): Uint8Array {
  return ipv6Frame(from, to, protocol, HOP_LIMIT, () => payload);
}

/** Addresses, ports and sequence number of a SYN. */
export interface Syn {
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
}

/** A SYN over IPv4 unless `ipv6` is set. Default: no options and a complete checksum. */
export function tcpSyn(
  from: Host,
  to: Host,
  syn: Syn & { ipv6?: boolean; checksum?: Checksum; options?: Uint8Array },
): Uint8Array {
  const { sport, dport, seq, ipv6 = false, checksum = 'complete', options = NOTHING } = syn;
  return tcpFrame(from, ipv6 ? { mac: to.mac, ipv6: to.ipv6 } : { mac: to.mac, ipv4: to.ipv4 }, {
    ...BARE_SEGMENT,
    sport,
    dport,
    seq,
    flags: TCP_FLAG.syn,
    window: 0xffff,
    checksum,
    options,
  });
}

/** A TCP segment with payload, over IPv4 unless `ipv6` is set. Default: a complete checksum. */
export function tcpData(
  from: Host,
  to: Host,
  data: { seq: number; payload: Uint8Array; ipv6?: boolean; checksum?: Checksum; flags?: number },
): Uint8Array {
  const { seq, payload, ipv6 = false, checksum = 'complete', flags = TCP_FLAG.ack | TCP_FLAG.psh } = data;
  return tcpFrame(from, ipv6 ? { mac: to.mac, ipv6: to.ipv6 } : { mac: to.mac, ipv4: to.ipv4 }, {
    ...BARE_SEGMENT,
    sport: 0xc001,
    dport: 0xc002,
    seq,
    ack: 1,
    flags,
    window: 0xffff,
    checksum,
    payload,
  });
}

/** An IPv4 frame with `length` bytes of options without effect, a multiple of 4 (default: 4). */
export function withOptions(frame: Uint8Array, length = 4): Uint8Array {
  return withIpv4(frame, { options: new Uint8Array(length).fill(NO_OPERATION) });
}

/** An IPv4 frame with other header fields, and a header checksum that fits them. */
export function withIpv4(frame: Uint8Array, change: Partial<Ipv4>): Uint8Array {
  const outer = decodeEthernet(frame);
  const inner = outer.ok ? decodeIpv4(outer.value.payload) : outer;
  if (!outer.ok || !inner.ok) throw new RangeError('not an IPv4 frame');
  return encodeEthernet({ ...outer.value, payload: encodeIpv4({ ...inner.value, ...change }) });
}

/** An IPv4 frame that claims to be a later fragment of a larger packet: its payload does not begin with ports. */
export function asFragment(frame: Uint8Array): Uint8Array {
  return withIpv4(frame, { flags: 0, fragmentOffset: 8 });
}

/** An IPv4 frame that claims to be the first fragment of a larger packet: its payload begins with ports. */
export function asFirstFragment(frame: Uint8Array): Uint8Array {
  return withIpv4(frame, { flags: MORE_FRAGMENTS, fragmentOffset: 0 });
}

/** An IPv4 frame that claims to hold another protocol. */
export function withProtocol(frame: Uint8Array, protocol: number): Uint8Array {
  return withIpv4(frame, { protocol });
}

/**
 * An IPv6 frame with an extension header of type `type` before its payload; `body` is what follows the byte that names
 * the next header (RFC 8200, 4).
 */
export function withExtension(frame: Uint8Array, type: number, body: Uint8Array): Uint8Array {
  const outer = decodeEthernet(frame);
  const inner = outer.ok ? decodeIpv6(outer.value.payload) : outer;
  if (!outer.ok || !inner.ok) throw new RangeError('not an IPv6 frame');
  const { nextHeader, payload } = inner.value;
  const extended = encodeIpv6({
    ...inner.value,
    nextHeader: type,
    payload: concat(Uint8Array.of(nextHeader), body, payload),
  });
  return encodeEthernet({ ...outer.value, payload: extended });
}

/** A frame with a VLAN tag (IEEE 802.1Q): priority and VLAN id in `control`. */
export function withTag(frame: Uint8Array, control: number, type: number = ETHER_TYPE.vlan): Uint8Array {
  const tag = Uint8Array.of(type >> 8, type & 0xff, control >> 8, control & 0xff);
  return concat(frame.subarray(0, 2 * MAC_LENGTH), tag, frame.subarray(2 * MAC_LENGTH));
}

/** An IPv6 frame with a header of destination options without effect (RFC 8200, 4.6: PadN of four bytes). */
export function withDestinationOptions(frame: Uint8Array): Uint8Array {
  return withExtension(frame, EXTENSION.destination, Uint8Array.of(0, 1, 4, 0, 0, 0, 0));
}

/** An IPv6 frame with a fragment header (RFC 8200, 4.5); `offset` is in units of 8 bytes. */
export function asFragment6(frame: Uint8Array, offset: number, more: boolean): Uint8Array {
  const place = (offset << 3) | (more ? 1 : 0);
  return withExtension(frame, EXTENSION.fragment, Uint8Array.of(0, place >> 8, place & 0xff, 0, 0, 0, 1));
}

/**
 * The reset that a closed port sends for `syn`; it acknowledges the SYN and its `length` bytes of payload (RFC 9293,
 * 3.10.7.1). Over IPv4 if `to` has such an address, else over IPv6.
 */
export function tcpRst(from: Host, to: Ipv4End | Ipv6End, syn: Syn & { length: number }): Uint8Array {
  return tcpFrame(from, to, {
    ...BARE_SEGMENT,
    sport: syn.dport,
    dport: syn.sport,
    ack: (syn.seq + syn.length + 1) >>> 0,
    flags: TCP_FLAG.rst | TCP_FLAG.ack,
  });
}

function echo4(from: Host, to: Ipv4End, type: number, echo: Echo): Uint8Array {
  return ipv4Frame(from, to, IP_PROTOCOL.icmp, () =>
    encodeIcmp({ type, code: 0, checksum: 'complete', body: encodeEcho(echo) }),
  );
}

function echo6(from: Host, to: Ipv6End, type: number, echo: Echo): Uint8Array {
  return ipv6Frame(from, to, IP_PROTOCOL.icmpv6, HOP_LIMIT, (addresses) =>
    encodeIcmpv6({ type, code: 0, checksum: 'complete', body: encodeEcho(echo) }, addresses),
  );
}

function neighbourFrame(from: Host, to: Ipv6End, neighbour: Neighbour): Uint8Array {
  return ipv6Frame(from, to, IP_PROTOCOL.icmpv6, NEIGHBOUR_HOP_LIMIT, (addresses) =>
    encodeIcmpv6({ type: neighbour.type, code: 0, checksum: 'complete', body: encodeNeighbour(neighbour) }, addresses),
  );
}

/** Over IPv4 if `to` has such an address, else over IPv6. */
function tcpFrame(from: Host, to: Ipv4End | Ipv6End, tcp: Tcp): Uint8Array {
  const encode = (addresses: Addresses): Uint8Array => encodeTcp(tcp, addresses);
  return 'ipv4' in to
    ? ipv4Frame(from, to, IP_PROTOCOL.tcp, encode)
    : ipv6Frame(from, to, IP_PROTOCOL.tcp, HOP_LIMIT, encode);
}

function ipv4Frame(
  from: Host,
  to: Ipv4End,
  protocol: number,
  encodePayload: (addresses: Addresses) => Uint8Array,
): Uint8Array {
  const addresses = { source: from.ipv4, destination: to.ipv4 };
  const packet = encodeIpv4({
    version: 4,
    typeOfService: 0,
    identification: 0,
    flags: DONT_FRAGMENT,
    fragmentOffset: 0,
    ttl: HOP_LIMIT,
    protocol,
    checksum: 'complete',
    options: NOTHING,
    payload: encodePayload(addresses),
    ...addresses,
  });
  return encodeEthernet({ destination: to.mac, source: from.mac, etherType: ETHER_TYPE.ipv4, payload: packet });
}

function ipv6Frame(
  from: Host,
  to: Ipv6End,
  nextHeader: number,
  hopLimit: number,
  encodePayload: (addresses: Addresses) => Uint8Array,
): Uint8Array {
  const addresses = { source: from.ipv6, destination: to.ipv6 };
  const packet = encodeIpv6({
    version: 6,
    trafficClass: 0,
    flowLabel: 0,
    nextHeader,
    hopLimit,
    payload: encodePayload(addresses),
    ...addresses,
  });
  return encodeEthernet({ destination: to.mac, source: from.mac, etherType: ETHER_TYPE.ipv6, payload: packet });
}
