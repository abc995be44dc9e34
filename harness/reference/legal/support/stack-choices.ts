/** Network stacks that reply to what the reference driver's stack replies to, in another form. */
import { BROADCAST_MAC, isGroupMac } from '../../../packet/address.js';
import { ARP_REPLY } from '../../../packet/arp.js';
import { arpRequest, type Host, neighbourSolicitation } from '../../../packet/build.js';
import { type Ethernet, encodeEthernet, ETHER_TYPE } from '../../../packet/ethernet.js';
import { decodeFrame, type Frame } from '../../../packet/frame.js';
import { ICMPV6_TYPE } from '../../../packet/icmp.js';
import { encodeIpv4, IP_PROTOCOL } from '../../../packet/ipv4.js';
import { encodeIpv6 } from '../../../packet/ipv6.js';
import { encodeNeighbour } from '../../../packet/neighbour.js';
import { encodeIcmpv6 } from '../../../packet/icmp.js';
import { NEIGHBOUR_HOP_LIMIT, decodeNeighbour } from '../../../packet/neighbour.js';
import { encodeTcp } from '../../../packet/tcp.js';
import type { LegalDriver } from '../legal.js';
import { receiving } from './stacks.js';

type Wrap = NonNullable<LegalDriver['stack']>;

/** A stack whose own frames are changed by `change` before they are sent. */
function sending(change: (frame: Frame, bytes: Uint8Array) => Uint8Array): Wrap {
  return (stack) =>
    receiving(stack, (frame, meta) =>
      stack.receive(frame, meta).map((each) => {
        const it = decodeFrame(each);
        return it.ok ? change(it.value, each) : each;
      }),
    );
}

const framed = (ethernet: Ethernet, payload: Uint8Array): Uint8Array => encodeEthernet({ ...ethernet, payload });

/** Sends its IP packets with other values in every field that the sender chooses, and with IPv4 options. */
export const otherHeaders: Wrap = (stack, clock) => {
  let identification = 0xfff0;
  return sending((frame) => {
    const { ethernet } = frame;
    if (!('ip' in frame)) return framed(ethernet, ethernet.payload);
    const { ip } = frame;
    if (ip.version === 4) {
      const options = Uint8Array.of(1, 1, 1, 0);
      identification = (identification + 7) & 0xffff;
      const choices = { identification, flags: 0, ttl: 255, typeOfService: 0xc0, options };
      return framed(ethernet, encodeIpv4({ ...ip, ...choices, payload: tcpChoices(frame) ?? ip.payload }));
    }
    const hopLimit = ip.hopLimit === NEIGHBOUR_HOP_LIMIT ? ip.hopLimit : 128;
    return framed(ethernet, encodeIpv6({ ...ip, trafficClass: 0xc0, flowLabel: 0x12345, hopLimit }));
  })(stack, clock);
};

/** A TCP segment with a window and timestamps; undefined for any other packet. */
function tcpChoices(frame: Frame): Uint8Array | undefined {
  if (frame.kind !== 'tcp') return undefined;
  const timestamps = Uint8Array.of(1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0);
  return encodeTcp({ ...frame.tcp, window: 0x2000, options: timestamps }, frame.ip);
}

/** Sends from another MAC than the one to which it listens, as a bond or a router pair does. */
export const otherMac: Wrap = sending(({ ethernet }) =>
  encodeEthernet({ ...ethernet, source: Uint8Array.of(0x02, 0x5e, 0, 0, 1, 7) }),
);

/** Broadcasts its ARP replies. */
export const broadcastsArp: Wrap = sending(({ kind, ethernet }, bytes) =>
  kind === 'arp' ? encodeEthernet({ ...ethernet, destination: BROADCAST_MAC }) : bytes,
);

/** Replies to no ARP request that was sent to it alone. */
export const heedsBroadcastArp: Wrap = (stack) =>
  receiving(stack, (frame, meta) => {
    const it = decodeFrame(frame);
    const isUnicast = it.ok && !isGroupMac(it.value.ethernet.destination);
    return it.ok && it.value.kind === 'arp' && isUnicast ? [] : stack.receive(frame, meta);
  });

