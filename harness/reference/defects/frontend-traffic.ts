/** Defects of plain traffic of the reference frontend, and of what its rings and vifs live through. */
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { KEY, RSP, TXF } from '../../protocol/netif.js';
import { RING_OFFSET, RX_RING, TX_RING } from '../../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest } from '../../protocol/rx.js';
import { decodeTxResponse } from '../../protocol/tx.js';
import { FRONTEND_STEPS as frontend, type FrontendSteps } from '../frontend-steps.js';
import type { FrontendQueueState } from '../frontend.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';
import { isComplete, isPing, lastFirst } from './packets.js';
import { lookByClock } from './polling.js';

/** A frontend that gets no packet any more on a queue where a response was as `bad` tells. */
const deafAfter = (bad: (queue: FrontendQueueState, status: number) => boolean): Partial<FrontendSteps> => {
  const deaf = new WeakSet();
  return {
    takeRxSlot(queue, index, bytes) {
      const response = decodeRxResponse(bytes);
      if (queue.expect !== 'extra' && response.ok && bad(queue, response.value.status)) deaf.add(queue);
      const frame = frontend.takeRxSlot(queue, index, bytes);
      return deaf.has(queue) ? undefined : frame;
    },
  };
};

export const FRONTEND_TRAFFIC_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.xenbus.words-for-numbers',
    breaks: 'XB-22',
    fault: 'writes a feature as on',
    frontend: { features: () => ({ ...frontend.features(), [KEY.featureIpv6CsumOffload]: 'on' }) },
  },
  {
    id: 'frontend.xenbus.ignores-rx-copy',
    breaks: 'XB-19',
    fault: 'goes to Connected whether or not the backend copies',
    frontend: {
      async backendChanged(vif) {
        await frontend.backendChanged(vif);
        const copies = (await vif.domain.store.read(`${vif.backendPath}/${KEY.featureRxCopy}`)) === '1';
        if (vif.seen === '2' && !copies) await frontend.setState(vif, '4');
      },
    },
  },
  {
    id: 'frontend.xenbus.dies-of-loss',
    breaks: 'XB-15',
    fault: 'connects no vif any more when a backend vanished under a connection',
    seen: "win-xenvif before 6909530: waited for ever when the backend's directory vanished",
    frontend: (() => {
      const dead = new WeakSet();
      const states = new WeakMap<object, string>();
      return {
        async setState(vif, state) {
          states.set(vif, state);
          await frontend.setState(vif, state);
        },
        disconnect(vif) {
          if (vif.queues.length > 0 && states.get(vif) === '4') dead.add(vif.domain);
          frontend.disconnect(vif);
        },
        async backendChanged(vif) {
          if (!dead.has(vif.domain)) await frontend.backendChanged(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.falls-silent',
    breaks: 'XB-14',
    fault: 'tells nothing of what it sends from its second connection on',
    frontend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          counts.next(vif.domain);
          await frontend.connect(vif);
        },
        push(vif, ring, port) {
          if (ring.layout.name === 'tx' && counts.of(vif.domain) > 1) ring.push();
          else frontend.push(vif, ring, port);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'connects four times and no more',
    frontend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          if (counts.next(vif.domain) <= 4) await frontend.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.trusts-index',
    breaks: 'RING-11',
    fault: 'stops for good when it is told of more responses than it asked for',
    seen: 'Linux xen-netfront before a884daa61a7d: rsp_prod was not checked',
    frontend: (() => {
      const dead = new WeakSet();
      return {
        serve(vif, queue) {
          if (!queue.tx.unconsumed().ok || !queue.rx.unconsumed().ok) dead.add(vif.domain);
          if (!dead.has(vif.domain)) frontend.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.transmit.short-small',
    breaks: 'TXW-01',
    fault: 'leaves the last byte out of the size of a small ping',
    frontend: {
      putTx(queue, request, offer) {
        const short = request.size < 64 && isPing(offer.page.copyOut(request.offset, ETHERNET_HEADER + 20));
        frontend.putTx(queue, { ...request, size: short ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.dies-of-errors',
    breaks: 'TXW-17',
    fault: 'sends nothing after eight responses that tell of an error',
    frontend: (() => {
      const errors = new Counts();
      return {
        takeTxResponse(queue, bytes) {
          const response = decodeTxResponse(bytes);
          const bad = response.ok && (response.value.status === RSP.error || response.value.status === RSP.dropped);
          if (bad && errors.next(queue) >= 8) queue.tx.free = () => 0;
          frontend.takeTxResponse(queue, bytes);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.receive.dies-of-error',
    breaks: 'RXW-12',
    fault: 'receives nothing after a negative status',
    seen: 'Unikraft, OpenBSD xnf, Nanos: assertions on the status of a response',
    frontend: deafAfter((queue, status) => queue.expect === 'first' && status < 0),
  },
  {
    id: 'frontend.receive.dies-in-chain',
    breaks: 'RXW-12',
    fault: 'receives nothing after an error in the middle of a chain',
    seen: 'Linux xen-netfront (2.6, 503bcd598c): fragments after an error were not skipped',
    frontend: deafAfter((queue, status) => queue.expect === 'more' && status < 0),
  },
  {
    id: 'frontend.receive.last-first',
    breaks: 'RXW-09',
    fault: 'takes every fifth ping after the one behind it, where one waits there',
    frontend: lastFirst<Parameters<FrontendSteps['accept']>>(
      (...args) => frontend.accept(...args),
      (queue) => queue.rx.unconsumed(),
    ),
  },
  {
    id: 'frontend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP whose checksum is complete',
    seen: 'win-xenvif before cb0acf3 and 2e8095b: valid checksums were rejected',
    frontend: {
      accept(vif, queue, packet) {
        if (!isComplete(packet)) frontend.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'frontend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'drops packets with data_validated but not csum_blank',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const frame = frontend.takeRxSlot(queue, index, bytes);
        return response.ok && (response.value.flags & 3) === 1 ? undefined : frame;
      },
    },
  },
  {
    id: 'frontend.xenbus.last-one-only',
    breaks: 'XB-14',
    fault: 'serves only the vif that connected last',
    frontend: (() => {
      const last = new WeakMap<object, object>();
      return {
        async connect(vif) {
          last.set(vif.domain, vif);
          await frontend.connect(vif);
        },
        serve(vif, queue) {
          if (last.get(vif.domain) === vif) frontend.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'posts no buffer any more once every slot of the ring was used',
    seen: 'mini-os netfront before 7c8f348: starved after a ring of packets',
    frontend: {
      post(vif, queue) {
        if (queue.rx.reqProdPvt < RX_RING.size) frontend.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.rings.overruns',
    breaks: 'RING-06',
    fault: 'publishes more requests than there are slots when responses stay out',
    seen: 'mini-os netfront before 209d511: no check for a full tx ring',
    frontend: {
      transmit(vif, queue, packet) {
        frontend.transmit(vif, queue, packet);
        const { rspProd } = queue.tx.indices();
        if (queue.sending.size > 20) queue.tx.page.store32(RING_OFFSET.reqProd, rspProd + TX_RING.size + 1);
      },
    },
  },
  {
    id: 'frontend.notifications.polls',
    breaks: 'NOTIFY-04',
    fault: 'looks by a clock, and asks for no event',
    seen: 'iPXE netfront, by design',
    frontend: {
      openQueue: (vif, index, split) =>
        lookByClock(vif, frontend.openQueue(vif, index, split), (...place) => vif.steps.serve(...place)),
      serve(vif, queue) {
        frontend.serve(vif, queue);
        for (const ring of [queue.tx, queue.rx]) ring.page.store32(RING_OFFSET.rspEvent, ring.rspCons);
      },
    },
  },
  {
    id: 'frontend.notifications.rx-notify-by-word',
    breaks: 'NOTIFY-08',
    fault: 'writes feature-rx-notify as yes',
    frontend: { features: () => ({ ...frontend.features(), [KEY.featureRxNotify]: 'yes' }) },
  },
  {
    id: 'frontend.transmit.short-pings',
    breaks: 'TXW-03',
    fault: 'leaves the last byte out of the size of a ping',
    frontend: {
      putTx(queue, request, offer) {
        const ping = isPing(offer.page.copyOut(request.offset, ETHERNET_HEADER + 20));
        frontend.putTx(queue, { ...request, size: ping ? request.size - 1 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.short-first',
    breaks: 'TXW-35',
    fault: 'ends the first fragment of a default ping in its Ethernet header',
    seen: 'Linux xen-netfront before ca26893f05e8: the header crossed a page',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (!isPing(frame) || frame.length !== 106 || !vif.offers[KEY.featureSg] || queue.tx.free() < 2)
          return frontend.transmit(vif, queue, packet);
        const pieces = [frame.subarray(0, 10), frame.subarray(10)];
        for (const [n, piece] of pieces.entries()) {
          const offer = vif.steps.buffer(vif, queue, piece);
          const size = n === 0 ? frame.length : piece.length;
          const flags = n === 0 ? TXF.moreData : 0;
          const used = new Set(queue.sending.keys());
          const id = [...Array(512).keys()].find((each) => !used.has(each)) ?? 0;
          vif.steps.putTx(queue, { gref: offer.ref, offset: 0, flags, id, size }, offer);
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'frontend.receive.readonly-buffers',
    breaks: 'RXW-01',
    fault: 'posts buffers that can not be written, but for the first four',
    frontend: {
      post(vif, queue) {
        const { rxPool } = queue;
        const take = rxPool.take.bind(rxPool);
        rxPool.take = () => (queue.rx.reqProdPvt < 4 ? take() : vif.domain.grants.offer(vif.backend, 'read-only'));
        frontend.post(vif, queue);
        rxPool.take = take;
      },
    },
  },
  {
    id: 'frontend.receive.few-buffers',
    breaks: 'SLOT-08',
    fault: 'keeps four buffers posted',
    seen: 'iPXE netfront before 7457bfc5b: too few buffers for a largest packet',
    frontend: {
      post(_, queue) {
        while (queue.posted.size < 4 && queue.rx.free() > 0) {
          const offer = queue.rxPool.take();
          const id = queue.rx.reqProdPvt & (RX_RING.size - 1);
          queue.posted.set(queue.rx.put(encodeRxRequest({ id, pad: 0, gref: offer.ref })), { id, offer });
        }
      },
    },
  },
];
