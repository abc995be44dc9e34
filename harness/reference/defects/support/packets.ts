/** Kinds of packets that defects of either role distinguish, and faults that both roles may have. */
import { ETHERNET_HEADER, LOCAL_EXPERIMENT } from '../../../packet/ethernet.js';
import { decodeFrame } from '../../../packet/frame.js';
import { udpChecksum } from '../../../packet/match.js';
import { wordSum } from '../../../packet/checksum.js';
import { IP_PROTOCOL } from '../../../packet/ipv4.js';
import { completeChecksum } from '../../../packet/offload.js';
import { TCP_FLAG } from '../../../packet/tcp.js';
import { KEY } from '../../../protocol/netif.js';
import { fit, type VifPacket } from '../../packet.js';

/** Bytes of a frame that decide its kind: the headers of Ethernet and IPv4. */
export const HEADERS = ETHERNET_HEADER + 20;

export type Kind = (frame: Uint8Array) => boolean;

const isIpv4 = (frame: Uint8Array, protocol: number): boolean =>
  frame[12] === 8 && frame[13] === 0 && frame[ETHERNET_HEADER + 9] === protocol;

export const isIpv6: Kind = (frame) => frame[12] === 0x86 && frame[13] === 0xdd;

/** A frame of a protocol that no stack knows. */
export const isUnknown: Kind = (frame) =>
  frame[12] === LOCAL_EXPERIMENT >> 8 && frame[13] === (LOCAL_EXPERIMENT & 0xff);

/** ICMP over IPv4. */
export const isPing: Kind = (frame) => isIpv4(frame, IP_PROTOCOL.icmp);

/** TCP over IPv4. */
export const isTcp: Kind = (frame) => isIpv4(frame, IP_PROTOCOL.tcp);

/** TCP over IPv4 with a complete checksum. */
export const isComplete = ({ frame, csumBlank }: VifPacket): boolean => isTcp(frame) && !csumBlank;

/** Where the header after that of IP begins, if that has no options. */
const afterIp = (frame: Uint8Array): number => ETHERNET_HEADER + (isIpv6(frame) ? 40 : 20);

/** Where a UDP header holds its checksum. */
const UDP_CHECKSUM = 6;

/** The frame with 0 in place of a UDP checksum of 0xffff, the form in which a sum of 0 is sent. */
export function withZeroSum(frame: Uint8Array): Uint8Array {
  const at = afterIp(frame) + UDP_CHECKSUM;
  const isOnes = udpChecksum(frame) !== undefined && frame[at] === 0xff && frame[at + 1] === 0xff;
  return isOnes ? Uint8Array.from(frame, (byte, n) => (n === at || n === at + 1 ? 0 : byte)) : frame;
}

/** Accepts every fifth packet of a kind after the packet that follows it, if one is already in the ring. */
export function lastFirst<A extends readonly [unknown, object, VifPacket]>(
  accept: (...args: A) => void,
  waiting: (queue: A[1]) => { readonly ok: boolean; readonly value?: number },
  isIt: Kind = isPing,
): { accept: (...args: A) => void } {
  const held = new WeakMap<object, A>();
  let count = 0;
  return {
    accept(...args) {
      const [, queue, packet] = args;
      const before = held.get(queue);
      const left = waiting(queue);
      if (!before && isIt(packet.frame) && ++count % 5 === 0 && left.ok && (left.value ?? 0) > 0) {
        held.set(queue, args);
        return;
      }
      held.delete(queue);
      accept(...args);
      if (before) accept(...before);
    },
  };
}

type Fitting<V> = (vif: V, packet: VifPacket) => VifPacket[];

/** Treats a blank checksum after a VLAN tag as complete. */
export const leavingTagged =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) => {
    const isTagged = packet.frame[12] === 0x81 && packet.frame[13] === 0;
    return isTagged && packet.csumBlank ? [{ frame: packet.frame, csumBlank: false }] : fitting(vif, packet);
  };

