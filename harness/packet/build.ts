/** What tests send, and by way of the modules below how they know the answers. */

import { ALL_NODES, BROADCAST_MAC, MAC_LENGTH, multicastMac, solicitedNode } from './address.js';
import { ARP_REPLY, ARP_REQUEST, encodeArp } from './arp.js';
import type { Addresses, Checksum } from './checksum.js';
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from './ethernet.js';
import { encodeEcho, encodeIcmp, encodeIcmpv6, ICMP_TYPE, ICMPV6_TYPE } from './icmp.js';
import type { Echo } from './icmp.js';
import { decodeIpv4, DONT_FRAGMENT, encodeIpv4, IP_PROTOCOL } from './ipv4.js';
import type { Ipv4 } from './ipv4.js';
import { encodeIpv6 } from './ipv6.js';
import { encodeNeighbour, NEIGHBOUR_HOP_LIMIT, OVERRIDE, SOLICITED } from './neighbour.js';
import type { Neighbour } from './neighbour.js';
import { encodeTcp, TCP_FLAG } from './tcp.js';
import type { Tcp } from './tcp.js';
import { encodeUdp } from './udp.js';

export { linkLocal } from './address.js';
export { echoPayload, isArpReplyFrom, isEchoReply, isNeighbourAdvertisementFrom, isRst } from './match.js';
export { nonceOf, noncePayload } from './nonce.js';

/** One end of the link: 6, 4 and 16 bytes. */
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

/** "Who has `targetIpv4`?", to all. */
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

/** "`from.ipv6` is at `from.mac`", to the one who asked, or to all nodes if it has no address yet (`to` undefined). */
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

/** A datagram over IPv4; its checksum is complete unless told otherwise. */
export function udp4(
  from: Host,
  to: Ipv4End,
  datagram: { sport: number; dport: number; payload: Uint8Array; checksum?: Checksum | 'none' },
): Uint8Array {
  return ipv4Frame(from, to, IP_PROTOCOL.udp, (addresses) =>
    encodeUdp({ checksum: 'complete', ...datagram }, addresses),
  );
}

/** What a SYN starts from. */
export interface Syn {
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
}

/** A SYN without options, over IPv4 unless `ipv6`; its checksum is complete unless told otherwise. */
export function tcpSyn(from: Host, to: Host, syn: Syn & { ipv6?: boolean; checksum?: Checksum }): Uint8Array {
  const { sport, dport, seq, ipv6 = false, checksum = 'complete' } = syn;
  return tcpFrame(from, ipv6 ? { mac: to.mac, ipv6: to.ipv6 } : { mac: to.mac, ipv4: to.ipv4 }, {
    ...BARE_SEGMENT,
    sport,
    dport,
    seq,
    flags: TCP_FLAG.syn,
    window: 0xffff,
    checksum,
  });
}

/** A TCP segment with payload, over IPv4 unless `ipv6`; its checksum is complete unless told otherwise. */
export function tcpData(
  from: Host,
  to: Host,
  data: { seq: number; payload: Uint8Array; ipv6?: boolean; checksum?: Checksum },
): Uint8Array {
  const { seq, payload, ipv6 = false, checksum = 'complete' } = data;
  return tcpFrame(from, ipv6 ? { mac: to.mac, ipv6: to.ipv6 } : { mac: to.mac, ipv4: to.ipv4 }, {
    ...BARE_SEGMENT,
    sport: 0xc001,
    dport: 0xc002,
    seq,
    ack: 1,
    flags: TCP_FLAG.ack | TCP_FLAG.psh,
    window: 0xffff,
    checksum,
    payload,
  });
}

/** An IPv4 frame with four bytes of options that mean nothing. */
export function withOptions(frame: Uint8Array): Uint8Array {
  return changedIpv4(frame, { options: new Uint8Array(4).fill(NO_OPERATION) });
}

/** An IPv4 frame that claims to be a later piece of a larger packet: what stands there are no ports. */
export function asFragment(frame: Uint8Array): Uint8Array {
  return changedIpv4(frame, { flags: 0, fragmentOffset: 8 });
}

/**
 * The reset of a closed port that got `syn`, which acknowledges the SYN and its `length` bytes of payload (RFC 9293,
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

function changedIpv4(frame: Uint8Array, change: Partial<Ipv4>): Uint8Array {
  const outer = decodeEthernet(frame);
  const inner = outer.ok ? decodeIpv4(outer.value.payload) : outer;
  if (!outer.ok || !inner.ok) throw new RangeError('not an IPv4 frame');
  return encodeEthernet({ ...outer.value, payload: encodeIpv4({ ...inner.value, ...change }) });
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
