import { BROADCAST_MAC, isGroupMac, multicastMac, solicitedNode } from './address.js';
import { ARP_REQUEST } from './arp.js';
import type { Arp } from './arp.js';
import { arpReply, neighbourAdvertisement, pong4, pong6, tcpRst } from './build.js';
import type { Host } from './build.js';
import { sameBytes } from '../bytes/bytes.js';
import { decodeEthernet } from './ethernet.js';
import type { Ethernet } from './ethernet.js';
import { decodeInEthernet } from './frame.js';
import type { Frame } from './frame.js';
import { decodeEcho, ICMP_TYPE, ICMPV6_TYPE } from './icmp.js';
import type { Icmp } from './icmp.js';
import type { Ipv4 } from './ipv4.js';
import type { Ipv6 } from './ipv6.js';
import { decodeNeighbour, NEIGHBOUR_HOP_LIMIT } from './neighbour.js';
import { TCP_FLAG } from './tcp.js';
import type { Tcp } from './tcp.js';

/** How a frame arrived from the vif. */
export interface FrameMeta {
  /** The sender left the checksum of TCP or UDP to the receiver, which must not verify it (netif.h, "csum_blank"). */
  readonly csumBlank?: boolean;
}

/** Is given the frames that cross the boundary between a driver and its stack. */
export interface StackObserver {
  /** The driver passed a frame to the stack. */
  passedToStack(frame: Uint8Array): void;
  /** The stack passes a frame to the driver, to be sent. */
  passedByStack(frame: Uint8Array): void;
}

/**
 * The network stack of a reference driver, with the reflectors that a guest's stack has: it replies to ARP, neighbour
 * solicitations and pings, and resets connections, since all its ports are closed. It silently drops all other frames,
 * malformed frames and frames with a wrong checksum.
 */
export class Stack {
  readonly #host: Host;
  readonly #group: Uint8Array;
  readonly #groupMac: Uint8Array;

  constructor(
    host: Host,
    private readonly observer?: StackObserver,
  ) {
    this.#host = host;
    this.#group = solicitedNode(host.ipv6);
    this.#groupMac = multicastMac(this.#group);
  }