/** Sends its neighbour advertisements as a router that does not override what its neighbours know. */
export const routerAdvertisements: Wrap = sending((frame, bytes) => {
  if (frame.kind !== 'icmpv6' || frame.icmp.type !== ICMPV6_TYPE.neighbourAdvertisement) return bytes;
  const neighbour = decodeNeighbour(ICMPV6_TYPE.neighbourAdvertisement, frame.icmp.body);
  if (!neighbour.ok) return bytes;
  const body = encodeNeighbour({ ...neighbour.value, flags: (neighbour.value.flags & ~1) | 4 });
  return framed(
    frame.ethernet,
    encodeIpv6({
      ...frame.ip,
      payload: encodeIcmpv6({ ...frame.icmp, body }, frame.ip),
      nextHeader: IP_PROTOCOL.icmpv6,
    }),
  );
});

/** Sends each of its replies twice. */
export const twice: Wrap = (stack) =>
  receiving(stack, (frame, meta) => stack.receive(frame, meta).flatMap((each) => [each, each]));

/**
 * Asks for the MAC of each neighbour before it sends the first IP packet to it, and learns from replies only. Holds one
 * packet for each neighbour meanwhile (RFC 1122, 2.3.2.2).
 */
export const resolvesFirst: Wrap = (stack) => {
  const known = new Set<string>();
  const held = new Map<string, Uint8Array>();
  return receiving(stack, (frame, meta) => {
    const it = decodeFrame(frame);
    const learnt = it.ok ? resolved(it.value) : undefined;
    if (learnt !== undefined) known.add(learnt);
    const waiting = learnt === undefined ? undefined : held.get(learnt);
    if (learnt !== undefined) held.delete(learnt);
    const replies = stack.receive(frame, meta).flatMap((reply) => {
      const own = decodeFrame(reply);
      if (!own.ok || !('ip' in own.value) || own.value.ethernet.etherType === ETHER_TYPE.arp) return [reply];
      const { ethernet, ip } = own.value;
      if (isGroupMac(ethernet.destination) || ip.destination.length === 0) return [reply];
      const to = ip.destination.join('.');
      if (known.has(to) || (own.value.kind === 'icmpv6' && own.value.icmp.type === ICMPV6_TYPE.neighbourAdvertisement))
        return [reply];
      held.set(to, reply);
      const self: Host = { mac: ethernet.source, ipv4: ip.source, ipv6: ip.source };
      return [ip.version === 4 ? arpRequest(self, ip.destination) : neighbourSolicitation(self, ip.destination)];
    });
    return waiting ? [waiting, ...replies] : replies;
  });
};

/** The address whose MAC a frame reports in response to a request. */
function resolved(frame: Frame): string | undefined {
  if (frame.kind === 'arp') return frame.arp.operation === ARP_REPLY ? frame.arp.senderIpv4.join('.') : undefined;
  if (frame.kind !== 'icmpv6' || frame.icmp.type !== ICMPV6_TYPE.neighbourAdvertisement) return undefined;
  const neighbour = decodeNeighbour(ICMPV6_TYPE.neighbourAdvertisement, frame.icmp.body);
  return neighbour.ok ? neighbour.value.target.join('.') : undefined;
}

/** Like {@link resolvesFirst}, without room for a packet: what it would send meanwhile is lost. */
export const dropsUnresolved: Wrap = (stack, clock) => {
  const inner = resolvesFirst(stack, clock);
  return receiving(stack, (frame, meta) => {
    const it = decodeFrame(frame);
    const replies = inner.receive(frame, meta);
    // What was held comes first in response to an ARP reply or an advertisement, which get no reply themselves.
    return it.ok && resolved(it.value) !== undefined ? [] : replies;
  });
};

/** Resets at most `most` connections per second. */
export function resetsLimited(most: number): Wrap {
  return (stack, clock) => {
    let second = -1;
    let count = 0;
    return receiving(stack, (frame, meta) => {
      const it = decodeFrame(frame);
      if (!it.ok || it.value.kind !== 'tcp') return stack.receive(frame, meta);
      const now = Math.floor(clock.now() / 1000);
      if (now !== second) [second, count] = [now, 0];
      return ++count > most ? [] : stack.receive(frame, meta);
    });
  };
}
