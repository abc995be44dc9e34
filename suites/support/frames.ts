/** Frames of many protocols, all of a length that the caller chooses, for tests that send a frame through a bridge. */
import {
  asFirstFragment,
  type Host,
  ip6,
  udp4,
  withExtension,
  withIpv4,
  withOptions,
  withProtocol,
  withTag,
} from '../../harness/packet/build.js';
import {
  encodeEthernet,
  ETHER_TYPE,
  ETHERNET_HEADER,
  LOCAL_EXPERIMENT,
  VLAN_TAG,
} from '../../harness/packet/ethernet.js';
import { IP_PROTOCOL, MORE_FRAGMENTS } from '../../harness/packet/ipv4.js';
import { EXTENSION } from '../../harness/packet/ipv6.js';
import { noncePayload } from '../../harness/packet/nonce.js';
import { concat } from '../../harness/bytes/bytes.js';

/** Makes a frame of `length` bytes from one peer to another; frames of different `nonce` differ. */
export type MakeFrame = (from: Host, to: Host, length: number, nonce: number) => Uint8Array;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const UDP_HEADER = 8;
/** An extension header that only pads, without its first byte: PadN with four bytes (RFC 8200, 4.2). */
const PADDING = Uint8Array.of(0, 1, 4, 0, 0, 0, 0);
/** Protocols without a checksum that an offload could touch. */
const GRE = 47;
const SCTP = 132;

/** A frame with any EtherType or 802.3 length; the payload fills it up to `length` bytes. */
const ethernet = (from: Host, to: Host, etherType: number, payload: Uint8Array): Uint8Array =>
  encodeEthernet({ destination: to.mac, source: from.mac, etherType, payload });

const plain: MakeFrame = (from, to, length, nonce) =>
  ethernet(from, to, LOCAL_EXPERIMENT, noncePayload(nonce, length - ETHERNET_HEADER));

/** Puts a VLAN tag into a frame that is made four bytes shorter. */
const tagged =
  (type: number, control: number, inner: MakeFrame): MakeFrame =>
  (from, to, length, nonce) =>
    withTag(inner(from, to, length - VLAN_TAG, nonce), control, type);

/** A datagram with a complete checksum. */
const udp: MakeFrame = (from, to, length, nonce) =>
  udp4(from, to, {
    sport: 0xc004,
    dport: 9,
    payload: noncePayload(nonce, length - ETHERNET_HEADER - IPV4_HEADER - UDP_HEADER),
  });

/** Changes a datagram, and makes it `more` bytes longer. */
const changed =
  (change: (frame: Uint8Array) => Uint8Array, more = 0): MakeFrame =>
  (from, to, length, nonce) =>
    change(udp(from, to, length - more, nonce));

/** An IPv6 packet of a protocol without a checksum that an offload could touch, after extension headers. */
const ipv6 =
  (headers: readonly (readonly [type: number, rest: Uint8Array])[]): MakeFrame =>
  (from, to, length, nonce) => {
    const more = headers.reduce((sum, [, rest]) => sum + 1 + rest.length, 0);
    const payload = noncePayload(nonce, length - more - ETHERNET_HEADER - IPV6_HEADER);
    return headers.reduceRight((frame, [type, rest]) => withExtension(frame, type, rest), ip6(from, to, SCTP, payload));
  };

/** A frame of IEEE 802.3, whose length is in the place of the EtherType. */
const llc: MakeFrame = (from, to, length, nonce) => {
  const payload = concat(Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0), noncePayload(nonce, length - ETHERNET_HEADER - 6));
  return ethernet(from, to, payload.length, payload);
};

/** The protocols of one test each: its name, what its title calls them, and the frames. */
export const PROTOCOLS: readonly (readonly [
  name: string,
  what: string,
  frames: Readonly<Record<string, MakeFrame>>,
])[] = [
  [
    'tagged',
    'frames with VLAN tags',
    {
      'a VLAN tag': tagged(ETHER_TYPE.vlan, 5, plain),
      'a tag of priority alone': tagged(ETHER_TYPE.vlan, 0xe000, plain),
      'a VLAN tag and UDP': tagged(ETHER_TYPE.vlan, 4094, udp),
      'two VLAN tags': tagged(ETHER_TYPE.serviceVlan, 7, tagged(ETHER_TYPE.vlan, 5, plain)),
    },
  ],
  [
    'ipv4',
    'UDP, IPv4 options, fragments and protocols that it does not know',
    {
      UDP: udp,
      'IPv4 options': changed((frame) => withOptions(frame), 4),
      'a first fragment': changed(asFirstFragment),
      'a later fragment': changed((frame) =>
        withIpv4(frame, { protocol: IP_PROTOCOL.tcp, flags: MORE_FRAGMENTS, fragmentOffset: 185 }),
      ),
      'a last fragment': changed((frame) => withIpv4(frame, { flags: 0, fragmentOffset: 370 })),
      GRE: changed((frame) => withProtocol(frame, GRE)),
      SCTP: changed((frame) => withProtocol(frame, SCTP)),
    },
  ],
  [
    'ipv6',
    'IPv6 with extension headers and fragments',
    {
      'no extension header': ipv6([]),
      'hop-by-hop options': ipv6([[EXTENSION.hopByHop, PADDING]]),
      'two extension headers': ipv6([
        [EXTENSION.hopByHop, PADDING],
        [EXTENSION.destination, PADDING],
      ]),
      'a first fragment': ipv6([[EXTENSION.fragment, Uint8Array.of(0, 0, 1, 0, 0, 0, 1)]]),
      'a later fragment': ipv6([[EXTENSION.fragment, Uint8Array.of(0, 5, 0xa8, 0, 0, 0, 1)]]),
    },
  ],
  ['other', 'frames of 802.3 and of unknown EtherTypes', { LLC: llc, 'an experimental EtherType': plain }],
];

/** A frame of `length` bytes with a VLAN tag. */
export const taggedFrame = tagged(ETHER_TYPE.vlan, 5, plain);
/** A frame of `length` bytes without a tag. */
export const plainFrame = plain;

/** The nonce of the last {@link newFrame}; the other frames of a peer are numbered from 1. */
let nonce = 0x8000;

/** A plain frame that differs from every other one. */
export const newFrame = (from: Host, to: Host, length: number): Uint8Array => plain(from, to, length, ++nonce);
