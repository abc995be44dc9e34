/** Steps of the reference frontend for the packets that it sends and receives. */
import type { Decoded } from '../bytes/codec.js';
import { decodeExtra, encodeExtra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RSP, RXF, TXF } from '../protocol/netif.js';
import { RX_RING } from '../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest } from '../protocol/rx.js';
import type { FrontRing } from '../protocol/shared-ring.js';
import { decodeTxResponse, encodeTxRequest, type TxRequest } from '../protocol/tx.js';
import { type Offer, PAGE_SIZE, type Port } from '../xen/domain.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';
import { fit, type VifPacket } from './packet.js';

/** Receive buffers that are kept posted on each queue: more than two of the largest packets need. */
const RX_BUFFERS = 64;
/** Bytes of a dummy request, which only carries an extra info. */
const DUMMY = 60;

/** Whether a packet can be cut as its GSO extra says. */
const isValid = ({ size, type }: NonNullable<VifPacket['gso']>): boolean =>
  size > 0 && (type === GSO_TYPE.tcpv4 || type === GSO_TYPE.tcpv6);

export const FRONTEND_PACKET_STEPS = {
  serve(vif: FrontendVif, queue: FrontendQueueState): void {
    vif.steps.serveTx(vif, queue);
    vif.steps.serveRx(vif, queue);
  },

  serveTx(vif: FrontendVif, queue: FrontendQueueState): void {
    for (;;) {
      const ready = queue.tx.unconsumed();
      // A ring with invalid indices is ignored: nothing in it can be trusted.
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) vif.steps.takeTxResponse(queue, queue.tx.take());
      const more = vif.steps.checkTx(queue);
      if (!more.ok || !more.value) return;
    }
  },

  /** Requests an event for the next tx response. Returns whether a response is there already. */
  checkTx: (queue: FrontendQueueState): Decoded<boolean> => queue.tx.finalCheck(),

  /** Frees the buffer of a request that has a response. A NULL response and an id that is not in flight are ignored. */
  takeTxResponse(queue: FrontendQueueState, bytes: Uint8Array): void {
    const response = decodeTxResponse(bytes);
    if (!response.ok || response.value.status === RSP.null) return;
    const offer = queue.sending.get(response.value.id);
    if (offer) queue.txPool.give(offer);
    queue.sending.delete(response.value.id);
  },

  serveRx(vif: FrontendVif, queue: FrontendQueueState): void {
    for (;;) {
      const ready = queue.rx.unconsumed();
      if (!ready.ok) return;
      vif.steps.takeRx(vif, queue, ready.value);
      vif.steps.post(vif, queue);
      vif.steps.push(vif, queue.rx, queue.rxPort);
      const more = vif.steps.checkRx(queue);
      if (!more.ok || !more.value) return;
    }
  },

  /** Consumes `count` rx responses, and forwards the packets that they complete. */
  takeRx(vif: FrontendVif, queue: FrontendQueueState, count: number): void {
    for (let n = 0; n < count; n++) {
      const index = queue.rx.rspCons;
      const frame = vif.steps.takeRxSlot(queue, index, queue.rx.take());
      if (frame) vif.steps.accept(vif, queue, { ...queue.partial, frame });
    }
  },

  /** Requests an event for the next rx response. Returns whether a response is there already. */
  checkRx: (queue: FrontendQueueState): Decoded<boolean> => queue.rx.finalCheck(),

  /** Forwards a packet over the bridge of the vif, or passes it to the stack and sends the stack's replies. */
  accept(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
    const { bridgedTo } = vif;
    if (bridgedTo) {
      const out = bridgedTo.queues[queue.index] ?? bridgedTo.queues[0];
      if (out) bridgedTo.steps.transmit(bridgedTo, out, packet);
      return;
    }
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      vif.steps.transmit(vif, queue, { frame, csumBlank: false });
    }
  },

  /** Handles one rx slot. Returns the frame when the packet is complete and valid. */
  takeRxSlot(queue: FrontendQueueState, index: number, bytes: Uint8Array): Uint8Array | undefined {
    const buffer = queue.posted.get(index);
    if (!buffer) return undefined;
    queue.posted.delete(index);
    const { partial } = queue;
    if (queue.expect === 'extra') {
      // The buffer of an extra is unused. The stack needs GSO extras only.
      const extra = decodeExtra(bytes);
      if (extra.ok && extra.value.type === 'gso') {
        partial.gso = { size: extra.value.size, type: extra.value.gsoType };
        if (!isValid(partial.gso)) partial.bad = true;
      }
      if (((bytes[1] ?? 0) & EXTRA_FLAG_MORE) === 0) queue.expect = queue.moreAfterExtras ? 'more' : 'first';
    } else {
      const response = decodeRxResponse(bytes);
      const { offset, status, flags } = response.ok ? response.value : { offset: 0, status: RSP.error, flags: 0 };
      if (queue.expect === 'first') {
        partial.csumBlank = (flags & RXF.csumBlank) !== 0;
        partial.gso = undefined;
      }
      if (status < 0 || offset + status > PAGE_SIZE) partial.bad = true;
      else partial.pieces.push(buffer.offer.page.copyOut(offset, status));
      queue.moreAfterExtras = (flags & RXF.moreData) !== 0;
      const extras = queue.expect === 'first' && (flags & RXF.extraInfo) !== 0;
      queue.expect = extras ? 'extra' : queue.moreAfterExtras ? 'more' : 'first';
    }
    queue.rxPool.give(buffer.offer);
    if (queue.expect !== 'first') return undefined;
    const frame = partial.bad ? undefined : Uint8Array.from(Buffer.concat(partial.pieces));
    partial.pieces.length = 0;
    partial.bad = false;
    return frame && frame.length > 0 ? frame : undefined;
  },

  /** Keeps buffers posted, without publishing them. */
  post(vif: FrontendVif, queue: FrontendQueueState): void {
    const target = vif.steps.rxTarget(queue);
    while (queue.posted.size < target && queue.rx.free() > 0) {
      const offer = queue.rxPool.take();
      const id = vif.steps.rxId(queue);
      const index = queue.rx.put(encodeRxRequest({ id, pad: 0, gref: offer.ref }));
      queue.posted.set(index, { id, offer });
    }
  },

  /** Receive buffers to keep posted on a queue. */
  rxTarget: (_: FrontendQueueState): number => RX_BUFFERS,

  /** The id of the next rx request. */
  rxId: (queue: FrontendQueueState): number => queue.rx.reqProdPvt & (RX_RING.size - 1),

  /** Publishes requests, and notifies the backend if its event index asks for it. */
  push(vif: FrontendVif, ring: FrontRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },

  /** Sends one packet on `queue` in a form that the backend supports. Drops the packet if the ring is full. */
  transmit(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
    for (const each of vif.steps.fitting(vif, packet)) {
      const { frame, gso } = each;
      const lengths = vif.steps.fragments(vif, frame.length);
      if (frame.length > MAX_TX_SIZE || lengths.length > (vif.offers[KEY.featureSg] ? NR_SLOTS_MIN : 1)) continue;
      if (!vif.steps.hasRoom(queue, lengths.length)) continue;
      let at = 0;
      lengths.forEach((length, n) => {
        const offset = vif.steps.txOffset(length);
        const offer = vif.steps.buffer(vif, queue, frame.subarray(at, at + length), offset);
        at += length;
        const more = n < lengths.length - 1 ? TXF.moreData : 0;
        const first = n === 0 ? vif.steps.txFlags(each) | (gso ? TXF.extraInfo : 0) : 0;
        const size = n === 0 ? frame.length : length;
        vif.steps.putTx(
          queue,
          { gref: offer.ref, offset, flags: more | first, id: vif.steps.txId(queue), size },
          offer,
        );
        if (n === 0 && gso) vif.steps.putGso(queue, gso);
      });
    }
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** Bytes of each fragment of a frame. */
  fragments: (_: FrontendVif, length: number): number[] =>
    Array.from({ length: Math.max(1, Math.ceil(length / PAGE_SIZE)) }, (__, n) =>
      Math.min(PAGE_SIZE, length - n * PAGE_SIZE),
    ),

  /** Whether the tx ring has room for a packet of `slots` slots and an extra info. */
  hasRoom: (queue: FrontendQueueState, slots: number): boolean => queue.tx.free() > slots,

  /** Where in its page a fragment of `length` bytes begins. */
  txOffset: (_: number): number => 0,

  /** The checksum flags of the first fragment. */
  txFlags: ({ csumBlank }: VifPacket): number => (csumBlank ? TXF.csumBlank | TXF.dataValidated : 0),

  /** An id that is not in flight. */
  txId(queue: FrontendQueueState): number {
    let id = 0;
    while (queue.sending.has(id)) id++;
    return id;
  },

  /** The packet in a form that the backend supports: cut into segments and with a complete checksum as needed. */
  fitting(vif: FrontendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  /** Puts the GSO extra of a large packet into the ring. */
  putGso(queue: FrontendQueueState, { size, type }: NonNullable<VifPacket['gso']>): void {
    queue.tx.put(encodeExtra({ type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 }));
  },

  /** Adds a multicast group to the backend's filter list with a dummy request. */
  addGroup(vif: FrontendVif, address: Uint8Array): void {
    const [queue] = vif.queues;
    if (!queue || queue.tx.free() < 2) return;
    const offer = vif.steps.buffer(vif, queue, new Uint8Array(DUMMY));
    const request = { gref: offer.ref, offset: 0, flags: TXF.extraInfo, id: vif.steps.txId(queue), size: DUMMY };
    vif.steps.putTx(queue, request, offer);
    queue.tx.put(encodeExtra({ type: 'mcast-add', flags: 0, address }));
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** A page that the backend may read, with a fragment at `offset`. */
  buffer(_: FrontendVif, queue: FrontendQueueState, bytes: Uint8Array, offset = 0): Offer {
    const offer = queue.txPool.take();
    offer.page.copyIn(offset, bytes);
    return offer;
  },

  putTx(queue: FrontendQueueState, request: TxRequest, offer: Offer): void {
    queue.tx.put(encodeTxRequest(request));
    queue.sending.set(request.id, offer);
  },
};
