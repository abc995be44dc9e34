/** Frames of many kinds, for the tests that send them through a bridge. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import {
  arpRequest,
  asFirstFragment,
  asFragment,
  type Host,
  noncePayload,
  tcpData,
  tcpSyn,
  udp4,
  udp6,
  withExtension,
  withOptions,
  withProtocol,
  withTag,
} from '../../harness/packet/build.js';
import {
  encodeEthernet,
  ETHER_TYPE,
  ETHERNET_HEADER,
  LARGEST_FRAME,
  LOCAL_EXPERIMENT,
} from '../../harness/packet/ethernet.js';
import { EXTENSION } from '../../harness/packet/ipv6.js';

type Make = (from: Host, to: Host) => Uint8Array;

/** One packet with each checksum that it may have: `blank` and `complete` always differ, UDP over IPv4 may have none. */
export interface Forms {
  readonly blank: Uint8Array;
  readonly complete: Uint8Array;
  readonly none?: Uint8Array;
}

/** A packet with a checksum that its sender may leave blank. */
export interface Checksummed {
  readonly name: string;
  readonly ipv6: boolean;
  readonly make: (from: Host, to: Host) => Forms;
}

/** Bytes of the headers of Ethernet, IPv4 and UDP, and of the same with IPv6. */
const UDP4_HEADERS = ETHERNET_HEADER + 20 + 8;
const UDP6_HEADERS = ETHERNET_HEADER + 40 + 8;
/** The least and the most bytes of IPv4 options. */
const IPV4_OPTIONS = [4, 40] as const;
/** The options of a SYN of Linux: MSS, SACK permitted, timestamps, window scale. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7);
/** An extension header of 8 bytes that holds padding, without its first byte (RFC 8200, 4.2). */
const PADDING = Uint8Array.of(0, 1, 4, 0, 0, 0, 0);
/** Fragment headers without their first byte: a first fragment and a later one (RFC 8200, 4.5). */
const FIRST_FRAGMENT = Uint8Array.of(0, 0, 1, 0, 0, 0, 7);
const LATER_FRAGMENT = Uint8Array.of(0, 0, 64, 0, 0, 0, 7);
const GRE = 47;
const SCTP = 132;
/** VLAN 5 with priority 3, and priority 5 without a VLAN. */
const VLAN = 0x6005;
const PRIORITY = 0xa000;
/** A multicast group that no protocol uses. */
const GROUP = Uint8Array.of(0x03, 0x16, 0x3e, 0, 0, 1);
const BROADCAST = new Uint8Array(6).fill(0xff);

/** Each frame has its own port: it is found again by its bytes. */
let ports = 0;
const nextPort = (): number => 0x8000 + (++ports & 0x3fff);

const datagram = (length = 33): { sport: number; dport: number; payload: Uint8Array } => {
  const sport = nextPort();
  return { sport, dport: 9, payload: noncePayload(sport, length) };
};

/** "Who has ...?", for an address that nothing on the link has. */
const arp: Make = (from) => {
  const port = nextPort();
  return arpRequest(from, Uint8Array.of(198, 19, port >> 8, port & 0xff));
};

const raw =
  (etherType: number, destination?: Uint8Array, length = 50): Make =>
  (from, to) =>
    encodeEthernet({
      destination: destination ?? to.mac,
      source: from.mac,
      etherType,
      payload: noncePayload(nextPort(), length),
    });

const udpOver4 =
  (length?: number): Make =>
  (from, to) =>
    udp4(from, to, datagram(length));
const udpOver6: Make = (from, to) => udp6(from, to, datagram());
const syn =
  (ipv6: boolean): Make =>
  (from, to) =>
    tcpSyn(from, to, { sport: nextPort(), dport: 9, seq: 1, ipv6, options: SYN_OPTIONS });
const changed =
  (make: Make, change: (frame: Uint8Array) => Uint8Array): Make =>
  (from, to) =>
    change(make(from, to));
const tagged = (make: Make, control = VLAN, type?: number): Make =>
  changed(make, (frame) => withTag(frame, control, type));

/** An experimental frame of `length` bytes. */
export const frameOf = (length: number): Make => raw(LOCAL_EXPERIMENT, undefined, length - ETHERNET_HEADER);

