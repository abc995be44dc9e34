/** Defects of both reference drivers in how slots, extras and keys go together. */
import { EXTRA_FLAG_MORE, KEY, RSP, RXF, TXF } from '../../protocol/netif.js';
import { slotOffset } from '../../protocol/ring.js';
import { encodeTxResponse } from '../../protocol/tx.js';
import { BACKEND_STEPS as backend, type BackendSteps } from '../backend-steps.js';
import { FRONTEND_STEPS as frontend } from '../frontend-steps.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';

/** Refuses packets that a plain backend takes. */
const refuses = (
  strange: (chain: ReturnType<BackendSteps['takeChain']> & object) => boolean,
): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = backend.takeChain(queue);
    return chain && strange(chain) ? { ...chain, fault: 'strange' } : chain;
  },
});

export const SLOT_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.extras.last-fragment-only',
    breaks: 'TXW-09',
    fault: 'takes extras only behind a packet of one fragment',
    backend: refuses(({ extras, requests }) => extras.length > 0 && requests.length > 1),
  },
  {
    id: 'backend.extras.whole-slot',
    breaks: 'EXTRA-02',
    fault: 'refuses an extra with something behind it in its slot',
    backend: {
      takeChain(queue) {
        const { reqCons } = queue.tx;
        const chain = backend.takeChain(queue);
        const at = chain?.layout.indexOf(true) ?? -1;
        if (!chain || at < 0) return chain;
        const rest = queue.tx.page.copyOut(slotOffset(queue.tx.layout, reqCons + at) + 8, 4);
        return rest.every((byte) => byte === 0xff) ? { ...chain, fault: 'padding' } : chain;
      },
    },
  },
  {
    id: 'backend.extras.one-of-a-kind',
    breaks: 'EXTRA-05',
    fault: 'takes one extra a packet',
    seen: 'FreeBSD xnb: a packet with a second extra is discarded',
    backend: refuses(({ extras }) => extras.length > 1),
  },
  {
    id: 'backend.extras.reads-flags',
    breaks: 'EXTRA-08',
    fault: 'refuses an extra whose flags it does not know',
    backend: refuses(({ extras }) => extras.some(({ flags }) => flags > EXTRA_FLAG_MORE)),
  },
  {
    id: 'backend.extras.lost-on-two',
    breaks: 'EXTRA-07',
    fault: 'never answers a packet with two extras of one type',
    backend: {
      serveChain(vif, queue, chain) {
        if (chain.extras.length < 2) backend.serveChain(vif, queue, chain);
      },
    },
  },
  {
    id: 'backend.extras.none-is-fine',
    breaks: 'TXW-29',
    fault: 'takes an extra of type NONE',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        return chain?.layout.includes(true) && chain.extras.length === 0 ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.extras.beyond-index',
    breaks: 'EXTRA-10',
    fault: 'takes a chain that runs past req_prod for a whole packet',
    backend: {
      serveTx(vif, queue) {
        backend.serveTx(vif, queue);
        const ready = queue.tx.unconsumed();
        if (!ready.ok || ready.value !== 2) return;
        const first = queue.tx.take();
        queue.tx.take();
        queue.tx.put(encodeTxResponse({ id: (first[8] ?? 0) | ((first[9] ?? 0) << 8), status: RSP.okay }));
        queue.tx.put(encodeTxResponse({ id: 0, status: RSP.null }));
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.extras.writes-buffer',
    breaks: 'RXW-04',
    fault: "writes into the buffer of an extra's request",
    backend: {
      deliver(vif, queue, packet) {
        const index = queue.rx.reqCons + 1;
        const slot = queue.rx.page.copyOut(slotOffset(queue.rx.layout, index), 8);
        const ref = new DataView(slot.buffer).getUint32(4, true);
        if (vif.steps.extras(vif, packet).length > 0) {
          vif.domain.grants.copyTo([{ domain: queue.frontend, ref, offset: 100, bytes: new Uint8Array(4) }]);
        }
        backend.deliver(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.receive.in-pieces',
    breaks: 'RXW-21',
    fault: 'publishes the last slot of a packet a while after the others',
    backend: {
      push(vif, ring, port) {
        const [queue] = vif.queues;
        if (ring !== queue?.rx || queue.rx.rspProdPvt - queue.rx.indices().rspProd < 3)
          return backend.push(vif, ring, port);
        const end = ring.rspProdPvt;
        ring.rspProdPvt = end - 1;
        backend.push(vif, ring, port);
        ring.rspProdPvt = end;
        vif.domain.clock.after(1, () => {
          if (vif.queues.includes(queue)) backend.push(vif, ring, port);
        });
      },
    },
  },
  {
    id: 'backend.receive.flags-everywhere',
    breaks: 'CSUM-13',
    fault: 'flags every fragment of a packet',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        backend.fill(vif, queue, request, piece, piece.length > 1600 ? flags | RXF.csumBlank : flags),
    },
  },
  {
    id: 'backend.receive.last-first',
    breaks: 'RXW-20',
    fault: 'delivers every tenth packet before the one in front of it',
    backend: (() => {
      let held: Parameters<BackendSteps['deliver']>[2] | undefined;
      let count = 0;
      return {
        deliver(vif, queue, packet) {
          const isTest = packet.frame[12] === 0x88 && packet.frame[13] === 0xb5;
          if (isTest && ++count % 10 === 0 && !held) {
            held = packet;
            return queue.rx.setReqEvent(queue.rx.reqCons + 1);
          }
          backend.deliver(vif, queue, packet);
          if (held && queue.rx.unconsumed().ok) backend.deliver(vif, queue, held);
          held = undefined;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.receive.no-headroom',
    breaks: 'XDP-03',
    fault: 'tells of headroom that it does not leave',
    seen: 'Linux xen-netback 6.1: the offset stays 0',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const { headroom } = vif;
        vif.headroom = 0;
        backend.fill(vif, queue, request, piece, flags);
        vif.headroom = headroom;
      },
    },
  },
  {
    id: 'backend.xenbus.headroom-value',
    breaks: 'XDP-01',
    fault: 'advertises headroom in bytes',
    backend: { features: () => ({ ...backend.features(), [KEY.featureXdpHeadroom]: '256' }) },
  },
  {
    id: 'backend.transmit.eager',
    breaks: 'TXW-20',
    fault: 'answers what is there of a packet whose rest is not',
    backend: {
      takeChain(queue) {
        const chain = backend.takeChain(queue);
        const ready = queue.tx.unconsumed();
        if (chain || !ready.ok || ready.value !== 1) return chain;
        const first = queue.tx.take();
        queue.tx.put(encodeTxResponse({ id: (first[8] ?? 0) | ((first[9] ?? 0) << 8), status: RSP.okay }));
        queue.tx.push();
        return undefined;
      },
    },
  },
  {
    id: 'backend.transmit.leaks-memory',
    breaks: 'RXW-24',
    fault: 'leaves bytes of its own behind its responses',
    backend: {
      respond(vif, queue, chain, status) {
        const index = queue.tx.rspProdPvt;
        backend.respond(vif, queue, chain, status);
        queue.tx.page.copyIn(slotOffset(queue.tx.layout, index) + 4, Uint8Array.of(0xde, 0xad));
      },
    },
  },
  {
    id: 'backend.queues.half-connected',
    breaks: 'SEC-11',
    fault: 'connects with one event channel and serves nothing',
    seen: 'Linux xen-netback: Connected is written after a fatal error',
    backend: {
      async tryConnect(vif) {
        await vif.steps.connect(vif).catch(() => {});
        await vif.steps.setState(vif, '4');
      },
    },
  },
  {
    id: 'backend.queues.dead-channel',
    breaks: 'SEC-12',
    fault: 'stops serving where both channels are one',
    backend: {
      async connect(vif) {
        await backend.connect(vif);
        const [tx, rx] = await Promise.all([KEY.eventChannelTx, KEY.eventChannelRx].map((key) => vif.frontendKey(key)));
        if (tx !== undefined && tx === rx) for (const queue of vif.queues) vif.pump.off(queue.txPort);
      },
    },
  },
  {
    id: 'backend.queues.tells-all',
    breaks: 'MQ-20',
    fault: 'tells every queue of the responses of one',
    backend: {
      respond(vif, queue, chain, status) {
        backend.respond(vif, queue, chain, status);
        for (const { txPort } of vif.queues) vif.domain.events.notify(txPort);
      },
    },
  },
  {
    id: 'backend.checksum.zero-is-set',
    breaks: 'CSUM-03',
    fault: 'takes a feature-no-csum-offload of 0 for a wish',
    backend: {
      async connect(vif) {
        await backend.connect(vif);
        if ((await vif.frontendKey(KEY.featureNoCsumOffload)) !== undefined)
          vif.offers[KEY.featureNoCsumOffload] = true;
      },
    },
  },
  {
    id: 'backend.gso.seventeen-slots',
    breaks: 'SLOT-04',
    fault: 'counts extras as slots',
    backend: refuses(({ layout }) => layout.length > 18),
  },
  {
    id: 'frontend.xenbus.reserved-ref',
    breaks: 'GNT-06',
    fault: 'grants a buffer by a reserved reference',
    frontend: {
      openQueue(vif, index, split) {
        const queue = frontend.openQueue(vif, index, split);
        // The last buffer that was posted, which isn't filled soon.
        queue.rx.page.copyIn(slotOffset(queue.rx.layout, queue.rx.reqProdPvt - 1) + 4, Uint8Array.of(3, 0, 0, 0));
        return queue;
      },
    },
  },
  {
    id: 'frontend.queues.queue-value',
    breaks: 'MQ-10',
    fault: 'writes something into the queue nodes themselves',
    frontend: {
      async connect(vif) {
        await frontend.connect(vif);
        if (vif.queues.length > 1) await vif.domain.store.write(`${vif.path}/queue-0`, '1');
      },
    },
  },
  {
    id: 'frontend.queues.late-queue',
    breaks: 'MQ-18',
    fault: 'goes to Connected before it wrote all keys of its queues',
    frontend: {
      queueKeys(queue) {
        const keys = Object.entries(frontend.queueKeys(queue));
        return Object.fromEntries(keys.filter(([key]) => queue.index === 0 || key !== KEY.txRingRef));
      },
    },
  },
  {
    id: 'frontend.queues.tells-all',
    breaks: 'MQ-20',
    fault: 'tells every queue of the buffers of one',
    frontend: {
      serveRx(vif, queue) {
        frontend.serveRx(vif, queue);
        for (const { rxPort } of vif.queues) vif.domain.events.notify(rxPort);
      },
    },
  },
  {
    id: 'frontend.checksum.zero-is-set',
    breaks: 'CSUM-03',
    fault: 'takes a feature-no-csum-offload of 0 for a wish',
    frontend: {
      async connect(vif) {
        await frontend.connect(vif);
        const value = await vif.domain.store.read(`${vif.backendPath}/${KEY.featureNoCsumOffload}`);
        if (value !== undefined) vif.offers[KEY.featureNoCsumOffload] = true;
      },
    },
  },
  {
    id: 'frontend.gso.loses-buffers',
    breaks: 'RXW-11',
    fault: 'never posts the buffers of extras again',
    frontend: (() => {
      const lost = new Counts();
      return {
        takeRxSlot(queue, index, bytes) {
          if (queue.expect === 'extra') lost.next(queue);
          return frontend.takeRxSlot(queue, index, bytes);
        },
        post(vif, queue) {
          if (lost.of(queue) < 200) frontend.post(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.gso.null-is-answer',
    breaks: 'TXW-18',
    fault: 'takes a response with status NULL for that of its id',
    frontend: {
      takeTxResponse(queue, bytes) {
        const copy = Uint8Array.from(bytes);
        if (copy[2] === RSP.null) copy[2] = RSP.okay;
        frontend.takeTxResponse(queue, copy);
      },
    },
  },
  {
    id: 'frontend.gso.flags-everywhere',
    breaks: 'CSUM-13',
    fault: 'flags every fragment of a packet',
    frontend: {
      putTx: (queue, request, offer) =>
        frontend.putTx(queue, { ...request, flags: request.flags | TXF.csumBlank }, offer),
    },
  },
];
