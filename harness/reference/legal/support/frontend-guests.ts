/** Guests of correct frontends: what they send by themselves, and which packets they lose. */
import { arpRequest, type Host, neighbourSolicitation, udp4, udp6, withTag } from '../../../packet/build.js';
import { encodeEthernet, ETHER_TYPE } from '../../../packet/ethernet.js';
import { decodeFrame } from '../../../packet/frame.js';
import { type Link, linkOf } from '../../../peer/link.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { LegalDriver } from '../legal.js';
import { receiving } from './stacks.js';

type Wrap = NonNullable<LegalDriver['stack']>;

/** Sends frames of its own in turn, one every `ms` on each queue, from the time that the backend is Connected. */
export const sends = (ms: number, framesOf: (link: Link) => readonly Uint8Array[]): Partial<FrontendSteps> => ({
  start(vif) {
    correct.start(vif);
    const frames = framesOf(linkOf(Number(vif.path.split('/').at(-1))));
    for (const queue of vif.queues) {
      let count = 0;
      const next = (): void => {
        const frame = frames[count++ % frames.length];
        if (!vif.queues.includes(queue) || !frame) return;
        vif.steps.transmit(vif, queue, { frame, csumBlank: false });
        vif.domain.clock.after(ms, next);
      };
      next();
    }
  },
});

/** Asks its neighbour for its MAC again and again, to which the backend's end replies. */
export const probes = sends(5, ({ iut, peer }) => [arpRequest(iut, peer.ipv4), neighbourSolicitation(iut, peer.ipv6)]);

/** Sends nothing while the backend reports no carrier. */
export const silentWithoutCarrier: Partial<FrontendSteps> = {
  transmit(vif, queue, packet) {
    if (vif.carrier) correct.transmit(vif, queue, packet);
  },
};

/** Routes a packet over IPv6 whose checksum was wrong before it came. */
export const routesIpv6 = sends(20, ({ iut, peer }) => {
  const ipv6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
  const other: Host = { ...iut, ipv6 };
  const frame = udp6(other, peer, { sport: 5, dport: 6, payload: new Uint8Array(100) });
  frame[60] = (frame[60] ?? 0) ^ 0x5a;
  return [frame];
});

/** Sends full frames with two VLAN tags. */
export const tagsTwice = sends(20, ({ iut, peer }) => {
  const full = udp4(iut, peer, { sport: 1, dport: 2, payload: new Uint8Array(1472) });
  return [withTag(withTag(full, 5), 7, ETHER_TYPE.serviceVlan)];
});

/** Has room for `most` packets between two looks at its rx ring, and loses others. */
export const dropsUnderLoad = (most: number): Partial<FrontendSteps> => {
  const count = new WeakMap<FrontendQueueState, number>();
  return {
    takeRx(vif, queue, slots) {
      count.set(queue, 0);
      correct.takeRx(vif, queue, slots);
    },
    accept(vif, queue, packet) {
      const before = count.get(queue) ?? 0;
      count.set(queue, before + 1);
      if (before < most) correct.accept(vif, queue, packet);
    },
  };
};

const isPing = (frame: Uint8Array): boolean => {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'icmp';
};

/** A stack that replies to one ping in each `ms`. */
export function spacesPings(ms: number): Wrap {
  return (stack, clock) => {
    let last = -Infinity;
    return receiving(stack, (frame, meta) => {
      if (!isPing(frame)) return stack.receive(frame, meta);
      if (clock.now() - last < ms) return [];
      last = clock.now();
      return stack.receive(frame, meta);
    });
  };
}

/** A stack that replies to no ping in a frame of more than `most` bytes. */
export const shortPings =
  (most: number): Wrap =>
  (stack) =>
    receiving(stack, (frame, meta) => (isPing(frame) && frame.length > most ? [] : stack.receive(frame, meta)));

/** A stack that sends IPv4 to a router, at whichever neighbour its destination is. */
export const viaRouter: Wrap = (stack) =>
  receiving(stack, (frame, meta) =>
    stack.receive(frame, meta).map((each) => {
      const it = decodeFrame(each);
      if (!it.ok || it.value.ethernet.etherType !== ETHER_TYPE.ipv4) return each;
      return encodeEthernet({ ...it.value.ethernet, destination: Uint8Array.of(0x02, 0, 0, 0, 0, 0x77) });
    }),
  );