/** Untagged frames. */
export const KINDS: Readonly<Record<string, Make>> = {
  ARP: arp,
  'an unknown EtherType': raw(LOCAL_EXPERIMENT),
  'an IEEE 802.3 length': raw(50),
  'a broadcast': raw(LOCAL_EXPERIMENT, BROADCAST),
  'a multicast': raw(LOCAL_EXPERIMENT, GROUP),
  UDP: udpOver4(),
  'UDP of the largest size': udpOver4(LARGEST_FRAME - UDP4_HEADERS),
  'UDP without payload': udpOver4(0),
  'TCP with options': syn(false),
  ...Object.fromEntries(
    IPV4_OPTIONS.map((length) => [
      `IPv4 with ${length} bytes of options`,
      changed(udpOver4(), (frame) => withOptions(frame, length)),
    ]),
  ),
  'a first fragment of IPv4': changed(udpOver4(), asFirstFragment),
  'a later fragment of IPv4': changed(udpOver4(), asFragment),
  SCTP: changed(udpOver4(), (frame) => withProtocol(frame, SCTP)),
  GRE: changed(udpOver4(), (frame) => withProtocol(frame, GRE)),
  'UDP over IPv6': udpOver6,
  'UDP over IPv6 of the largest size': (from, to) => udp6(from, to, datagram(LARGEST_FRAME - UDP6_HEADERS)),
  'TCP over IPv6': syn(true),
  'IPv6 with a hop-by-hop header': changed(udpOver6, (frame) => withExtension(frame, EXTENSION.hopByHop, PADDING)),
  'IPv6 with a destination header': changed(udpOver6, (frame) => withExtension(frame, EXTENSION.destination, PADDING)),
  'a first fragment of IPv6': changed(udpOver6, (frame) => withExtension(frame, EXTENSION.fragment, FIRST_FRAGMENT)),
  'a later fragment of IPv6': changed(udpOver6, (frame) => withExtension(frame, EXTENSION.fragment, LATER_FRAGMENT)),
};

/** Frames with a VLAN tag. */
export const TAGGED: Readonly<Record<string, Make>> = {
  'a VLAN tag and UDP': tagged(udpOver4()),
  'a VLAN tag and TCP over IPv6': tagged(syn(true)),
  'a VLAN tag and ARP': tagged(arp),
  'a VLAN tag and an unknown EtherType': tagged(raw(LOCAL_EXPERIMENT)),
  'a priority tag': tagged(udpOver4(), PRIORITY),
  'a service VLAN tag': tagged(udpOver4(), VLAN, ETHER_TYPE.serviceVlan),
  'two VLAN tags': tagged(tagged(udpOver4()), VLAN + 1, ETHER_TYPE.serviceVlan),
  'a VLAN tag and the largest size': tagged(udpOver4(LARGEST_FRAME - UDP4_HEADERS)),
};

const withByte = (make: Make, at: number, value: number): Make =>
  changed(make, (frame) => frame.map((byte, n) => (n === ETHERNET_HEADER + at ? value : byte)));

/** Frames whose IP header contradicts itself or the frame. */
export const CONTRADICTORY: Readonly<Record<string, Make>> = {
  'IPv4 of version 5': withByte(udpOver4(), 0, 0x55),
  'IPv4 with a header of 12 bytes': withByte(udpOver4(), 0, 0x43),
  'IPv4 with a length beyond the frame': withByte(udpOver4(), 2, 0x40),
  'IPv4 with a length of 0': withByte(withByte(udpOver4(), 2, 0), 3, 0),
  'IPv6 with a length beyond the frame': withByte(udpOver6, 4, 0x40),
};

/** The first of the packets that `next` makes whose checksums differ: one of 65,536 has the same blank and complete. */
function distinct(next: () => Forms): Forms {
  let made = next();
  while (sameBytes(made.blank, made.complete)) made = next();
  return made;
}

const tcp = (name: string, ipv6: boolean, options = new Uint8Array()): Checksummed => ({
  name,
  ipv6,
  make: (from, to) =>
    distinct(() => {
      const of = { sport: nextPort(), dport: 9, seq: 1, ipv6, options };
      const withSum = (checksum: 'blank' | 'complete'): Uint8Array => tcpSyn(from, to, { ...of, checksum });
      return { blank: withSum('blank'), complete: withSum('complete') };
    }),
});
const data = (length: number, ipv6: boolean): Checksummed => ({
  name: `TCP with ${length} bytes${ipv6 ? ' over IPv6' : ''}`,
  ipv6,
  make: (from, to) =>
    distinct(() => {
      const seq = nextPort();
      const of = { seq, payload: noncePayload(seq, length), ipv6 };
      const withSum = (checksum: 'blank' | 'complete'): Uint8Array => tcpData(from, to, { ...of, checksum });
      return { blank: withSum('blank'), complete: withSum('complete') };
    }),
});
const udp = (name: string, ipv6: boolean, length?: number): Checksummed => ({
  name,
  ipv6,
  make: (from, to) =>
    distinct(() => {
      const of = datagram(length);
      const withSum = (checksum: 'blank' | 'complete' | 'none'): Uint8Array =>
        (ipv6 ? udp6 : udp4)(from, to, { ...of, checksum });
      return {
        blank: withSum('blank'),
        complete: withSum('complete'),
        ...(!ipv6 && { none: withSum('none') }),
      };
    }),
});
const within = (name: string, { ipv6, make }: Checksummed, change: (frame: Uint8Array) => Uint8Array): Checksummed => ({
  name,
  ipv6,
  make(from, to) {
    const { blank, complete, none } = make(from, to);
    return { blank: change(blank), complete: change(complete), ...(none && { none: change(none) }) };
  },
});

