/** Defects of the reference backend, a few for each chapter. */
import { KEY, RSP, RXF } from '../../protocol/netif.js';
import { RING_OFFSET } from '../../protocol/ring.js';
import { encodeRxResponse } from '../../protocol/rx.js';
import { encodeTxResponse } from '../../protocol/tx.js';
import { BACKEND_STEPS as correct, type BackendSteps, REFERENCE_QUEUES } from '../backend-steps.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';

export const BACKEND_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.xenbus.never-connects',
    breaks: 'XB-10',
    fault: 'stays in InitWait',
    backend: { tryConnect: async () => {} },
  },
  {
    id: 'backend.xenbus.leading-zero',
    breaks: 'XB-01',
    fault: 'writes its state with a leading zero',
    backend: { setState: (vif, state) => correct.setState(vif, `0${state}`) },
  },
  {
    id: 'backend.xenbus.late-features',
    breaks: 'XB-06',
    fault: 'writes a feature after InitWait',
    seen: 'Linux xen-netback, feature-ctrl-ring written late (fixed by ad5b45d12e)',
    backend: {
      async connect(vif) {
        await vif.domain.store.write(`${vif.path}/feature-of-tomorrow`, '1');
        await correct.connect(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.no-reconnect',
    breaks: 'XB-13',
    fault: 'ignores a frontend that starts again',
    seen: 'FreeBSD netback: no way back from Closed',
    backend: ((): Partial<BackendSteps> => {
      const closed = new WeakSet();
      return {
        async frontendChanged(vif) {
          if (closed.has(vif)) return;
          await correct.frontendChanged(vif);
          if (vif.seen === '6') closed.add(vif);
        },
      };
    })(),
  },
  {
    id: 'backend.xenbus.keeps-mapping',
    breaks: 'GNT-08',
    fault: 'keeps the rings mapped when it closes',
    backend: { disconnect: (vif) => void vif.queues.splice(0) },
  },
  {
    id: 'backend.xenbus.connects-without-ring',
    breaks: 'XB-18',
    fault: 'goes to Connected although the rings can not be mapped',
    seen: 'Linux xen-netback: Connected is written after a fatal error',
    backend: {
      async tryConnect(vif) {
        await vif.steps.connect(vif).catch(() => {});
        await vif.steps.setState(vif, '4');
      },
    },
  },
  {
    id: 'backend.rings.lost-response',
    breaks: 'RING-09',
    fault: 'forgets every fiftieth response of a connection',
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
    fault: 'starts at the req_prod that it finds, and so drops what was there',
    seen: 'mirage-net-xen: the backend initialised the shared ring',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const queue = correct.openQueue(vif, frontend, index, refs, channels);
        queue.tx.attach(queue.tx.indices().reqProd);
        return queue;
      },
    },
  },
  {
    id: 'backend.rings.trusts-index',
    breaks: 'RING-10',
    fault: 'answers slots up to any req_prod that it is told',
    seen: 'Linux xen-netback before XSA-39 (CVE-2013-0216): req_prod far beyond the ring',
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
    fault: 'keeps a note in the private part of the ring page',
    backend: {
      push(vif, ring, port) {
        ring.page.store32(RING_OFFSET.pvt + 8, 1);
        correct.push(vif, ring, port);
      },
    },
  },
  {
    id: 'backend.notifications.silent',
    breaks: 'NOTIFY-02',
    fault: 'forgets every twentieth notification of a ring',
    seen: 'win-xenvif got a watchdog for events of backends that were lost (647610f)',
    backend: (() => {
      const counts = new Counts();
      return {
        push(vif, ring, port) {
          if (!ring.push()) return;
          if (counts.next(ring) % 20 !== 0) vif.domain.events.notify(port);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.notifications.always',
    breaks: 'NOTIFY-01',
    fault: 'notifies whatever the event index says',
    seen: 'FreeBSD xnb: notifies every time of a frontend without feature-rx-notify',
    backend: {
      push(vif, ring, port) {
        ring.push();
        vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.notifications.no-final-check',
    breaks: 'NOTIFY-04',
    fault: 'sets req_event no more after some requests',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.reqCons < 40) return correct.serveTx(vif, queue);
        for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
          vif.steps.serveChain(vif, queue, chain);
        }
      },
    },
  },
  {
    id: 'backend.transmit.id-of-eight-bits',
    breaks: 'TXW-23',
    fault: 'keeps eight bits of an id',
    backend: {
      respond(vif, queue, chain, status) {
        const requests = chain.requests.map((request) => ({ ...request, id: request.id & 0xff }));
        correct.respond(vif, queue, { ...chain, requests }, status);
      },
    },
  },
  {
    id: 'backend.transmit.first-size-own',
    breaks: 'TXW-02',
    fault: "takes the first slot's size for that fragment's own",
    seen: "NetBSD xennetback: the packet's size is taken for the first fragment's",
    backend: {
      fetch(vif, queue, chain) {
        const pieces = vif.domain.grants.copyFrom(
          chain.requests.map(({ gref, offset, size }) => ({
            domain: queue.frontend,
            ref: gref,
            offset,
            length: Math.min(size, 4096 - offset),
          })),
        );
        return Uint8Array.from(Buffer.concat(pieces.map((piece) => piece.bytes)));
      },
    },
  },
  {
    id: 'backend.transmit.four-slots',
    breaks: 'SLOT-01',
    fault: 'takes packets of up to four slots',
    seen: 'Linux xen-netback before e3377f36ca20: 17 slots, where guests send 18',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain && chain.requests.length > 4 ? { ...chain, fault: 'too many' } : chain;
      },
    },
  },
  {
    id: 'backend.transmit.bad-ref-okay',
    breaks: 'TXW-28',
    fault: 'answers OKAY although a grant could not be read',
    seen: 'FreeBSD xnb, xnb_update_mbufc: the status of the copy is only asserted',
    backend: {
      fetch: (vif, queue, chain) => correct.fetch(vif, queue, chain) ?? new Uint8Array(64),
    },
  },
  {
    id: 'backend.transmit.too-short-okay',
    breaks: 'TXW-25',
    fault: 'takes a packet shorter than its header',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        return chain && (chain.requests[0]?.size ?? 0) < 14 ? { ...chain, fault: undefined } : chain;
      },
    },
  },
  {
    id: 'backend.receive.wrong-id',
    breaks: 'RXW-02',
    fault: 'answers buffers with ids that it counts itself',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, { ...request, id: (request.id + 1) & 0xffff }, piece, flags),
    },
  },
  {
    id: 'backend.receive.pads-page',
    breaks: 'RXW-19',
    fault: 'clears the rest of the buffer',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const page = new Uint8Array(4096);
        page.set(piece);
        vif.domain.grants.copyTo([{ domain: queue.frontend, ref: request.gref, offset: 0, bytes: page }]);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: piece.length }));
      },
    },
  },
  {
    id: 'backend.receive.raw-status',
    breaks: 'RXW-06',
    fault: 'puts the GNTST of a failed copy into the response',
    seen: 'Linux xen-netback, xenvif_rx_copy_flush',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const segment = { domain: queue.frontend, ref: request.gref, offset: 0, bytes: piece };
        const [status = 0] = vif.domain.grants.copyTo([segment]);
        queue.rx.put(
          encodeRxResponse({ id: request.id, offset: 0, flags, status: status < 0 ? status : piece.length }),
        );
      },
    },
  },
  {
    id: 'backend.receive.undefined-flag',
    breaks: 'RXW-23',
    fault: 'sets an undefined flag',
    backend: {
      fill: (vif, queue, request, piece, flags) =>
        correct.fill(vif, queue, request, piece, flags | (RXF.gsoPrefix << 1)),
    },
  },
  {
    id: 'backend.queues.tx-events-on-rx',
    breaks: 'SEC-07',
    fault: 'tells of tx responses by the rx channel',
    backend: {
      respond(vif, queue, chain, status) {
        correct.respond(vif, { ...queue, txPort: queue.rxPort }, chain, status);
      },
    },
  },
  {
    id: 'backend.queues.first-queue-only',
    breaks: 'MQ-14',
    fault: 'serves queue 0 alone',
    backend: {
      serve(vif, queue) {
        if (queue.index === 0) correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.queues.fewer-than-offered',
    breaks: 'MQ-19',
    fault: 'refuses the last queue of those that it offers',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        if (index === REFERENCE_QUEUES - 1) throw new RangeError(`no queue ${index}`);
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.queues.split-or-nothing',
    breaks: 'MQ-12',
    fault: 'takes several queues only with two event channels each',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        if (index > 0 && channels.tx === channels.rx) throw new RangeError('one event channel');
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.queues.takes-any-number',
    breaks: 'MQ-13',
    fault: 'connects with as many queues as it finds, whatever was asked for',
    seen: 'Linux xen-netback took a number of queues of 0 until 2026',
    backend: {
      async tryConnect(vif) {
        await vif.steps.connect(vif).catch(() => {});
        await vif.steps.setState(vif, '4');
      },
    },
  },
  {
    id: 'backend.queues.zero-queues-offered',
    breaks: 'MQ-01',
    fault: 'offers 04 queues',
    backend: { features: () => ({ ...correct.features(), [KEY.multiQueueMaxQueues]: '04' }) },
  },
  {
    id: 'backend.transmit.null-for-data',
    breaks: 'TXW-13',
    fault: 'answers good packets DROPPED',
    backend: {
      respond(vif, queue, chain) {
        for (const { id } of chain.requests) queue.tx.put(encodeTxResponse({ id, status: RSP.dropped }));
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
];
