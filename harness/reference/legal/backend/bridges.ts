/** What a backend's host forwards between two vifs. */
import { isGroupMac } from '../../../packet/address.js';
import { type Host, tcpData } from '../../../packet/build.js';
import { decodeFrame } from '../../../packet/frame.js';
import type { VifPacket } from '../../packet.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { LegalDriver } from '../legal.js';
import { bridging, isOrdinary, losingOneOf } from '../support/bridges.js';
import { padded } from '../support/stacks.js';

type Accept = BackendSteps['accept'];

const host = (last: number): Host => ({
  mac: Uint8Array.of(0x00, 0x16, 0x3e, 0x01, 0x02, last),
  ipv4: Uint8Array.of(192, 0, 2, last),
  ipv6: new Uint8Array(16),
});
/** A packet between two hosts that are unrelated to the vifs. */
const STRANGERS = tcpData(host(7), host(9), { seq: 77, payload: new Uint8Array(100).fill(7), checksum: 'complete' });

/** Whether a packet is not IP or comes from a network of the tests, 198.18.0.0/15 (RFC 2544) or fe80::/10. */
function isLocal({ frame }: VifPacket): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || !('ip' in it.value)) return true;
  const [first, second] = it.value.ip.source;
  return (first === 198 && second === 18) || first === 0xfe;
}

/** Forwards nothing to an address from which the other vif has sent no frame. */
function learned(): Accept {
  const known = new WeakMap<BackendVif, Set<string>>();
  return (vif, queue, packet) => {
    const { frame } = packet;
    known.set(vif, (known.get(vif) ?? new Set()).add(String(frame.subarray(6, 12))));
    const to = vif.bridgedTo;
    if (!to || isGroupMac(frame.subarray(0, 6)) || known.get(to)?.has(String(frame.subarray(0, 6))))
      correct.accept(vif, queue, packet);
  };
}

/** Forwards `frame` after every packet number `every`. */
function interleaved(frame: Uint8Array, every: number): Accept {
  let count = 0;
  return (vif, queue, packet) => {
    correct.accept(vif, queue, packet);
    const to = vif.bridgedTo;
    if (to && ++count % every === 0) to.steps.send(to, to.queues[0], { frame, csumBlank: false });
  };
}

export const BRIDGES: readonly LegalDriver[] = [
  {
    id: 'backend.bridge-filters',
    choice: 'has a bridge that forwards no tags, IP options, extension headers, fragments or odd addresses',
    source:
      'no header specifies a bridge; FreeBSD sys/net/if_bridge.c, bridge_pfil: drops what a packet filter rejects',
    backend: { accept: bridging((...packet) => correct.accept(...packet), isOrdinary) },
    warns: ['TXW-36'],
  },
  {
    id: 'backend.bridge-loses',
    choice: 'has a bridge that loses one packet of 9',
    source: 'no header specifies a bridge; Ethernet may lose frames',
    backend: { accept: bridging((...packet) => correct.accept(...packet), losingOneOf(9)) },
  },
  {
    id: 'backend.bridge-no-groups',
    choice: 'has a bridge that forwards no multicast',
    source: 'Linux net/bridge/br_forward.c, br_flood: BR_MCAST_FLOOD may be off for a port, v6.1',
    backend: {
      accept: bridging(
        (...packet) => correct.accept(...packet),
        ({ frame }) => !isGroupMac(frame.subarray(0, 6)) || frame.subarray(0, 6).every((octet) => octet === 0xff),
      ),
    },
    warns: ['MCAST-07'],
  },
  {
    id: 'backend.bridge-antispoof',
    choice: 'has a bridge that forwards IP packets from addresses of its own networks only',
    source: 'no header specifies a bridge; Xen tools/hotplug/Linux/vif-common.sh, frob_iptable: ip of the vif',
    warns: ['TXW-36'],
    backend: { accept: bridging((...packet) => correct.accept(...packet), isLocal) },
  },
  {
    id: 'backend.bridge-pads',
    choice: 'has a bridge that pads short frames to 60 bytes',
    source: 'IEEE 802.3: minimum size of a frame, without FCS',
    backend: {
      accept(vif, queue, packet) {
        correct.accept(vif, queue, vif.bridgedTo ? { ...packet, frame: padded(packet.frame) } : packet);
      },
    },
  },
  {
    id: 'backend.bridge-floods-nothing',
    choice: 'has a bridge that forwards frames only to groups and to addresses that it has learned',
    source: 'Linux net/bridge/br_forward.c, br_flood: BR_FLOOD may be off for a port, v6.1',
    backend: { accept: learned() },
  },
  {
    id: 'backend.bridge-duplicates',
    choice: 'has a bridge that forwards one packet of 9 twice',
    source: 'no header specifies a bridge; Ethernet may duplicate frames',
    backend: {
      accept: bridging(
        (...packet) => correct.accept(...packet),
        () => true,
        losingOneOf(9),
      ),
    },
  },
  {
    id: 'backend.bridge-other-flows',
    choice: 'has a bridge that forwards a TCP packet of another host after every third packet',
    source: 'no header specifies what else crosses a bridge',
    backend: { accept: interleaved(STRANGERS, 3) },
  },
];