const SYN4 = tcp('TCP', false);
export const UDP4 = udp('UDP', false);
const SYN6 = tcp('TCP over IPv6', true);
const UDP6 = udp('UDP over IPv6', true);

/** TCP and UDP, over IPv4 and IPv6. */
export const BASIC: readonly Checksummed[] = [SYN4, UDP4, SYN6, UDP6];

/** Packets whose checksum is at many places, after headers of each length, and covers even and odd numbers of bytes. */
export const CHECKSUMMED: readonly Checksummed[] = [
  SYN4,
  UDP4,
  tcp('TCP with options', false, SYN_OPTIONS),
  ...IPV4_OPTIONS.flatMap((length) =>
    [SYN4, UDP4].map((each) =>
      within(`${each.name} after ${length} bytes of IPv4 options`, each, (frame) => withOptions(frame, length)),
    ),
  ),
  SYN6,
  UDP6,
  tcp('TCP with options over IPv6', true, SYN_OPTIONS),
  within('TCP after a hop-by-hop header', SYN6, (frame) => withExtension(frame, EXTENSION.hopByHop, PADDING)),
  within('UDP after two extension headers', UDP6, (frame) =>
    withExtension(withExtension(frame, EXTENSION.destination, PADDING), EXTENSION.hopByHop, PADDING),
  ),
  ...[false, true].flatMap((ipv6) => [
    ...[3, 4, 1001].map((length) => data(length, ipv6)),
    ...[10, 1000].map((length) => udp(`UDP with ${length} bytes${ipv6 ? ' over IPv6' : ''}`, ipv6, length)),
  ]),
];

/** Packets whose checksum is after a VLAN tag. */
export const TAGGED_SUMS: readonly Checksummed[] = [...BASIC, data(101, false), data(101, true)].map((kind) =>
  within(`${kind.name} after a VLAN tag`, kind, (frame) => withTag(frame, VLAN)),
);

/** Packets over IPv4 of which each is larger than the one before it. */
export const GROWING: readonly Checksummed[] = [
  SYN4,
  udp('UDP with 10 bytes', false, 10),
  data(101, false),
  udp('UDP with 1000 bytes', false, 1000),
  data(1400, false),
];

/** Where a checksum would be in these packets, if they had one. */
const SUM_AT = { ipv4: ETHERNET_HEADER + 20 + 6, ipv6Fragment: ETHERNET_HEADER + 40 + 8 + 6 } as const;
/** Changes a byte, so that it is part of no right checksum: whatever is written there shows. */
const spoiled = (make: Make, at: number): Make =>
  changed(make, (frame) => frame.map((byte, n) => (n === at ? byte ^ 0xff : byte)));

/** Packets for which a blank checksum has no meaning: they hold no whole TCP or UDP header, or no checksum at all. */
export const UNFIT: Readonly<Record<string, Make>> = {
  ARP: arp,
  'an IEEE 802.3 length': raw(50),
  SCTP: spoiled(
    changed(udpOver4(), (frame) => withProtocol(frame, SCTP)),
    SUM_AT.ipv4,
  ),
  'a first fragment of IPv4': changed(udpOver4(), asFirstFragment),
  'a later fragment of IPv4': spoiled(changed(udpOver4(), asFragment), SUM_AT.ipv4),
  'a first fragment of IPv6': changed(udpOver6, (frame) => withExtension(frame, EXTENSION.fragment, FIRST_FRAGMENT)),
  'a later fragment of IPv6': spoiled(
    changed(udpOver6, (frame) => withExtension(frame, EXTENSION.fragment, LATER_FRAGMENT)),
    SUM_AT.ipv6Fragment,
  ),
  'a truncated IPv4 header': changed(udpOver4(), (frame) => frame.subarray(0, ETHERNET_HEADER + 10)),
  'a truncated UDP header': changed(udpOver4(), (frame) => frame.subarray(0, ETHERNET_HEADER + 20 + 4)),
  'a truncated TCP header': changed(syn(false), (frame) => frame.subarray(0, ETHERNET_HEADER + 20 + 10)),
  'a truncated extension header': changed(udpOver6, (frame) =>
    withExtension(frame, EXTENSION.hopByHop, Uint8Array.of(200, ...PADDING.subarray(1))),
  ),
  'a VLAN tag': tagged(udpOver4()),
};

/**
 * The first slots of a packet, by their lengths: they end at, before and after the headers of Ethernet, a VLAN tag,
 * IPv4, IPv6, UDP and TCP. The rest of the packet is in one more slot.
 */
export const CUTS: readonly (readonly number[])[] = [
  [14],
  [15],
  [18],
  [20],
  [33],
  [34],
  [38],
  [41],
  [14, 20],
  [14, 4, 16],
  [18, 1, 1],
];

/** The lengths of all slots of a frame whose first slots are `first`. */
export function cut(frame: Uint8Array, first: readonly number[]): number[] {
  return [...first, frame.length - first.reduce((sum, each) => sum + each, 0)];
}
