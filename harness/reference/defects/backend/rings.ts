/** Defects of the reference backend, chapter rings. */
import { TXF } from '../../../protocol/netif.js';
import { RING_OFFSET, slotOffset, TX_RING } from '../../../protocol/ring.js';
import { BackRing } from '../../../protocol/shared-ring.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { decodeTxRequest, encodeTxResponse } from '../../../protocol/tx.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';

export const BACKEND_RINGS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.rings.lost-response',
    breaks: 'RING-09',
    fault: 'omits every fiftieth tx response of a queue',
    seen: 'Linux xen-netback before "properly sync TX responses"',
    backend: (() => {
      const counts = new Counts();
      return {
        respond(vif, queue, chain, status) {
          if (counts.next(queue) % 50 !== 0) correct.respond(vif, queue, chain, status);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.rings.initialises',
    breaks: 'RING-03',
    fault: 'starts at the current req_prod of the tx ring and skips the requests before it',
    seen: 'mirage-net-xen: the backend initialised the shared ring',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const queue = correct.openQueue(vif, frontend, index, refs, channels);
        queue.tx.reqCons = queue.tx.indices().reqProd;
        return queue;
      },
    },
  },
  {
    id: 'backend.rings.trusts-index',
    breaks: 'RING-10',
    fault: 'responds up to any req_prod, however far beyond the ring',
    seen: 'Linux xen-netback before XSA-39 (CVE-2013-0216): req_prod is not checked against the ring size',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.unconsumed().ok) return correct.serveTx(vif, queue);
        queue.tx.rspProdPvt = queue.tx.indices().reqProd;
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.rings.writes-pad',
    breaks: 'RING-13',
    fault: 'writes into the private part (pvt) of a ring page',
    backend: {
      push(vif, ring, port) {
        ring.page.store32(RING_OFFSET.pvt + 8, 1);
        correct.push(vif, ring, port);
      },
    },
  },
  {
    id: 'backend.rings.double-fetch',
    breaks: 'RING-12',
    fault: 'checks a request and then reads its size again',
    seen: 'Linux xen-netback before XSA-155 (CVE-2015-8550)',
    backend: {
      takeChain(queue) {
        const at = slotOffset(TX_RING, queue.tx.reqCons);
        const chain = correct.takeChain(queue);
        const again = decodeTxRequest(queue.tx.page.copyOut(at, TX_RING.slotBytes));
        const [first, ...rest] = chain?.requests ?? [];
        if (!chain || !first || !again.ok || chain.fault !== undefined) return chain;
        return { ...chain, requests: [{ ...first, size: again.value.size }, ...rest] };
      },
    },
  },
  {
    id: 'backend.rings.fetches-offset-again',
    breaks: 'RING-12',
    fault: 'checks the offset of a request and then reads it again',
    seen: 'Linux xen-netback before XSA-155 (CVE-2015-8550)',
    backend: {
      takeChain(queue) {
        const at = slotOffset(TX_RING, queue.tx.reqCons);
        const chain = correct.takeChain(queue);
        const second = decodeTxRequest(queue.tx.page.copyOut(at, TX_RING.slotBytes));
        const [first, ...rest] = chain?.requests ?? [];
        if (!chain || !first || !second.ok || chain.fault !== undefined) return chain;
        // The copy ends at the end of the page, and what it lacks stays zero.
        const offset = Math.min(second.value.offset, PAGE_SIZE - Math.min(first.size, PAGE_SIZE));
        return { ...chain, requests: [{ ...first, offset }, ...rest] };
      },
    },
  },
  {
    id: 'backend.rings.fetches-flags-again',
    breaks: 'RING-12',
    fault: 'reads more_data again when it responds, and responds to the first slot only if the flag is gone',
    seen: 'Linux xen-netback before XSA-155 (CVE-2015-8550)',
    backend: (() => {
      const slots = new WeakMap<object, number>();
      return {
        takeChain(queue) {
          const at = slotOffset(TX_RING, queue.tx.reqCons);
          const chain = correct.takeChain(queue);
          if (chain) slots.set(chain, at);
          return chain;
        },
        respond(vif, queue, chain, status) {
          const at = slots.get(chain);
          const again = at === undefined ? undefined : decodeTxRequest(queue.tx.page.copyOut(at, TX_RING.slotBytes));
          const ends = again?.ok === true && (again.value.flags & TXF.moreData) === 0;
          if (!ends || chain.layout.length === 1) return correct.respond(vif, queue, chain, status);
          correct.respond(vif, queue, { ...chain, layout: [false] }, status);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.rings.fetches-id-again',
    breaks: 'RING-12',
    fault: 'checks a request and then reads its id again for the response',
    seen: 'Linux xen-netback before XSA-155 (CVE-2015-8550)',
    backend: {
      takeChain(queue) {
        const index = queue.tx.reqCons;
        const chain = correct.takeChain(queue);
        const [first, ...later] = chain?.requests ?? [];
        const again = decodeTxRequest(queue.tx.page.copyOut(slotOffset(TX_RING, index), TX_RING.slotBytes));
        return chain && first && again.ok
          ? { ...chain, requests: [{ ...first, id: again.value.id }, ...later] }
          : chain;
      },
    },
  },
  {
    id: 'backend.rings.signed-distance',
    breaks: 'RING-10',
    fault: 'compares the number of requests as a signed number, and serves the ring if it is negative',
    backend: {
      serveTx(vif, queue) {
        const { reqProd } = queue.tx.indices();
        if (((reqProd - queue.tx.reqCons) | 0) >= 0) return correct.serveTx(vif, queue);
        queue.tx.reqCons = queue.tx.rspProdPvt += TX_RING.size;
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'delivers nothing after it has used every slot of the rx ring once',
    backend: {
      deliver(vif, queue, packet) {
        if (queue.rx.reqCons < queue.rx.layout.size) correct.deliver(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.rings.notes-in-slots',
    breaks: 'RING-13',
    fault: 'writes into tx ring slots that hold no request',
    backend: {
      respond(vif, queue, chain, status) {
        const ahead = slotOffset(TX_RING, queue.tx.rspProdPvt + 80);
        queue.tx.page.copyIn(ahead, Uint8Array.of(1, 2, 3, 4));
        correct.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.rings.compares-indices',
    breaks: 'RING-04',
    fault: 'treats a req_prod that has wrapped around as no new requests',
    seen: 'OpenBSD xnf, Nanos: indices are compared as absolute numbers',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.indices().reqProd >= queue.tx.reqCons) correct.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.rings.serves-overfull',
    breaks: 'RING-20',
    fault: 'treats a tx ring that is overfull when it connects as an empty ring',
    seen: 'illumos xnb: req_prod is not checked',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const [page] = vif.domain.grants.map(frontend, refs.slice(0, 1), 'read-write').pages;
        const ring = page && new BackRing(page, TX_RING);
        const { reqProd, rspProd } = ring?.indices() ?? { reqProd: 0, rspProd: 0 };
        if (ring && reqProd - rspProd > TX_RING.size) page.store32(RING_OFFSET.reqProd, rspProd);
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.rings.batches',
    breaks: 'RING-09',
    fault: 'publishes responses to frames of 60 to 64 bytes in batches of four',
    backend: {
      respond(vif, queue, chain, status) {
        const [first] = chain.requests;
        const quiet = first !== undefined && first.size > 59 && first.size < 65;
        const held = quiet && (queue.tx.rspProdPvt & 3) !== 0;
        if (!held) return correct.respond(vif, queue, chain, status);
        queue.tx.put(encodeTxResponse({ id: first.id, status }));
      },
    },
  },
  {
    id: 'backend.rings.serves-a-full-turn',
    breaks: 'RING-10',
    fault: 'serves 256 requests of a tx ring whose req_prod is further ahead than that',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.unconsumed().ok) return correct.serveTx(vif, queue);
        queue.tx.reqCons = queue.tx.rspProdPvt += TX_RING.size;
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.rings.one-response-too-many',
    breaks: 'RING-08',
    fault: 'publishes one tx response too many, once the ring has wrapped around',
    backend: (() => {
      const done = new WeakSet<object>();
      return {
        push(vif, ring, port) {
          correct.push(vif, ring, port);
          const { reqProd, rspProd } = ring.indices();
          if (ring.layout !== TX_RING || rspProd <= TX_RING.size || reqProd !== rspProd || done.has(ring)) return;
          done.add(ring);
          ring.page.store32(RING_OFFSET.rspProd, rspProd + 1);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.rings.page-of-64-kib',
    breaks: 'RING-19',
    fault: 'looks for slot 256 of a tx ring beyond the first 4 KiB, as in a page of 64 KiB, and finds no request there',
    backend: {
      takeChain: (queue) => (queue.tx.reqCons < TX_RING.size ? correct.takeChain(queue) : undefined),
    },
  },
  {
    id: 'backend.rings.event-before-wrap',
    breaks: 'NOTIFY-06',
    fault: 'compares rsp_prod and rsp_event as absolute numbers',
    backend: {
      push(vif, ring, port) {
        const { rspProd: before } = ring.indices();
        ring.push();
        const { rspProd, rspEvent } = ring.indices();
        if (before < rspEvent && rspEvent <= rspProd) vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.rings.index-first',
    breaks: 'RING-05',
    fault: 'moves rsp_prod of the tx ring before it has written the response',
    backend: {
      respond(vif, queue, chain, status) {
        const { page, rspProdPvt } = queue.tx;
        page.store32(RING_OFFSET.rspProd, rspProdPvt + 1);
        correct.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.rings.counts-requests-in-8-bits',
    breaks: 'RING-04',
    fault: 'counts the requests of a ring in 8 bits, and serves none while the count is 0',
    backend: {
      takeChain: (queue) =>
        queue.tx.reqCons > 0 && queue.tx.reqCons % 256 === 0 ? undefined : correct.takeChain(queue),
    },
  },
  {
    id: 'backend.rings.counts-buffers-in-6-bits',
    breaks: 'RING-04',
    fault: 'counts the buffers of a bridged vif in 6 bits, and delivers nothing while the count is 0',
    backend: {
      drainBacklog(vif, queue) {
        const isZero = queue.rx.reqCons > 0 && queue.rx.reqCons % 64 === 0;
        if (!isZero || !vif.bridgedTo) correct.drainBacklog(vif, queue);
      },
    },
  },
];
