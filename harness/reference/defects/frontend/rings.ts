/** Defects of the reference frontend, chapter rings. */
import { RING_OFFSET, RX_RING, slotOffset, TX_RING } from '../../../protocol/ring.js';
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';

export const FRONTEND_RINGS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.rings.uninitialised',
    breaks: 'RING-02',
    fault: 'sets its event indices only when the backend is Connected',
    frontend: {
      initRing(ring) {
        ring.init();
        ring.page.store32(RING_OFFSET.reqEvent, 0);
        ring.page.store32(RING_OFFSET.rspEvent, 0);
      },
      start(vif) {
        for (const { tx, rx } of vif.queues) for (const ring of [tx, rx]) ring.page.store32(RING_OFFSET.rspEvent, 1);
        correct.start(vif);
      },
    },
  },
  {
    id: 'frontend.rings.no-req-event',
    breaks: 'RING-02',
    fault: 'does not set req_event of its rings',
    shownIn: 'frontend.monitor.ring-02',
    frontend: {
      initRing(ring) {
        ring.init();
        ring.page.store32(RING_OFFSET.reqEvent, 0);
      },
    },
  },
  {
    id: 'frontend.rings.same-id',
    breaks: 'RING-16',
    fault: 'uses the same id for all requests in flight',
    seen: 'mirage-net-xen before 1.5.0 (0b1e53c): an id is used again while in flight',
    frontend: {
      putTx: (queue, request, offer) => correct.putTx(queue, { ...request, id: 5 }, offer),
    },
  },
  {
    id: 'frontend.rings.writes-pad',
    breaks: 'RING-13',
    fault: 'writes into the private part (pvt) of a ring page',
    frontend: {
      push(vif, ring, port) {
        ring.page.store32(RING_OFFSET.pvt + 8, 1);
        correct.push(vif, ring, port);
      },
    },
  },
  {
    id: 'frontend.rings.double-fetch',
    breaks: 'RING-12',
    fault: 'uses the size from a second read of the response',
    seen: 'Linux xen-netfront before 8446066bf8c1: responses are read from the ring repeatedly',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const frame = correct.takeRxSlot(queue, index, bytes);
        const first = decodeRxResponse(bytes);
        const second = decodeRxResponse(queue.rx.page.copyOut(slotOffset(RX_RING, index), RX_RING.slotBytes));
        if (!frame || !first.ok || !second.ok || second.value.status >= first.value.status) return frame;
        return frame.fill(0, second.value.status);
      },
    },
  },
  {
    id: 'frontend.rings.fetches-flags-again',
    breaks: 'RING-12',
    fault: 'reads the flags of a response again when it looks whether the packet continues',
    seen: 'Linux xen-netfront before 8446066bf8c1: responses are read from the ring repeatedly',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const first = decodeRxResponse(bytes);
        const second = decodeRxResponse(queue.rx.page.copyOut(slotOffset(RX_RING, index), RX_RING.slotBytes));
        const isData = queue.expect !== 'extra' && first.ok && second.ok;
        const used = isData ? encodeRxResponse({ ...first.value, flags: second.value.flags }) : bytes;
        return correct.takeRxSlot(queue, index, used);
      },
    },
  },
  {
    id: 'frontend.rings.dies-of-index',
    breaks: 'RING-11',
    fault: 'stops serving every vif at a rsp_prod beyond its requests',
    seen: 'Linux xen-netfront before a884daa61a7d: rsp_prod is not checked',
    frontend: (() => {
      const dead = new WeakSet();
      return {
        serve(vif, queue) {
          if (!queue.tx.unconsumed().ok || !queue.rx.unconsumed().ok) dead.add(vif.domain);
          if (!dead.has(vif.domain)) correct.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'posts no buffers after it has used every slot of the rx ring once',
    seen: 'mini-os netfront before 7c8f348: starves after a ring of packets',
    frontend: {
      post(vif, queue) {
        if (queue.rx.reqProdPvt < RX_RING.size) correct.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.rings.overruns',
    breaks: 'RING-06',
    fault: 'publishes more requests than the tx ring has slots when responses are late',
    seen: 'mini-os netfront before 209d511: no check for a full tx ring',
    frontend: {
      transmit(vif, queue, packet) {
        correct.transmit(vif, queue, packet);
        const { rspProd } = queue.tx.indices();
        if (queue.sending.size > 20) queue.tx.page.store32(RING_OFFSET.reqProd, rspProd + TX_RING.size + 1);
      },
    },
  },
  {
    id: 'frontend.rings.255-slots',
    breaks: 'RING-01',
    fault: 'reads rx responses as if the rx ring had 255 slots',
    frontend: {
      takeRx(vif, queue, count) {
        const { page, layout } = queue.rx;
        for (let n = 0; n < count; n++) {
          const index = queue.rx.rspCons;
          queue.rx.take();
          const bytes = page.copyOut(slotOffset(layout, index % (layout.size - 1)), layout.slotBytes);
          const frame = vif.steps.takeRxSlot(queue, index, bytes);
          if (frame) vif.steps.accept(vif, queue, { ...queue.partial, frame });
        }
      },
    },
  },
  {
    id: 'frontend.rings.never-recovers',
    breaks: 'RING-18',
    fault: 'does not connect the next vif after it has disconnected one whose ring overflowed',
    frontend: (() => {
      const lost = new WeakSet();
      const stuck = new WeakSet();
      const refused = new WeakSet();
      return {
        serve(vif, queue) {
          if (!queue.tx.unconsumed().ok || !queue.rx.unconsumed().ok) lost.add(vif);
          correct.serve(vif, queue);
        },
        disconnect(vif) {
          if (lost.has(vif)) stuck.add(vif.domain);
          correct.disconnect(vif);
        },
        async connect(vif) {
          if (stuck.delete(vif.domain)) refused.add(vif);
          if (!refused.has(vif)) await correct.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.ambiguous-ids',
    breaks: 'RXW-28',
    fault: 'finds buffers by id alone, and gives the same id to all buffers after the first 128',
    frontend: {
      rxId: (queue) => (queue.rx.reqProdPvt < 128 ? correct.rxId(queue) : 255),
      takeRxSlot(queue, index, bytes) {
        const own = queue.posted.get(index);
        const found = [...queue.posted.values()].reverse().find(({ id }) => id === own?.id);
        const frame = correct.takeRxSlot(queue, index, bytes);
        return found === own ? frame : frame?.fill(0);
      },
    },
  },
  {
    id: 'frontend.rings.index-first',
    breaks: 'RING-05',
    fault: 'moves req_prod of the rx ring before it has written the slots',
    frontend: {
      post(vif, queue) {
        const { page, reqProdPvt } = queue.rx;
        page.store32(RING_OFFSET.reqProd, reqProdPvt + 1);
        correct.post(vif, queue);
      },
    },
  },
];
