/** Defects of the reference frontend, a few for each chapter. */
import { KEY, RXF } from '../../protocol/netif.js';
import { RING_OFFSET } from '../../protocol/ring.js';
import { encodeTxRequest } from '../../protocol/tx.js';
import { FRONTEND_STEPS as correct } from '../frontend-steps.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';

export const FRONTEND_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.xenbus.never-connects',
    breaks: 'XB-08',
    fault: 'stays in Initialising',
    frontend: { connect: async () => {} },
  },
  {
    id: 'frontend.xenbus.does-not-wait',
    breaks: 'XB-07',
    fault: 'publishes at once, whatever state the backend is in',
    seen: 'OpenBSD xnf: writes Connected without waiting for the backend',
    frontend: {
      async backendChanged(vif) {
        const state = await vif.domain.store.read(`${vif.backendPath}/state`);
        if (vif.queues.length === 0) await vif.steps.connect(vif);
        else if (state === '4') await correct.backendChanged(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.state-before-keys',
    breaks: 'XB-26',
    fault: 'tells of rings that it has taken back, but for its first vifs',
    frontend: (() => {
      const counts = new Counts();
      return {
        openQueue(vif, index, split) {
          const queue = correct.openQueue(vif, index, split);
          if (counts.next(vif.domain) > 2) queue.rings[0]?.end();
          return queue;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.no-rx-copy',
    breaks: 'XB-19',
    fault: 'does not ask for copies',
    frontend: { features: () => ({ ...correct.features(), [KEY.requestRxCopy]: '0' }) },
  },
  {
    id: 'frontend.xenbus.never-closes',
    breaks: 'XB-15',
    fault: 'stops at Closing',
    frontend: {
      async setState(vif, state) {
        if (state !== '6') await correct.setState(vif, state);
      },
    },
  },
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
    id: 'frontend.rings.same-id',
    breaks: 'RING-16',
    fault: 'uses one id for everything in flight',
    seen: 'mirage-net-xen before 1.5.0: an id was used again while still in flight (0b1e53c)',
    frontend: {
      putTx: (queue, request, offer) => correct.putTx(queue, { ...request, id: 5 }, offer),
    },
  },
  {
    id: 'frontend.rings.writes-pad',
    breaks: 'RING-13',
    fault: 'keeps a note in the private part of the ring page',
    frontend: {
      push(vif, ring, port) {
        ring.page.store32(RING_OFFSET.pvt + 8, 1);
        correct.push(vif, ring, port);
      },
    },
  },
  {
    id: 'frontend.notifications.silent',
    breaks: 'NOTIFY-02',
    fault: 'forgets every twentieth notification of a ring',
    frontend: (() => {
      const counts = new Counts();
      return {
        push(vif, ring, port) {
          if (!ring.push()) return;
          if (counts.next(ring) % 20 !== 0) vif.domain.events.notify(port);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.notifications.always',
    breaks: 'NOTIFY-01',
    fault: 'notifies whatever the event index says',
    seen: 'mini-os netfront: every packet kicked the rx ring (9682fc3)',
    frontend: {
      push(vif, ring, port) {
        ring.push();
        vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'frontend.transmit.size-per-fragment',
    breaks: 'TXW-01',
    fault: 'tells the size of a packet with a payload of 1000 bytes in whole words',
    frontend: {
      putTx(queue, request, offer) {
        correct.putTx(queue, { ...request, size: request.size === 1042 ? request.size & ~3 : request.size }, offer);
      },
    },
  },
  {
    id: 'frontend.transmit.crosses-page',
    breaks: 'TXW-04',
    fault: 'puts a frame of the largest size so that it crosses its page',
    seen: 'mirage-net-xen before 1.1.1: packets larger than their page',
    frontend: {
      putTx: (queue, request, offer) =>
        correct.putTx(queue, { ...request, offset: request.size === 1514 ? 4090 : request.offset }, offer),
    },
  },
  {
    id: 'frontend.transmit.writable',
    breaks: 'GNT-05',
    fault: 'grants what it transmits for writing',
    seen: 'mini-os netfront (1675910): tx pages were granted for writing',
    frontend: {
      buffer(vif, _, bytes) {
        const offer = vif.domain.grants.offer(vif.backend, 'read-write');
        offer.page.copyIn(0, bytes);
        return offer;
      },
    },
  },
  {
    id: 'frontend.transmit.reuses-buffer',
    breaks: 'TXW-16',
    fault: 'clears the oldest buffer when more than four are in flight',
    seen: 'mirage, MSA02: a page was used again while the peer still had it',
    frontend: {
      putTx(queue, request, offer) {
        queue.tx.put(encodeTxRequest(request));
        queue.sending.set(request.id, offer);
        const [oldest] = queue.sending.values();
        if (queue.sending.size > 4) oldest?.page.copyIn(0, new Uint8Array(64));
      },
    },
  },
  {
    id: 'frontend.transmit.ignores-sg',
    breaks: 'TXW-32',
    fault: 'splits packets for a backend without feature-sg',
    frontend: {
      transmit(vif, queue, packet) {
        const { frame } = packet;
        if (frame.length < 100 || frame.length > 4096) return correct.transmit(vif, queue, packet);
        const [head, tail] = [frame.subarray(0, 60), frame.subarray(60)];
        const first = vif.steps.buffer(vif, queue, head);
        const second = vif.steps.buffer(vif, queue, tail);
        const id = queue.tx.reqProdPvt & 0xff;
        vif.steps.putTx(queue, { gref: first.ref, offset: 0, flags: 4, id, size: frame.length }, first);
        vif.steps.putTx(queue, { gref: second.ref, offset: 0, flags: 0, id: id + 256, size: tail.length }, second);
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'frontend.receive.ignores-offset',
    breaks: 'RXW-08',
    fault: "looks for data at the buffer's start",
    seen: 'Unikraft netfront before ffdb6354, mirage-net-xen 1.x',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy.fill(0, 2, 4);
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.receive.single-slots',
    breaks: 'RXW-09',
    fault: 'takes every slot for a packet',
    seen: 'mini-os netfront: flags are not looked at',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        copy[4] = (copy[4] ?? 0) & ~RXF.moreData;
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.receive.leaks-on-error',
    breaks: 'RXW-12',
    fault: 'does not post a buffer again after an error',
    seen: 'Linux xen-netfront leaked the buffers of bad responses',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const posted = queue.posted.get(index);
        const frame = correct.takeRxSlot(queue, index, bytes);
        if (((bytes[7] ?? 0) & 0x80) !== 0 && posted) queue.posted.set(-index - 1, posted);
        return frame;
      },
    },
  },
  {
    id: 'frontend.receive.no-refill',
    breaks: 'RXW-17',
    fault: 'never posts a buffer again',
    seen: 'Linux xen-netfront before 5d5c293af834: no buffer any more after memory was short',
    frontend: {
      post(vif, queue) {
        if (queue.rx.reqProdPvt === 0) correct.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.queues.always-split',
    breaks: 'SEC-04',
    fault: 'splits its event channels whatever the backend offers',
    seen: 'win-xenvif before 5e0cb5c: a tx channel where none is',
    frontend: { openQueue: (vif, index) => correct.openQueue(vif, index, true) },
  },
  {
    id: 'frontend.queues.too-many',
    breaks: 'MQ-04',
    fault: 'uses a queue more than is offered',
    frontend: { queueCount: (offered) => correct.queueCount(offered) + (offered === undefined ? 0 : 1) },
  },
  {
    id: 'frontend.queues.one-for-rx',
    breaks: 'MQ-15',
    fault: 'receives on queue 0 alone',
    frontend: {
      serveRx(vif, queue) {
        if (queue.index === 0) correct.serveRx(vif, queue);
      },
    },
  },
];
