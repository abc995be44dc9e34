/** Defects of the reference frontend, chapter memory. */
import { RING_OFFSET, RX_RING, slotOffset } from '../../../protocol/ring.js';
import { decodeTxResponse } from '../../../protocol/tx.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';

export const FRONTEND_MEMORY_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.memory.keeps-grants',
    breaks: 'GNT-13',
    fault: 'grants a new page for each tx request and ends no grant before it closes',
    frontend: {
      takeTxResponse(queue, bytes) {
        const response = decodeTxResponse(bytes);
        const offer = response.ok ? queue.sending.get(response.value.id) : undefined;
        if (!response.ok || !offer) return;
        queue.sending.delete(response.value.id);
        // It ends when the vif closes; no request has such an id.
        queue.sending.set(0x10000 + queue.sending.size, offer);
      },
    },
  },
  {
    id: 'frontend.memory.reads-id-back',
    breaks: 'RING-21',
    fault: 'completes the request whose id is still in the slot of a tx response',
    frontend: {
      takeTxResponse(queue, bytes) {
        const copy = Uint8Array.from(bytes);
        copy.copyWithin(0, 8, 10);
        correct.takeTxResponse(queue, copy);
      },
    },
  },
  {
    id: 'frontend.memory.reads-refs-back',
    breaks: 'RING-21',
    fault: 'ends the grants that it reads in its rx ring when it disconnects',
    frontend: {
      disconnect(vif) {
        for (const { posted, rx } of vif.queues) {
          for (const [index, { offer }] of posted) {
            const slot = rx.page.copyOut(slotOffset(RX_RING, index), RX_RING.slotBytes);
            if (new DataView(slot.buffer).getUint32(4, true) !== offer.ref) posted.delete(index);
          }
        }
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'frontend.memory.reads-index-back',
    breaks: 'RING-21',
    fault: 'reads the index of its next tx request in the ring',
    seen: 'OpenBSD xnf (02808233fed8) reads req_prod back',
    frontend: {
      transmit(vif, queue, packet) {
        queue.tx.reqProdPvt = queue.tx.page.load32(RING_OFFSET.reqProd);
        correct.transmit(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.memory.one-pool',
    breaks: 'TRUST-01',
    fault: 'uses the pages of one pool for all vifs and does not clear them',
    seen: 'mirage-net-xen before 9581918 and 8319f6c: the buffers of a pool are not cleared',
    frontend: (() => {
      const last = new WeakMap<object, Uint8Array>();
      return {
        buffer(vif, queue, bytes, offset) {
          const offer = correct.buffer(vif, queue, bytes, offset);
          const old = last.get(vif.domain) ?? new Uint8Array();
          if (bytes.length <= 2048) offer.page.copyIn(2048, old.subarray(0, 1500));
          if (bytes.length > 300) last.set(vif.domain, Uint8Array.from(bytes));
          return offer;
        },
      } satisfies Defect['frontend'];
    })(),
  },
];
