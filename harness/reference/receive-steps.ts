/** Steps of the reference backend for packets to the frontend (netif.h, "Guest receive"). */
import { BROADCAST_MAC, isGroupMac, MAC_LENGTH } from '../packet/address.js';
import { sameBytes } from '../bytes/bytes.js';
import { encodeExtra, type Extra, linked } from '../protocol/extra.js';
import { HASH_ALGORITHM, KEY, RSP, RXF } from '../protocol/netif.js';
import { decodeRxRequest, encodeRxResponse, type RxRequest } from '../protocol/rx.js';
import { PAGE_SIZE } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import type { PacketHash } from './hashing.js';
import { fit, type VifPacket } from './packet.js';

/** Packets that are kept per queue while the frontend has posted no buffers; further packets are dropped. */
const BACKLOG = 64;

export const RECEIVE_STEPS = {
  /** Forwards a packet over the bridge of the vif, or passes it to the stack and sends the stack's replies. */
  accept(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const { bridgedTo } = vif;
    if (bridgedTo) return bridgedTo.steps.send(bridgedTo, bridgedTo.queues[queue.index] ?? bridgedTo.queues[0], packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      vif.steps.send(vif, queue, { frame, csumBlank: false });
    }
  },

  /** Sends a packet to the frontend, unless the multicast filter excludes it. */
  send(vif: BackendVif, usual: BackendQueueState | undefined, packet: VifPacket): void {
    const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
    if (!queue || !vif.steps.isWanted(vif, packet.frame)) return;
    for (const each of vif.steps.fitting(vif, packet)) {
      if (queue.backlog.length < BACKLOG) queue.backlog.push(each);
    }
    vif.steps.drainBacklog(vif, queue);
  },

  /** The queue that the hash settings select; undefined while hashing is off. */
  queueFor(vif: BackendVif, frame: Uint8Array): BackendQueueState | undefined {
    if (vif.hashing.algorithm === HASH_ALGORITHM.none) return undefined;
    return vif.queues[vif.hashing.queueFor(vif.steps.hash(vif, frame), vif.queues.length)];
  },

  hash(vif: BackendVif, frame: Uint8Array): PacketHash | undefined {
    return vif.hashing.of(frame);
  },

  /** The packet in a form that the frontend can receive: cut into segments and with a complete checksum as needed. */
  fitting(vif: BackendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  isWanted(vif: BackendVif, frame: Uint8Array): boolean {
    const destination = frame.subarray(0, MAC_LENGTH);
    if (!vif.groups.requested || !isGroupMac(destination) || sameBytes(destination, BROADCAST_MAC)) return true;
    return vif.groups.has(destination);
  },

  /** Delivers waiting packets as long as the frontend has buffers for them. */
  drainBacklog(vif: BackendVif, queue: BackendQueueState): void {
    for (;;) {
      const packet = queue.backlog[0];
      if (!packet) return;
      if (vif.steps.pieces(vif, packet.frame).length > 1 && !vif.offers[KEY.featureSg]) {
        queue.backlog.shift();
        continue;
      }
      const needed = vif.steps.buffersFor(vif, packet);
      const ready = queue.rx.unconsumed();
      if (!ready.ok) return;
      if (ready.value < needed) {
        if (!vif.steps.waitsForBuffers(vif)) queue.backlog.shift();
        queue.rx.setReqEvent(queue.rx.reqCons + needed);
        const again = queue.rx.unconsumed();
        if (!again.ok || again.value < needed) return;
        continue;
      }
      queue.backlog.shift();
      vif.steps.deliver(vif, queue, packet);
    }
  },

  /** Whether a packet waits until the frontend has posted enough buffers; it is dropped if not. */
  waitsForBuffers(vif: BackendVif): boolean {
    return vif.rxNotify;
  },

  /** How many buffers must be posted before a packet is delivered. */
  buffersFor(vif: BackendVif, packet: VifPacket): number {
    return vif.steps.pieces(vif, packet.frame).length + vif.steps.extras(vif, packet).length;
  },

  /** What goes into each buffer of a frame. */
  pieces(vif: BackendVif, frame: Uint8Array): Uint8Array[] {
    const room = PAGE_SIZE - vif.headroom;
    return Array.from({ length: Math.ceil(frame.length / room) }, (_, n) => frame.subarray(n * room, (n + 1) * room));
  },

  /** Where a piece of `length` bytes begins in its buffer. */
  offsetFor(vif: BackendVif, _length: number): number {
    return vif.headroom;
  },

  /** The checksum flags of a packet's first slot. */
  checksumFlags({ csumBlank }: VifPacket): number {
    return csumBlank ? RXF.csumBlank | RXF.dataValidated : 0;
  },

  /** The extra infos of a packet. */
  extras(vif: BackendVif, { frame, gso }: VifPacket): Extra[] {
    const extras: Extra[] = [];
    if (gso) extras.push({ type: 'gso', flags: 0, size: gso.size, gsoType: gso.type, pad: 0, features: 0 });
    const hash = vif.steps.hash(vif, frame);
    if (hash) {
      const { algorithm } = vif.hashing;
      extras.push({ type: 'hash', flags: 0, hashType: hash.type, algorithm, value: hash.value });
    }
    if (vif.headroom > 0) extras.push({ type: 'xdp', flags: 0, headroom: vif.headroom, pad: 0 });
    return linked(extras);
  },

  /** Writes one packet into rx buffers, with its extra infos after the first piece. */
  deliver(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const extras = vif.steps.extras(vif, packet);
    const pieces = vif.steps.pieces(vif, packet.frame);
    for (const [n, piece] of pieces.entries()) {
      const request = decodeRxRequest(queue.rx.take());
      if (!request.ok) return;
      const first = n === 0 ? vif.steps.checksumFlags(packet) | (extras.length > 0 ? RXF.extraInfo : 0) : 0;
      const more = n < pieces.length - 1 ? RXF.moreData : 0;
      vif.steps.fill(vif, queue, request.value, piece, more | first);
      if (n === 0) for (const extra of extras) vif.steps.fillExtra(queue, extra);
    }
    vif.steps.push(vif, queue.rx, queue.rxPort);
  },

  /** Puts an extra info into the slot of a response. */
  fillExtra(queue: BackendQueueState, extra: Extra): void {
    queue.rx.take();
    queue.rx.put(encodeExtra(extra));
  },

  /**
   * Fills one buffer and puts its response into the slot of its request. The flags are the same if the buffer can't be
   * written: they say what follows.
   */
  fill(vif: BackendVif, queue: BackendQueueState, request: RxRequest, piece: Uint8Array, flags: number): void {
    const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);
    const offset = vif.steps.offsetFor(vif, piece.length);
    if (page?.writable) page.copyIn(offset, piece);
    const segment = { domain: queue.frontend, ref: request.gref, offset, bytes: piece };
    const ok = page ? page.writable : vif.domain.grants.copyTo([segment])[0] === 0;
    queue.rx.put(encodeRxResponse({ id: request.id, offset, flags, status: ok ? piece.length : RSP.error }));
  },
};
