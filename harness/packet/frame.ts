import { decoded } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { decodeArp } from './arp.js';
import type { Arp } from './arp.js';
import { decodeEthernet, ETHER_TYPE } from './ethernet.js';
import type { Ethernet } from './ethernet.js';
import { decodeIcmp, decodeIcmpv6 } from './icmp.js';
import type { Icmp } from './icmp.js';
import { decodeIpv4, IP_PROTOCOL, isFragment } from './ipv4.js';
import type { Ipv4 } from './ipv4.js';
import { decodeIpv6 } from './ipv6.js';
import type { Ipv6 } from './ipv6.js';
import { decodeTcp } from './tcp.js';
import type { Tcp } from './tcp.js';
import { decodeUdp } from './udp.js';
import type { Udp } from './udp.js';

/** A whole frame with all layers. `ip` is IP with a fragment or an unknown protocol, `other` is any other EtherType. */
export type Frame = { readonly ethernet: Ethernet } & (
  | { readonly kind: 'arp'; readonly arp: Arp }
  | { readonly kind: 'icmp'; readonly ip: Ipv4; readonly icmp: Icmp }
  | { readonly kind: 'icmpv6'; readonly ip: Ipv6; readonly icmp: Icmp }
  | { readonly kind: 'tcp'; readonly ip: Ipv4 | Ipv6; readonly tcp: Tcp }
  | { readonly kind: 'udp'; readonly ip: Ipv4 | Ipv6; readonly udp: Udp }
  | { readonly kind: 'ip'; readonly ip: Ipv4 | Ipv6 }
  | { readonly kind: 'other' }
);

/**
 * Decodes every protocol that this project uses. Malformed if any layer is malformed; a wrong checksum is reported in
 * its layer and does not make the frame malformed. Payloads are views of `bytes`, not copies.
 */
export function decodeFrame(bytes: Uint8Array): Decoded<Frame> {
  const outer = decodeEthernet(bytes);
  return outer.ok ? decodeInEthernet(outer.value) : outer;
}

/** The same for a frame whose outermost layer is decoded already. */
export function decodeInEthernet(ethernet: Ethernet): Decoded<Frame> {
  switch (ethernet.etherType) {
    case ETHER_TYPE.arp:
      return map(decodeArp(ethernet.payload), (arp) => ({ kind: 'arp', ethernet, arp }));
    case ETHER_TYPE.ipv4: {
      const ip = decodeIpv4(ethernet.payload);
      return ip.ok ? decodeInIpv4(ethernet, ip.value) : ip;
    }
    case ETHER_TYPE.ipv6: {
      const ip = decodeIpv6(ethernet.payload);
      return ip.ok ? decodeInIpv6(ethernet, ip.value) : ip;
    }
    default:
      return decoded({ kind: 'other', ethernet });
  }
}

function decodeInIpv4(ethernet: Ethernet, ip: Ipv4): Decoded<Frame> {
  if (isFragment(ip)) return decoded({ kind: 'ip', ethernet, ip });
  if (ip.protocol === IP_PROTOCOL.icmp)
    return map(decodeIcmp(ip.payload), (icmp) => ({ kind: 'icmp', ethernet, ip, icmp }));
  return decodeTransport(ethernet, ip, ip.protocol);
}

function decodeInIpv6(ethernet: Ethernet, ip: Ipv6): Decoded<Frame> {
  if (ip.nextHeader === IP_PROTOCOL.icmpv6)
    return map(decodeIcmpv6(ip.payload, ip), (icmp) => ({ kind: 'icmpv6', ethernet, ip, icmp }));
  return decodeTransport(ethernet, ip, ip.nextHeader);
}

function decodeTransport(ethernet: Ethernet, ip: Ipv4 | Ipv6, protocol: number): Decoded<Frame> {
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return map(decodeTcp(ip.payload, ip), (tcp) => ({ kind: 'tcp', ethernet, ip, tcp }));
    case IP_PROTOCOL.udp:
      return map(decodeUdp(ip.payload, ip), (udp) => ({ kind: 'udp', ethernet, ip, udp }));
    default:
      return decoded({ kind: 'ip', ethernet, ip });
  }
}

function map<T>(inner: Decoded<T>, wrap: (value: T) => Frame): Decoded<Frame> {
  return inner.ok ? decoded(wrap(inner.value)) : inner;
}

/** The IP header and the header of TCP or UDP; undefined for any other frame. */
export function transportOf(
  frame: Frame | undefined,
): { readonly ip: Ipv4 | Ipv6; readonly header: Tcp | Udp } | undefined {
  if (frame?.kind === 'tcp') return { ip: frame.ip, header: frame.tcp };
  return frame?.kind === 'udp' ? { ip: frame.ip, header: frame.udp } : undefined;
}
