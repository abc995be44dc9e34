/** What defects of either role tell packets by, and do to their order. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { IP_PROTOCOL } from '../../packet/ipv4.js';
import type { VifPacket } from '../packet.js';

const isIpv4 = (frame: Uint8Array, protocol: number): boolean =>
  frame[12] === 8 && frame[13] === 0 && frame[ETHERNET_HEADER + 9] === protocol;

/** An ICMP packet over IPv4. */
export const isPing = (frame: Uint8Array): boolean => isIpv4(frame, IP_PROTOCOL.icmp);

/** TCP over IPv4 whose checksum is there. */
export const isComplete = ({ frame, csumBlank }: VifPacket): boolean => isIpv4(frame, IP_PROTOCOL.tcp) && !csumBlank;

/** Accepts every fifth ping after the packet behind it, where one waits there. */
export function lastFirst<A extends readonly [unknown, object, VifPacket]>(
  accept: (...args: A) => void,
  waiting: (queue: A[1]) => { readonly ok: boolean; readonly value?: number },
): { accept: (...args: A) => void } {
  const held = new WeakMap<object, A>();
  let count = 0;
  return {
    accept(...args) {
      const [, queue, packet] = args;
      const before = held.get(queue);
      const left = waiting(queue);
      if (!before && isPing(packet.frame) && ++count % 5 === 0 && left.ok && (left.value ?? 0) > 0) {
        held.set(queue, args);
        return;
      }
      held.delete(queue);
      accept(...args);
      if (before) accept(...before);
    },
  };
}
