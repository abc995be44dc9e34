/** Defects of the reference backend in where rings, vifs and tables begin and end. */
import { KEY } from '../../protocol/netif.js';
import { RING_OFFSET, slotOffset, TX_RING } from '../../protocol/ring.js';
import { BackRing } from '../../protocol/shared-ring.js';
import { encodeTxResponse } from '../../protocol/tx.js';
import { BACKEND_STEPS as backend } from '../backend-steps.js';
import type { BackendVif } from '../backend.js';
import { readOther } from '../bus.js';
import { Counts } from './counts.js';
import type { Defect } from './defect.js';
import { isPing } from './packets.js';
import { lookByClock } from './polling.js';

/** Whether a vif is the third or the fourth that its driver has. */
function thirdAndFourth(): (vif: BackendVif) => boolean {
  const vifs = new WeakMap<object, string[]>();
  return ({ domain, path }) => {
    const known = vifs.get(domain) ?? [];
    vifs.set(domain, known);
    if (!known.includes(path)) known.push(path);
    return [2, 3].includes(known.indexOf(path));
  };
}

export const BACKEND_BOUNDS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.rings.ends-with-ring',
    breaks: 'RING-04',
    fault: 'delivers nothing once every slot of the rx ring was used',
    backend: {
      deliver(vif, queue, packet) {
        if (queue.rx.reqCons < queue.rx.layout.size) backend.deliver(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.rings.notes-in-slots',
    breaks: 'RING-13',
    fault: 'keeps notes in slots that hold no request',
    backend: {
      respond(vif, queue, chain, status) {
        const ahead = slotOffset(TX_RING, queue.tx.rspProdPvt + 80);
        queue.tx.page.copyIn(ahead, Uint8Array.of(1, 2, 3, 4));
        backend.respond(vif, queue, chain, status);
      },
    },
  },
  {
    id: 'backend.gref.any-access',
    breaks: 'GREF-14',
    fault: 'maps for reading what it can not map for writing',
    backend: {
      mapEntries: (table, entries) =>
        backend.mapEntries(table, entries) ||
        (entries.every(({ flags }) => flags === 0) &&
          backend.mapEntries(
            table,
            entries.map((entry) => ({ ...entry, flags: 1 })),
          )),
    },
  },
  {
    id: 'backend.staging.half-pool',
    breaks: 'STAG-12',
    fault: 'drops the pings of a vif whose pool has more than 256 entries',
    backend: {
      accept(vif, queue, packet) {
        if (queue.rxPool.size <= 256 || !isPing(packet.frame)) backend.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.xenbus.asked-first',
    breaks: 'XB-02',
    fault: 'stays in Initialising with its third and fourth vif',
    backend: (() => {
      const isSkipped = thirdAndFourth();
      return {
        async frontendChanged(vif) {
          if (!isSkipped(vif)) await backend.frontendChanged(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.stays-in-init-wait',
    breaks: 'XB-09',
    fault: 'stays in InitWait with its third and fourth vif',
    backend: (() => {
      const isSkipped = thirdAndFourth();
      return {
        async tryConnect(vif) {
          if (!isSkipped(vif)) await backend.tryConnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'connects a vif four times and no more',
    seen: 'Linux xen-netback with 2afeec08ab5c: a second connection never finished',
    backend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          if (counts.next(vif) > 4) throw new RangeError('enough');
          await backend.connect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.restarts-offline',
    breaks: 'XB-13',
    fault: 'starts again when its device is taken out',
    backend: {
      async setState(vif, state) {
        const offline = (await vif.domain.store.read(`${vif.path}/online`)) === '0';
        await backend.setState(vif, offline && state === '6' ? '2' : state);
      },
    },
  },
  {
    id: 'backend.rings.compares-indices',
    breaks: 'RING-04',
    fault: 'takes an index that is smaller than before for nothing new',
    seen: 'OpenBSD xnf, Nanos: absolute indices are compared',
    backend: {
      serveTx(vif, queue) {
        if (queue.tx.indices().reqProd >= queue.tx.reqCons) backend.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.rings.serves-overfull',
    breaks: 'RING-20',
    fault: 'serves a ring that starts overfull from its last slots on',
    seen: 'illumos xnb: req_prod is not checked',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        const [page] = vif.domain.grants.map(frontend, refs.slice(0, 1), 'read-write').pages;
        const ring = page && new BackRing(page, TX_RING);
        const { reqProd, rspProd } = ring?.indices() ?? { reqProd: 0, rspProd: 0 };
        if (ring && reqProd - rspProd > TX_RING.size) page.store32(RING_OFFSET.reqProd, rspProd);
        return backend.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.rings.batches',
    breaks: 'RING-09',
    fault: 'publishes its responses to quiet frames by fours',
    backend: {
      respond(vif, queue, chain, status) {
        const [first] = chain.requests;
        const quiet = first !== undefined && first.size > 42 && first.size < 70;
        const held = quiet && (queue.tx.rspProdPvt & 3) !== 0;
        if (!held) return backend.respond(vif, queue, chain, status);
        queue.tx.put(encodeTxResponse({ id: first.id, status }));
      },
    },
  },
  {
    id: 'backend.notifications.polls',
    breaks: 'NOTIFY-04',
    fault: 'looks by a clock, and asks for no event',
    backend: {
      openQueue: (vif, frontend, index, refs, channels) =>
        lookByClock(vif, backend.openQueue(vif, frontend, index, refs, channels), (...place) =>
          vif.steps.serve(...place),
        ),
      serve(vif, queue) {
        backend.serve(vif, queue);
        queue.tx.setReqEvent(queue.tx.reqCons);
      },
    },
  },
  {
    id: 'backend.queues.split-by-word',
    breaks: 'SEC-01',
    fault: 'advertises split event channels as 2',
    backend: { features: () => ({ ...backend.features(), [KEY.featureSplitEventChannels]: '2' }) },
  },
  {
    id: 'backend.xenbus.rx-copy-by-word',
    breaks: 'XB-19',
    fault: 'advertises feature-rx-copy as 2',
    backend: { features: () => ({ ...backend.features(), [KEY.featureRxCopy]: '2' }) },
  },
  {
    id: 'backend.xenbus.dies-of-loss',
    breaks: 'XB-17',
    fault: 'serves nothing any more when a frontend vanished under a connection',
    backend: (() => {
      const dead = new WeakSet();
      return {
        async frontendChanged(vif) {
          const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
          if (state === undefined && vif.seen === '4') dead.add(vif.domain);
          await backend.frontendChanged(vif);
        },
        serve(vif, queue) {
          if (!dead.has(vif.domain)) backend.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
