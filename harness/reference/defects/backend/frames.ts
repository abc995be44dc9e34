/** Defects of the reference backend, chapter frames. */
import { concat } from '../../../bytes/bytes.js';
import { ETHERNET_HEADER } from '../../../packet/ethernet.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { VifPacket } from '../../packet.js';
import type { Defect } from '../defect.js';
import { drops } from '../support/backend.js';
import { isIpv6 } from '../support/packets.js';

/** Changes the bytes of packets that arrive at a vif. */
const changes = (change: (frame: Uint8Array) => Uint8Array): Partial<BackendSteps> => ({
  accept: (vif, queue, packet) => correct.accept(vif, queue, { ...packet, frame: change(packet.frame) }),
});

const etherType = (frame: Uint8Array): number => ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
const isTagged = (frame: Uint8Array): boolean => etherType(frame) === 0x8100;
const isLarge = ({ gso }: VifPacket): boolean => gso !== undefined;

export const BACKEND_FRAMES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.frames.buffer-of-2-kb',
    breaks: 'TXW-37',
    fault: 'copies 2 kB at most of a frame that is no large packet',
    backend: {
      accept: (vif, queue, packet) =>
        correct.accept(vif, queue, isLarge(packet) ? packet : { ...packet, frame: packet.frame.subarray(0, 2048) }),
    },
  },
  {
    id: 'backend.frames.strips-tag',
    breaks: 'TXW-36',
    fault: 'forwards a frame without its VLAN tag',
    seen: 'win-xenvif b5491f6: length and offset do not match after a VLAN tag was removed',
    backend: changes((frame) => (isTagged(frame) ? concat(frame.subarray(0, 12), frame.subarray(16)) : frame)),
  },
  {
    id: 'backend.frames.no-room-for-tag',
    breaks: 'TXW-36',
    fault: 'drops frames of more than 1514 bytes that are not large packets, also with a VLAN tag',
    backend: drops((packet) => packet.frame.length > 1500 + ETHERNET_HEADER && !isLarge(packet)),
  },
  {
    id: 'backend.frames.header-of-20',
    breaks: 'TXW-36',
    fault: 'drops IPv4 packets with options',
    backend: drops(({ frame }) => etherType(frame) === 0x0800 && (frame[ETHERNET_HEADER] ?? 0) !== 0x45),
  },
  {
    id: 'backend.frames.extension-headers',
    breaks: 'TXW-36',
    fault: 'drops IPv6 packets with hop-by-hop options',
    backend: drops(({ frame }) => isIpv6(frame) && frame[ETHERNET_HEADER + 6] === 0),
  },
  {
    id: 'backend.frames.ethernet-two',
    breaks: 'TXW-36',
    fault: 'drops frames whose EtherType is a length of 802.3',
    backend: drops(({ frame }) => etherType(frame) < 0x0600),
  },
  {
    id: 'backend.frames.cuts',
    breaks: 'TXW-36',
    fault: 'cuts a frame without a VLAN tag to 1514 bytes if it is longer and no large packet',
    backend: {
      accept: (vif, queue, packet) =>
        correct.accept(
          vif,
          queue,
          isLarge(packet) || isTagged(packet.frame) ? packet : { ...packet, frame: packet.frame.slice(0, 1514) },
        ),
    },
  },
];
