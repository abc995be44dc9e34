/** What the reference backend does with packets, to the frontend's buffers (netif.h, "Guest receive"). */
import { BROADCAST_MAC, isGroupMac, MAC_LENGTH } from '../packet/address.js';
import { sameBytes } from '../packet/bytes.js';
import { encodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, HASH_ALGORITHM, KEY, RSP, RXF } from '../protocol/netif.js';
import { decodeRxRequest, encodeRxResponse, type RxRequest } from '../protocol/rx.js';
import { PAGE_SIZE } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import type { PacketHash } from './hashing.js';
import { fit, type VifPacket } from './packet.js';

/** Packets kept per queue while the frontend has no buffers posted; more are dropped. */
const BACKLOG = 64;

export const RECEIVE_STEPS = {
  /** Hands a packet on: over the bridge that the vif is a port of, or to the stack, whose answers go back. */
  accept(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const { bridgedTo } = vif;
    if (bridgedTo) return bridgedTo.steps.send(bridgedTo, bridgedTo.queues[queue.index] ?? bridgedTo.queues[0], packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      vif.steps.send(vif, queue, { frame, csumBlank: false });
    }
  },

  /** Sends a packet to the frontend, unless it's of a group that the frontend doesn't want. */
  send(vif: BackendVif, usual: BackendQueueState | undefined, packet: VifPacket): void {
    const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
    if (!queue || !vif.steps.isWanted(vif, packet.frame)) return;
    for (const each of vif.steps.fitting(vif, packet)) {
      if (queue.backlog.length < BACKLOG) queue.backlog.push(each);
    }
    vif.steps.drainBacklog(vif, queue);
  },

  /** The queue that the hash settings tell; undefined if they tell none. */
  queueFor(vif: BackendVif, frame: Uint8Array): BackendQueueState | undefined {
    if (vif.hashing.algorithm === HASH_ALGORITHM.none) return undefined;
    return vif.queues[vif.hashing.queueFor(vif.steps.hash(vif, frame), vif.queues.length)];
  },

  hash(vif: BackendVif, frame: Uint8Array): PacketHash | undefined {
    return vif.hashing.of(frame);
  },

  /** The packet as the frontend takes it: cut into segments, and with its checksum, if it can't do that itself. */
  fitting(vif: BackendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  isWanted(vif: BackendVif, frame: Uint8Array): boolean {
    const destination = frame.subarray(0, MAC_LENGTH);
    if (!vif.groups.requested || !isGroupMac(destination) || sameBytes(destination, BROADCAST_MAC)) return true;
    return vif.groups.has(destination);
  },

  /** Delivers the packets that wait, as far as the frontend's buffers go. */
  drainBacklog(vif: BackendVif, queue: BackendQueueState): void {
    for (;;) {
      const packet = queue.backlog[0];
      if (!packet) return;
      const pages = Math.ceil(packet.frame.length / (PAGE_SIZE - vif.headroom));
      const needed = pages + vif.steps.extras(vif, packet).length;
      if (pages > 1 && !vif.offers[KEY.featureSg]) {
        queue.backlog.shift();
        continue;
      }
      const ready = queue.rx.unconsumed();
      if (!ready.ok) return;
      if (ready.value < needed) {
        if (!vif.rxNotify) queue.backlog.shift();
        queue.rx.setReqEvent(queue.rx.reqCons + needed);
        const again = queue.rx.unconsumed();
        if (!again.ok || again.value < needed) return;
        continue;
      }
      queue.backlog.shift();
      vif.steps.deliver(vif, queue, packet);
    }
  },

  /** The extra infos that go with a packet. */
  extras(vif: BackendVif, { frame, gso }: VifPacket): Extra[] {
    const extras: Extra[] = [];
    if (gso) extras.push({ type: 'gso', flags: 0, size: gso.size, gsoType: gso.type, pad: 0, features: 0 });
    const hash = vif.steps.hash(vif, frame);
    if (hash) {
      const { algorithm } = vif.hashing;
      extras.push({ type: 'hash', flags: 0, hashType: hash.type, algorithm, value: hash.value });
    }
    if (vif.headroom > 0) extras.push({ type: 'xdp', flags: 0, headroom: vif.headroom, pad: 0 });
    return extras.map((extra, n) => (n < extras.length - 1 ? { ...extra, flags: EXTRA_FLAG_MORE } : extra));
  },

  /** Lays one packet into rx buffers, its extra infos behind the first piece. */
  deliver(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const { frame, csumBlank } = packet;
    const extras = vif.steps.extras(vif, packet);
    const room = PAGE_SIZE - vif.headroom;
    for (let at = 0; at < frame.length; at += room) {
      const request = decodeRxRequest(queue.rx.take());
      if (!request.ok) return;
      const piece = frame.subarray(at, at + room);
      const blank = csumBlank ? RXF.csumBlank | RXF.dataValidated : 0;
      const first = at === 0 ? blank | (extras.length > 0 ? RXF.extraInfo : 0) : 0;
      const more = at + room < frame.length ? RXF.moreData : 0;
      vif.steps.fill(vif, queue, request.value, piece, more | first);
      if (at === 0) for (const extra of extras) vif.steps.fillExtra(queue, extra);
    }
    vif.steps.push(vif, queue.rx, queue.rxPort);
  },

  /** Puts an extra info in place of a response. */
  fillExtra(queue: BackendQueueState, extra: Extra): void {
    queue.rx.take();
    queue.rx.put(encodeExtra(extra));
  },

  /** Fills one buffer and puts its response into the same slot. */
  fill(vif: BackendVif, queue: BackendQueueState, request: RxRequest, piece: Uint8Array, flags: number): void {
    const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);
    const offset = vif.headroom;
    if (page?.writable) page.copyIn(offset, piece);
    const segment = { domain: queue.frontend, ref: request.gref, offset, bytes: piece };
    const ok = page ? page.writable : vif.domain.grants.copyTo([segment])[0] === 0;
    queue.rx.put(
      encodeRxResponse({ id: request.id, offset, flags: ok ? flags : 0, status: ok ? piece.length : RSP.error }),
    );
  },
};
