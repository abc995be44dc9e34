/** Valid frames with one fault. */
import {
  arpReply,
  arpRequest,
  asFragment,
  neighbourAdvertisement,
  neighbourSolicitation,
  pong4,
  pong6,
  tcpSyn,
  udp4,
  withOptions,
} from '../packet/build.js';
import { encodeEthernet } from '../packet/ethernet.js';
import { decodeFrame } from '../packet/frame.js';
import { encodeIcmpv6 } from '../packet/icmp.js';
import { encodeIpv6 } from '../packet/ipv6.js';
import type { Link } from '../peer/link.js';

/** Valid frame number `which`, with the two bytes at `at` changed and truncated to `cut` bytes. */
export interface OddFrame {
  readonly which: number;
  readonly at: number;
  readonly value: number;
  readonly cut: number;
}

/** A frame from the stack of the driver under test to the stack of the peer. */
export function oddFrame({ iut, peer }: Link, { which, at, value, cut }: OddFrame): Uint8Array {
  const echo = { id: 1, seq: 1, payload: new Uint8Array(16) };
  const syn = { sport: 1, dport: 2, seq: 3 };
  const frames = [
    arpRequest(iut, peer.ipv4),
    arpReply(iut, peer),
    neighbourSolicitation(iut, peer.ipv6),
    neighbourAdvertisement(iut, peer),
    pong4(iut, peer, echo),
    pong6(iut, peer, echo),
    tcpSyn(iut, peer, syn),
    tcpSyn(iut, peer, { ...syn, ipv6: true }),
    udp4(iut, peer, { sport: 1, dport: 2, payload: echo.payload }),
    withOptions(pong4(iut, peer, echo)),
    asFragment(pong4(iut, peer, echo)),
  ];
  const frame = Uint8Array.from(frames[which % frames.length] ?? []);
  new DataView(frame.buffer).setUint16(at % (frame.length - 1), value & 0xffff);
  return withChecksum(frame).slice(0, cut);
}

/** Completes the checksum of ICMPv6: a stack would drop the frame at a wrong checksum and not read the fault. */
function withChecksum(frame: Uint8Array): Uint8Array {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'icmpv6') return frame;
  const { ethernet, ip, icmp } = it.value;
  return encodeEthernet({
    ...ethernet,
    payload: encodeIpv6({ ...ip, payload: encodeIcmpv6({ ...icmp, checksum: 'complete' }, ip) }),
  });
}
