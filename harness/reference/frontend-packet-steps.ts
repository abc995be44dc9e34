/** What the reference frontend does with packets: those that it sends, and those that come into its buffers. */
import { decodeExtra, encodeExtra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RSP, RXF, TXF } from '../protocol/netif.js';
import { RX_RING } from '../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest } from '../protocol/rx.js';
import type { FrontRing } from '../protocol/shared-ring.js';
import { decodeTxResponse, encodeTxRequest, type TxRequest } from '../protocol/tx.js';
import { type Offer, PAGE_SIZE, type Port } from '../xen/domain.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';
import { fit, type VifPacket } from './packet.js';

/** Receive buffers kept posted on each queue: two of the largest packets and some. */
const RX_BUFFERS = 64;
/** Bytes of a request that carries nothing but its extra info. */
const DUMMY = 60;

/** Part of what the reference frontend does; see FRONTEND_STEPS. */
export const FRONTEND_PACKET_STEPS = {
  serve(vif: FrontendVif, queue: FrontendQueueState): void {
    vif.steps.serveTx(vif, queue);
    vif.steps.serveRx(vif, queue);
  },

  serveTx(vif: FrontendVif, queue: FrontendQueueState): void {
    for (;;) {
      const ready = queue.tx.unconsumed();
      // A ring whose indices are nonsense is left alone: nothing in it can be trusted.
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) vif.steps.takeTxResponse(queue, queue.tx.take());
      const more = queue.tx.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Frees the buffer of an answered request. The id of a NULL response, and one not in flight, means nothing. */
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
      for (let n = 0; n < ready.value; n++) {
        const index = queue.rx.rspCons;
        const frame = vif.steps.takeRxSlot(queue, index, queue.rx.take());
        if (frame) vif.steps.accept(vif, queue, { ...queue.partial, frame });
      }
      vif.steps.post(vif, queue);
      vif.steps.push(vif, queue.rx, queue.rxPort);
      const more = queue.rx.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Hands a packet on: over the bridge that the vif is a port of, or to the stack, whose answers go back. */
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

  /** Takes one rx slot; answers the frame when the packet is complete and good. */
  takeRxSlot(queue: FrontendQueueState, index: number, bytes: Uint8Array): Uint8Array | undefined {
    const buffer = queue.posted.get(index);
    if (!buffer) return undefined;
    queue.posted.delete(index);
    const { partial } = queue;
    if (queue.expect === 'extra') {
      // An extra's buffer is unused; of what extras say only GSO matters here.
      const extra = decodeExtra(bytes);
      if (extra.ok && extra.value.type === 'gso') partial.gso = { size: extra.value.size, type: extra.value.gsoType };
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
  post(_: FrontendVif, queue: FrontendQueueState): void {
    while (queue.posted.size < RX_BUFFERS && queue.rx.free() > 0) {
      const offer = queue.rxPool.take();
      const id = queue.rx.reqProdPvt & (RX_RING.size - 1);
      const index = queue.rx.put(encodeRxRequest({ id, pad: 0, gref: offer.ref }));
      queue.posted.set(index, { id, offer });
    }
  },

  /** Publishes requests and notifies if the backend asked for it. */
  push(vif: FrontendVif, ring: FrontRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },

  /** Sends one packet on `queue`, as the backend takes it; drops it where the ring is full. */
  transmit(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
    for (const { frame, csumBlank, gso } of vif.steps.fitting(vif, packet)) {
      const lengths = fragments(frame.length);
      if (frame.length > MAX_TX_SIZE || lengths.length > (vif.offers[KEY.featureSg] ? NR_SLOTS_MIN : 1)) continue;
      if (queue.tx.free() <= lengths.length) continue;
      let at = 0;
      lengths.forEach((length, n) => {
        const offer = vif.steps.buffer(vif, queue, frame.subarray(at, at + length));
        at += length;
        const more = n < lengths.length - 1 ? TXF.moreData : 0;
        const blank = csumBlank ? TXF.csumBlank | TXF.dataValidated : 0;
        const first = n === 0 ? blank | (gso ? TXF.extraInfo : 0) : 0;
        const size = n === 0 ? frame.length : length;
        vif.steps.putTx(queue, { gref: offer.ref, offset: 0, flags: more | first, id: freeId(queue), size }, offer);
        if (n === 0 && gso) vif.steps.putGso(queue, gso);
      });
    }
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** The packet as the backend takes it: cut into segments, and with its checksum, if it can't do that itself. */
  fitting(vif: FrontendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  /** Puts the extra info of a large packet. */
  putGso(queue: FrontendQueueState, { size, type }: NonNullable<VifPacket['gso']>): void {
    queue.tx.put(encodeExtra({ type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 }));
  },

  /** Asks the backend for a group by a dummy request. */
  addGroup(vif: FrontendVif, address: Uint8Array): void {
    const [queue] = vif.queues;
    if (!queue || queue.tx.free() < 2) return;
    const offer = vif.steps.buffer(vif, queue, new Uint8Array(DUMMY));
    const request = { gref: offer.ref, offset: 0, flags: TXF.extraInfo, id: freeId(queue), size: DUMMY };
    vif.steps.putTx(queue, request, offer);
    queue.tx.put(encodeExtra({ type: 'mcast-add', flags: 0, address }));
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** A page that the backend may read, with a fragment at its start. */
  buffer(_: FrontendVif, queue: FrontendQueueState, bytes: Uint8Array): Offer {
    const offer = queue.txPool.take();
    offer.page.copyIn(0, bytes);
    return offer;
  },

  putTx(queue: FrontendQueueState, request: TxRequest, offer: Offer): void {
    queue.tx.put(encodeTxRequest(request));
    queue.sending.set(request.id, offer);
  },
};

function freeId(queue: FrontendQueueState): number {
  let id = 0;
  while (queue.sending.has(id)) id++;
  return id;
}

function fragments(length: number): number[] {
  return Array.from({ length: Math.max(1, Math.ceil(length / PAGE_SIZE)) }, (_, n) =>
    Math.min(PAGE_SIZE, length - n * PAGE_SIZE),
  );
}