  /** The Ethernet groups that it receives. */
  get groups(): readonly Uint8Array[] {
    return [this.#groupMac];
  }

  /** The driver passes on a frame that is bridged to another vif, past the stack. */
  passes(frame: Uint8Array): void {
    this.observer?.passedToStack(frame);
  }

  /** Handles one frame from the vif and returns the frames to send, with complete checksums. */
  receive(frame: Uint8Array, meta: FrameMeta = {}): Uint8Array[] {
    this.observer?.passedToStack(frame);
    // A busy link carries frames for other hosts: these cost a look at the address only.
    const outer = decodeEthernet(frame);
    if (!outer.ok || !this.#isForMe(outer.value)) return [];
    const it = decodeInEthernet(outer.value);
    if (!it.ok) return [];
    const answer = this.#answer(it.value, meta.csumBlank ?? false);
    if (!answer) return [];
    this.observer?.passedByStack(answer);
    return [answer];
  }

  #answer(frame: Frame, csumBlank: boolean): Uint8Array | undefined {
    const { kind, ethernet } = frame;
    switch (kind) {
      case 'arp':
        return this.#answerArp(frame.arp);
      case 'icmp':
        return this.#answerIcmp(ethernet, frame.ip, frame.icmp);
      case 'icmpv6':
        return this.#answerIcmpv6(ethernet, frame.ip, frame.icmp);
      case 'tcp':
        if (frame.tcp.checksum !== 'complete' && !csumBlank) return undefined;
        return this.#answerTcp(ethernet, frame.ip, frame.tcp);
      case 'udp':
      case 'ip':
      case 'other':
        return undefined;
    }
  }

  #isForMe({ destination, source }: Ethernet): boolean {
    if (isGroupMac(source)) return false;
    return [this.#host.mac, BROADCAST_MAC, this.#groupMac].some((mac) => sameBytes(destination, mac));
  }

  /** Also replies to a probe, whose sender has no address yet (RFC 5227, 2.1.1). */
  #answerArp(arp: Arp): Uint8Array | undefined {
    if (arp.operation !== ARP_REQUEST || !sameBytes(arp.targetIpv4, this.#host.ipv4)) return undefined;
    if (isGroupMac(arp.senderMac)) return undefined;
    return arpReply(this.#host, { mac: arp.senderMac, ipv4: arp.senderIpv4 });
  }

  #answerIcmp(ethernet: Ethernet, ip: Ipv4, icmp: Icmp): Uint8Array | undefined {
    if (!this.#isMyIpv4(ip) || icmp.checksum !== 'complete') return undefined;
    if (icmp.type !== ICMP_TYPE.echoRequest || icmp.code !== 0) return undefined;
    const echo = decodeEcho(icmp.body);
    return echo.ok ? pong4(this.#host, { mac: ethernet.source, ipv4: ip.source }, echo.value) : undefined;
  }

  #answerIcmpv6(ethernet: Ethernet, ip: Ipv6, icmp: Icmp): Uint8Array | undefined {
    if (icmp.checksum !== 'complete' || icmp.code !== 0) return undefined;
    if (icmp.type === ICMPV6_TYPE.neighbourSolicitation) return this.#answerSolicitation(ethernet, ip, icmp);
    if (icmp.type !== ICMPV6_TYPE.echoRequest || !this.#isMyIpv6(ip)) return undefined;
    const echo = decodeEcho(icmp.body);
    return echo.ok ? pong6(this.#host, { mac: ethernet.source, ipv6: ip.source }, echo.value) : undefined;
  }

  /**
   * A sender without an address tests whether its own is in use: the advertisement goes to all nodes (RFC 4861, 7.2.4).
   */
  #answerSolicitation(ethernet: Ethernet, ip: Ipv6, icmp: Icmp): Uint8Array | undefined {
    if (ip.hopLimit !== NEIGHBOUR_HOP_LIMIT) return undefined;
    const toGroup = sameBytes(ip.destination, this.#group);
    if (!toGroup && !sameBytes(ip.destination, this.#host.ipv6)) return undefined;
    const neighbour = decodeNeighbour(ICMPV6_TYPE.neighbourSolicitation, icmp.body);
    if (!neighbour.ok || !sameBytes(neighbour.value.target, this.#host.ipv6)) return undefined;
    const { mac = ethernet.source } = neighbour.value;
    if (isUnspecified(ip.source)) {
      const valid = toGroup && neighbour.value.mac === undefined;
      return valid ? neighbourAdvertisement(this.#host, undefined) : undefined;
    }
    if (isGroupMac(mac) || isIpv6Group(ip.source)) return undefined;
    return neighbourAdvertisement(this.#host, { mac, ipv6: ip.source });
  }

  /** A segment that arrives by broadcast gets no reply (RFC 9293, 3.9.2.3). */
  #answerTcp(ethernet: Ethernet, ip: Ipv4 | Ipv6, tcp: Tcp): Uint8Array | undefined {
    if (isGroupMac(ethernet.destination)) return undefined;
    if (ip.version === 4 ? !this.#isMyIpv4(ip) : !this.#isMyIpv6(ip)) return undefined;
    const { fin, syn, rst, ack } = TCP_FLAG;
    if ((tcp.flags & (fin | syn | rst | ack)) !== syn) return undefined;
    const to = ip.version === 4 ? { ipv4: ip.source } : { ipv6: ip.source };
    return tcpRst(this.#host, { mac: ethernet.source, ...to }, { ...tcp, length: tcp.payload.length });
  }

  #isMyIpv4(ip: Ipv4): boolean {
    const [first = 0] = ip.source;
    // 0/8 is not a host; addresses from 224 on are groups and broadcast (RFC 1122, 3.2.1.3).
    const fromSomebody = first !== 0 && first < 224;
    return ip.checksum === 'complete' && fromSomebody && sameBytes(ip.destination, this.#host.ipv4);
  }

  #isMyIpv6(ip: Ipv6): boolean {
    return sameBytes(ip.destination, this.#host.ipv6) && !isUnspecified(ip.source) && !isIpv6Group(ip.source);
  }
}

function isUnspecified(ipv6: Uint8Array): boolean {
  return ipv6.every((byte) => byte === 0);
}

function isIpv6Group(ipv6: Uint8Array): boolean {
  return ipv6[0] === 0xff;
}
