/** Stacks of a backend's host: the packets to which they reply, and other traffic on the link. */
import { arpRequest, type Host, ping4 } from '../../../packet/build.js';
import { BROADCAST_MAC } from '../../../packet/address.js';
import { encodeEthernet } from '../../../packet/ethernet.js';
import type { Stack } from '../../../packet/stack.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { every, later } from '../support/backend-queues.js';
import { ipv4Only } from '../support/frontend-stacks.js';
import { filtering, isEcho, lateAddresses, limited, losing, padding, randomIdentifier } from '../support/stacks.js';

const STACK = "no header specifies the network stack of a backend's host";

/** A host on the link that is unrelated to the vif. */
const STRANGER: Host = {
  mac: Uint8Array.of(0x00, 0x16, 0x3e, 0x01, 0x02, 0x03),
  ipv4: Uint8Array.of(192, 0, 2, 7),
  ipv6: new Uint8Array(16),
};

/** Passes one ping of `every` to the stack 3 ms after it has arrived. */
function reordering(every: number): Pick<BackendSteps, 'accept'> {
  let count = 0;
  return {
    accept(vif, queue, packet) {
      const pass = (): void => correct.accept(vif, queue, packet);
      if (!vif.bridgedTo && isEcho(packet.frame) && ++count % every === 0) later(vif, queue, 3, pass);
      else pass();
    },
  };
}

export const STACKS: readonly LegalDriver[] = [
  {
    id: 'backend.stack-arp-alone',
    choice: 'has a stack that replies to ARP only',
    source: STACK,
    backend: {},
    stack: filtering((kind) => kind === 'arp'),
  },
  {
    id: 'backend.stack-silent',
    choice: 'has a stack that does not reply',
    source: `${STACK}; QEMU without a network device`,
    backend: {},
    stack: filtering(() => false),
  },
  {
    id: 'backend.stack-v4-alone',
    choice: 'has a stack that supports IPv4 only',
    source: STACK,
    backend: {},
    stack: ipv4Only,
  },
  {
    id: 'backend.stack-no-tcp',
    choice: 'has a stack that resets no TCP connection',
    source: STACK,
    backend: {},
    stack: filtering((kind) => kind !== 'tcp'),
  },
  {
    id: 'backend.stack-echo-limited',
    choice: 'has a stack that replies to at most 200 pings per second',
    source: 'FreeBSD sys/netinet/ip_icmp.c, icmp_input: badport_bandlim, net.inet.icmp.icmplim 200',
    backend: {},
    stack: limited(200),
  },
  {
    id: 'backend.stack-echo-limited-6',
    choice: 'has a stack that replies to at most 6 pings per second',
    source: 'Linux net/ipv4/icmp.c, icmp_ratelimit: the limit is configurable',
    backend: {},
    stack: limited(6),
  },
  ...[2, 64].map((every) => ({
    id: `backend.stack-reorders-${every}`,
    choice: `has a stack that replies to one ping of ${every} 3 ms later than to the others`,
    source: STACK,
    backend: reordering(every),
    stack: (stack: Stack) => stack,
  })),
  {
    id: 'backend.stack-loses-echoes',
    choice: 'has a stack that loses every 40th ping',
    source: STACK,
    backend: {},
    stack: losing(40),
  },
  {
    id: 'backend.stack-random-identifier',
    choice: 'has a stack whose IPv6 address is not derived from its MAC',
    source: 'RFC 7217 and RFC 8064: random interface identifiers',
    backend: {},
    stack: randomIdentifier,
  },
  {
    id: 'backend.stack-late-addresses',
    choice: 'has a stack that replies to nothing in its first second',
    source: `${STACK}; it may configure its addresses after the link is up`,
    backend: {},
    stack: lateAddresses(1000),
  },
  {
    id: 'backend.stack-late',
    choice: 'has a stack that replies after 40 ms',
    source: STACK,
    backend: {
      accept(vif, queue, packet) {
        if (vif.bridgedTo) return correct.accept(vif, queue, packet);
        later(vif, queue, 40, () => correct.accept(vif, queue, packet));
      },
    },
  },
  {
    id: 'backend.stack-padded',
    choice: 'has a stack that pads short frames to 60 bytes',
    source: 'IEEE 802.3: minimum size of a frame, without FCS',
    backend: {},
    stack: padding,
  },
  {
    id: 'backend.wire-busy',
    choice: 'has a link with other traffic: broadcast, multicast and unicast frames every 4 ms',
    source: 'netif.h, "feature-multicast-control": backends flood multicast packets',
    backend: {
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        let count = 0;
        const noise = [
          arpRequest(STRANGER, Uint8Array.of(192, 0, 2, 1)),
          encodeEthernet({
            destination: Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0),
            source: STRANGER.mac,
            etherType: 0x27,
            payload: new Uint8Array(50),
          }),
          ping4(
            STRANGER,
            { mac: BROADCAST_MAC, ipv4: Uint8Array.of(192, 0, 2, 255) },
            { id: 1, seq: 1, payload: new Uint8Array(8) },
          ),
        ];
        every(vif, queue, 4, () => {
          const frame = noise[count++ % noise.length];
          if (frame) vif.steps.send(vif, queue, { frame, csumBlank: false });
        });
        return queue;
      },
    },
  },
  {
    id: 'backend.stack-jitter',
    choice: 'has a stack whose replies come after 0 to 6 ms, in any order between flows',
    source: STACK,
    backend: {
      accept(vif, queue, packet) {
        if (vif.bridgedTo) return correct.accept(vif, queue, packet);
        for (const frame of vif.stack.receive(packet.frame, packet)) {
          const reply = (): void => vif.steps.send(vif, queue, { frame, csumBlank: false });
          if (frame.length % 7 === 0) reply();
          else later(vif, queue, frame.length % 7, reply);
        }
      },
    },
  },
];
