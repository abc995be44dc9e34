/** Bridges of a guest that do not forward every frame: no header specifies what a guest forwards. */
import { decodeFrame } from '../../../packet/frame.js';
import { LARGEST_FRAME } from '../../../packet/ethernet.js';
import type { Domain } from '../../../xen/domain.js';
import type { VifPacket } from '../../packet.js';

interface Vif<V> {
  readonly bridgedTo: V | undefined;
}

type Accept<V, Q> = (vif: V, queue: Q, packet: VifPacket) => void;

/** An `accept` step that drops bridged packets that `forwards` rejects, and accepts one twice where `once` returns false. */
export function bridging<V extends Vif<V>, Q>(
  accept: (vif: V, queue: Q, packet: VifPacket) => void,
  forwards: (packet: VifPacket) => boolean,
  once: () => boolean = () => true,
): (vif: V, queue: Q, packet: VifPacket) => void {
  return (vif, queue, packet) => {
    if (vif.bridgedTo && !forwards(packet)) return;
    accept(vif, queue, packet);
    if (vif.bridgedTo && !once()) accept(vif, queue, packet);
  };
}

/**
 * Whether a bridge with a strict filter forwards a packet: no VLAN tags, no IEEE 802.3 lengths, of IP only TCP, UDP and
 * ICMP without options, extension headers and fragments, between addresses of hosts, and nothing beyond the MTU.
 */
export function isOrdinary({ frame, gso }: VifPacket): boolean {
  const it = decodeFrame(frame);
  if (!it.ok || (!gso && frame.length > LARGEST_FRAME)) return false;
  const { kind, ethernet } = it.value;
  if (kind === 'arp') return true;
  if (kind === 'other')
    return ethernet.etherType >= 0x600 && ethernet.etherType !== 0x8100 && ethernet.etherType !== 0x88a8;
  if (kind === 'ip') return false;
  const { ip } = it.value;
  if (ip.version === 6) return true;
  return ip.options.length === 0 && [ip.source, ip.destination].every(([first = 0]) => first !== 0 && first !== 128);
}

/** Returns a predicate that is false for one packet of `every`: the one that the bridge loses. */
export function losingOneOf(every: number): () => boolean {
  let count = 0;
  return () => ++count % every !== 0;
}

/** An `accept` step that passes on the packets of a bridge twice. */
export function duplicating<V extends Vif<V>, Q>(accept: Accept<V, Q>): Accept<V, Q> {
  return (vif, queue, packet) => {
    accept(vif, queue, packet);
    if (vif.bridgedTo) accept(vif, queue, packet);
  };
}

/** An `accept` step that passes on the packets of a bridge `ms` later. */
export function delaying<V extends Vif<V> & { readonly domain: Pick<Domain, 'clock'>; readonly queues: Q[] }, Q>(
  accept: Accept<V, Q>,
  ms: number,
): Accept<V, Q> {
  return (vif, queue, packet) => {
    if (!vif.bridgedTo) return accept(vif, queue, packet);
    const kept = { ...packet, frame: Uint8Array.from(packet.frame) };
    vif.domain.clock.after(ms, () => {
      if (vif.queues.includes(queue)) accept(vif, queue, kept);
    });
  };
}