/** Leaves the last byte of a packet of odd length out of a checksum that is completed. */
export const omittingOddByte =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) => {
    const out = fitting(vif, packet);
    const last = packet.frame.at(-1) ?? 0;
    if (!packet.csumBlank || packet.gso || out[0]?.csumBlank || packet.frame.length % 2 === 0) return out;
    const without = Uint8Array.from(packet.frame);
    without[without.length - 1] = 0;
    return fitting(vif, { ...packet, frame: without }).map(({ frame, ...rest }) => {
      const whole = Uint8Array.from(frame);
      whole[whole.length - 1] = last;
      return { ...rest, frame: whole };
    });
  };

/** Loses the last segment of a packet that is cut into segments of equal size. */
export const losingLastOfEqual =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) => {
    const out = fitting(vif, packet);
    const isEqual = out.length > 1 && out[0]?.frame.length === out.at(-1)?.frame.length;
    return isEqual ? out.slice(0, -1) : out;
  };

/** Keeps the checksum of the IPv4 header of a packet in each segment that it is cut into. */
export const keepingHeaderSum =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) => {
    const out = fitting(vif, packet);
    if (out.length < 2 || isIpv6(packet.frame)) return out;
    const [from, to] = [ETHERNET_HEADER + 10, ETHERNET_HEADER + 12];
    return out.map((each) => {
      const frame = Uint8Array.from(each.frame);
      frame.set(packet.frame.subarray(from, to), from);
      return { ...each, frame };
    });
  };

/** Keeps FIN in each segment of a packet that is cut. */
export const keepingFin =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) => {
    const out = fitting(vif, packet);
    const at = afterIp(packet.frame) + 13;
    const fin = (packet.frame[at] ?? 0) & TCP_FLAG.fin;
    if (out.length < 2 || fin === 0) return out;
    return out.map((each) => ({
      ...each,
      frame: completeChecksum(Uint8Array.from(each.frame, (byte, n) => (n === at ? byte | fin : byte))),
    }));
  };

/** Adapts packets to an end as if feature-ipv6-csum-offload spoke of IPv4 too. */
export const usingKeyOfIpv6 = (
  { offers }: { readonly offers: Readonly<Record<string, boolean>> },
  packet: VifPacket,
): VifPacket[] => {
  const refuses = offers[KEY.featureNoCsumOffload] === true && !offers[KEY.featureIpv6CsumOffload];
  return fit(packet, { ...offers, [KEY.featureNoCsumOffload]: refuses });
};

/** Whether the sum that makes a UDP checksum exceeds 16 bits once more when its carries are added to it. */
function carriesAgain(frame: Uint8Array): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'udp' || it.value.udp.checksum !== 'complete') return false;
  const datagram = Uint8Array.from(frame.subarray(afterIp(frame)));
  datagram.fill(0, UDP_CHECKSUM, UDP_CHECKSUM + 2);
  const { source, destination } = it.value.ip;
  const sum = wordSum(source) + wordSum(destination) + IP_PROTOCOL.udp + datagram.length + wordSum(datagram);
  return (sum & 0xffff) + (sum >>> 16) > 0xffff;
}

/** Verifies checksums by adding the carries of a sum once, and drops packets for which that is not enough. */
export const verifyingByOneFold = ({ frame, csumBlank }: VifPacket): boolean => !csumBlank && carriesAgain(frame);

/** Completes checksums by adding the carries of a sum once. */
export const completingByOneFold =
  <V>(fitting: Fitting<V>): Fitting<V> =>
  (vif, packet) =>
    fitting(vif, packet).map((each) => {
      if (!packet.csumBlank || each.csumBlank || !carriesAgain(each.frame)) return each;
      const at = afterIp(each.frame) + UDP_CHECKSUM + 1;
      return { ...each, frame: Uint8Array.from(each.frame, (byte, n) => (n === at ? (byte + 1) & 0xff : byte)) };
    });
