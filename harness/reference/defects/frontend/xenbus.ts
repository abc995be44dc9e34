/** Defects of the reference frontend, chapter xenbus. */
import { KEY } from '../../../protocol/netif.js';
import { slotOffset } from '../../../protocol/ring.js';
import { readOther, STATE } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import { writeConnectionKeys } from '../../connection-keys.js';
import type { Defect } from '../defect.js';
import { drops, pushesInSilence } from '../support/frontend.js';
import { Counts } from '../support/counts.js';
import { Busy } from '../support/busy.js';
import { isPing } from '../support/packets.js';

/** Treats the rings of the connection before a restore as those of the next. */
function publishesOldRings(vif: FrontendVif): void {
  const keys = Object.assign({}, ...vif.queues.map((queue) => correct.queueKeys(queue))) as Record<string, string>;
  vif.seen = STATE.initWait;
  const publish = async (): Promise<void> => {
    for (const [key, value] of Object.entries(keys)) await vif.domain.store.write(`${vif.path}/${key}`, value);
    await correct.setState(vif, STATE.initialised);
  };
  publish().catch(vif.onError);
}

/** Connects each device as often as this, although its driver is bound to it again. */
function connectsAtMost(most: number): Partial<FrontendSteps> {
  const connections = new WeakMap<object, Map<string, number>>();
  return {
    async connect(vif) {
      const device = `${vif.path} ${await vif.domain.store.read(`${vif.path}/mac`)}`;
      const counts = connections.get(vif.domain) ?? new Map<string, number>();
      connections.set(vif.domain, counts);
      const count = (counts.get(device) ?? 0) + 1;
      counts.set(device, count);
      if (count <= most) await correct.connect(vif);
    },
  };
}

export const FRONTEND_XENBUS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.xenbus.never-connects',
    breaks: 'XB-08',
    fault: 'stays in Initialising',
    frontend: { connect: async () => {} },
  },
  {
    id: 'frontend.xenbus.does-not-wait',
    breaks: 'XB-07',
    fault: 'publishes its keys without waiting for InitWait',
    seen: 'OpenBSD xnf: writes Connected without waiting for the backend',
    frontend: {
      async backendChanged(vif) {
        const state = await vif.domain.store.read(`${vif.backendPath}/state`);
        if (vif.queues.length === 0) await vif.steps.connect(vif);
        else if (state === STATE.connected) await correct.backendChanged(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.ended-ring',
    breaks: 'XB-26',
    fault: 'publishes a tx ring whose grant has ended, except for its first two queues',
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
    fault: 'writes request-rx-copy = 0',
    frontend: { features: () => ({ ...correct.features(), [KEY.requestRxCopy]: '0' }) },
  },
  {
    id: 'frontend.xenbus.never-closes',
    breaks: 'XB-15',
    fault: 'stops at Closing',
    frontend: {
      async setState(vif, state) {
        if (state !== STATE.closed) await correct.setState(vif, state);
      },
    },
  },
  {
    id: 'frontend.xenbus.reserved-ref',
    breaks: 'GNT-06',
    fault: 'posts a buffer with a reserved grant reference',
    frontend: {
      openQueue(vif, index, split) {
        const queue = correct.openQueue(vif, index, split);
        // The buffer that was posted last: the backend uses it late.
        queue.rx.page.copyIn(slotOffset(queue.rx.layout, queue.rx.reqProdPvt - 1) + 4, Uint8Array.of(3, 0, 0, 0));
        return queue;
      },
    },
  },
  {
    id: 'frontend.xenbus.initialised-is-connected',
    breaks: 'XB-03',
    fault: 'goes from Initialised to Connected without waiting for the backend',
    frontend: {
      async setState(vif, state) {
        await correct.setState(vif, state);
        if (state === STATE.initialised) await correct.setState(vif, STATE.connected);
      },
    },
  },
  {
    id: 'frontend.xenbus.forgets-early',
    breaks: 'XB-11',
    fault: 'initialises its tx ring again when the backend is Connected',
    seen: 'mirage-net-xen before 1.4.1: packets that were queued before Connected are lost',
    frontend: {
      start(vif) {
        for (const queue of vif.queues) queue.tx.init();
        correct.start(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.once',
    breaks: 'XB-16',
    fault: 'connects only once for each device',
    frontend: connectsAtMost(1),
  },
  {
    id: 'frontend.xenbus.old-rings',
    breaks: 'XB-24',
    fault: 'publishes its old rings after a restore',
    seen: 'mini-os netfront (4821876): suspend and resume did not work',
    frontend: { resume: publishesOldRings },
  },
  {
    id: 'frontend.xenbus.trusts-old-state',
    breaks: 'XB-28',
    fault: 'treats a backend that is still Connected as its own and ignores later states',
    seen: 'win-xenvif c9b6e56: a backend that is already Connected at start',
    frontend: (() => {
      const misled = new WeakSet();
      return {
        async backendChanged(vif) {
          const state = await vif.domain.store.read(`${vif.backendPath}/state`);
          if (state === STATE.connected && vif.queues.length === 0) misled.add(vif);
          if (!misled.has(vif)) await correct.backendChanged(vif);
        },
      };
    })(),
  },
  {
    id: 'frontend.xenbus.ignores-carrier',
    breaks: 'LINK-03',
    fault: 'reports a carrier whatever the backend says',
    seen: 'Linux xen-netfront: does not read the node',
    frontend: { followCarrier: async () => {} },
  },
  {
    id: 'frontend.xenbus.other-data-in-page',
    breaks: 'TRUST-01',
    fault: 'grants a page that holds other data after the packet',
    seen: 'Linux xen-netfront before XSA-403 (CVE-2022-33741)',
    frontend: {
      buffer(vif, queue, bytes) {
        const offer = correct.buffer(vif, queue, bytes);
        offer.page.copyIn(4000, Buffer.from('secret'));
        return offer;
      },
    },
  },
  {
    id: 'frontend.xenbus.uncleared-buffers',
    breaks: 'GNT-11',
    fault: 'posts receive buffers that are not cleared',
    seen: 'Linux xen-netfront before XSA-403 (CVE-2022-33740)',
    frontend: {
      post(vif, queue) {
        correct.post(vif, queue);
        for (const { offer } of queue.posted.values()) offer.page.copyIn(64, Buffer.from('secret'));
      },
    },
  },
  {
    id: 'frontend.xenbus.stale-pages',
    breaks: 'GNT-11',
    fault: 'sends from pages that it keeps, and clears none of them',
    frontend: {
      firstPost(vif, queue) {
        queue.txPool.fill(256);
        correct.firstPost(vif, queue);
      },
    },
  },
  {
    id: 'frontend.xenbus.forgets-buffers',
    breaks: 'XB-15',
    fault: 'keeps one receive buffer of each queue granted after it has disconnected',
    seen: 'OSv netfront (b7d22650): grants were kept after close',
    frontend: {
      disconnect(vif) {
        for (const { posted } of vif.queues) for (const index of [...posted.keys()].slice(0, 1)) posted.delete(index);
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.words-for-numbers',
    breaks: 'XB-22',
    fault: 'writes feature-ipv6-csum-offload = "on"',
    frontend: { features: () => ({ ...correct.features(), [KEY.featureIpv6CsumOffload]: 'on' }) },
  },
  {
    id: 'frontend.xenbus.follows-without-rx-copy',
    breaks: 'XB-31',
    fault: 'goes to Initialised although the backend lacks feature-rx-copy, and then to Connected with it',
    frontend: { accepts: () => Promise.resolve(true) },
  },
  {
    id: 'frontend.xenbus.ignores-rx-copy',
    breaks: 'XB-31',
    fault: 'goes to Connected although the backend lacks feature-rx-copy',
    frontend: {
      async backendChanged(vif) {
        await correct.backendChanged(vif);
        const copies = (await vif.domain.store.read(`${vif.backendPath}/${KEY.featureRxCopy}`)) === '1';
        if (vif.seen === STATE.initWait && !copies) await correct.setState(vif, STATE.connected);
      },
    },
  },
  {
    id: 'frontend.xenbus.dies-of-loss',
    breaks: 'XB-15',
    fault: 'connects no vif after the directory of a connected backend has disappeared',
    seen: 'win-xenvif before 6909530: waits forever when the directory of the backend disappears',
    frontend: (() => {
      const dead = new WeakSet();
      const states = new WeakMap<object, string>();
      return {
        async setState(vif, state) {
          states.set(vif, state);
          await correct.setState(vif, state);
        },
        disconnect(vif) {
          if (vif.queues.length > 0 && states.get(vif) === STATE.connected) dead.add(vif.domain);
          correct.disconnect(vif);
        },
        async backendChanged(vif) {
          if (!dead.has(vif.domain)) await correct.backendChanged(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.falls-silent',
    breaks: 'NOTIFY-02',
    fault: 'never notifies tx requests from the second connection of a vif on',
    frontend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          counts.next(vif);
          await correct.connect(vif);
        },
        ...pushesInSilence((vif) => counts.of(vif) > 1),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'connects four times and never again',
    frontend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          if (counts.next(vif.domain) <= 4) await correct.connect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
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
          await correct.connect(vif);
        },
        serve(vif, queue) {
          if (last.get(vif.domain) === vif) correct.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.old-packet-in-page',
    breaks: 'TRUST-01',
    fault: 'grants a page that holds the previous packet after the packet',
    seen: 'mirage-net-xen before 9581918 and 8319f6c: the buffers of a pool are not cleared',
    frontend: (() => {
      const before = new WeakMap<object, Uint8Array>();
      return {
        buffer(vif, queue, bytes) {
          const offer = correct.buffer(vif, queue, bytes);
          offer.page.copyIn(2048, (before.get(queue) ?? new Uint8Array()).subarray(0, 1500));
          before.set(queue, Uint8Array.from(bytes));
          return offer;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.waits-for-closing',
    breaks: 'XB-32',
    fault: 'waits for Closing although the backend is already Closed',
    seen: 'Linux xen-netfront before c2c633106453',
    frontend: {
      async follow(vif, state, own) {
        if (state !== STATE.closed || own !== STATE.connected) await correct.follow(vif, state, own);
      },
    },
  },
  {
    id: 'frontend.xenbus.readonly-ring',
    breaks: 'RING-19',
    fault: 'passes a page that is granted read-only as its tx ring',
    frontend: {
      queueKeys(queue) {
        const page = queue.txPool.take();
        queue.tables.push(page);
        return { ...correct.queueKeys(queue), [KEY.txRingRef]: String(page.ref) };
      },
    },
  },
  {
    id: 'frontend.xenbus.state-with-line-feed',
    breaks: 'XB-01',
    fault: 'ends the value of its state with a line feed',
    frontend: { setState: (vif, state) => correct.setState(vif, `${state}\n`) },
  },
  {
    id: 'frontend.xenbus.no-carrier-key',
    breaks: 'LINK-02',
    fault: 'reports no carrier if the backend does not write the carrier node',
    frontend: {
      async followCarrier(vif) {
        const path = `${vif.backendPath}/${KEY.carrier}`;
        const read = async (): Promise<void> => {
          vif.carrier = (await readOther(vif.domain.store, path)) === '1';
        };
        await read();
        vif.carrierWatch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
      },
    },
  },
  {
    id: 'frontend.xenbus.small-mtu',
    breaks: 'MTU-01',
    fault: 'drops pings of more than 1300 bytes if its directory has no mtu node',
    frontend: drops((packet) => packet.frame.length > 1314 && isPing(packet.frame)),
  },
  {
    id: 'frontend.xenbus.ends-at-reconfiguring',
    breaks: 'XB-05',
    fault: 'closes when the backend is Reconfiguring',
    frontend: {
      async follow(vif, state, own) {
        if (state === STATE.reconfiguring) await vif.steps.closeWith(vif, state, own);
        else await correct.follow(vif, state, own);
      },
    },
  },
  {
    id: 'frontend.xenbus.mac-of-backend',
    breaks: 'XB-20',
    fault: "uses the mac key of the backend's directory",
    frontend: (() => {
      const macs = new WeakMap<object, Uint8Array>();
      return {
        async connect(vif) {
          const mac = await vif.domain.store.read(`${vif.backendPath}/${KEY.mac}`);
          if (mac !== undefined) macs.set(vif, Uint8Array.from(Buffer.from(mac.replaceAll(':', ''), 'hex')));
          await correct.connect(vif);
        },
        transmit(vif, queue, packet) {
          const frame = Uint8Array.from(packet.frame);
          frame.set(macs.get(vif) ?? frame.subarray(6, 12), 6);
          correct.transmit(vif, queue, { ...packet, frame });
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.incomplete-grant',
    breaks: 'GNT-01',
    fault: 'posts its 50th buffer by a reference whose grant is not complete',
    frontend: {
      openQueue(vif, index, split) {
        const queue = correct.openQueue(vif, index, split);
        const at = slotOffset(queue.rx.layout, 49) + 4;
        const ref = new DataView(queue.rx.page.copyOut(at, 4).buffer).getUint32(0, true);
        queue.rx.page.copyIn(at, new Uint8Array(Uint32Array.of(ref + 5000).buffer));
        return queue;
      },
    },
  },
  {
    id: 'frontend.xenbus.channels-to-domain-0',
    breaks: 'XB-26',
    fault: 'opens the event channels of its later queues to domain 0',
    frontend: {
      openQueue(vif, index, split) {
        if (index === 0) return correct.openQueue(vif, index, split);
        const { events } = vif.domain;
        const bind = events.bindUnbound.bind(events);
        events.bindUnbound = () => bind(0);
        const queue = correct.openQueue(vif, index, split);
        events.bindUnbound = bind;
        return queue;
      },
    },
  },
  {
    id: 'frontend.xenbus.other-domain',
    breaks: 'GNT-04',
    fault: 'grants its 50th buffer to a domain that is not its backend',
    frontend: {
      post(vif, queue) {
        const { rxPool } = queue;
        const take = rxPool.take.bind(rxPool);
        let posted = queue.rx.reqProdPvt;
        rxPool.take = () => (++posted === 50 ? vif.domain.grants.offer(vif.backend + 1, 'read-write') : take());
        correct.post(vif, queue);
        rxPool.take = take;
      },
    },
  },
  {
    id: 'frontend.xenbus.state-before-event',
    raceIn: 'frontend.xenbus.same-state-again',
    breaks: 'XB-21',
    fault: 'ignores an event that arrives while it handles a change of state',
    frontend: (() => {
      const busy = new Busy();
      return {
        backendChanged: (vif) => busy.during(vif, correct.backendChanged(vif)),
        serve(vif, queue) {
          if (!busy.has(vif)) correct.serve(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.gives-up-conflict',
    breaks: 'XB-25',
    fault: 'does not repeat a transaction that conflicts with another change',
    frontend: {
      async publish(vif, keys) {
        let attempts = 0;
        await vif.domain.store.transaction(async (access) => {
          if (attempts++ === 0) await writeConnectionKeys(access, vif.path, keys);
        });
        await vif.steps.invite(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.carrier-twice',
    breaks: 'LINK-03',
    fault: 'follows the first two changes of the carrier node',
    frontend: (() => {
      const changes = new Counts();
      return {
        async followCarrier(vif) {
          await correct.followCarrier(vif);
          await vif.carrierWatch?.close();
          changes.clear(vif);
          const path = `${vif.backendPath}/${KEY.carrier}`;
          vif.carrierWatch = await vif.domain.store.watch(path, () => {
            // The first event is that of the watch itself.
            if (changes.next(vif) > 3) return;
            readOther(vif.domain.store, path).then((value) => (vif.carrier = value !== '0'), vif.onError);
          });
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.old-rings-later',
    breaks: 'XB-24',
    fault: 'publishes its old rings after a second restore',
    frontend: (() => {
      const restores = new Counts();
      return {
        resume(vif) {
          if (restores.next(vif) === 1) correct.resume(vif);
          else publishesOldRings(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.xenbus.connects-twice',
    breaks: 'XB-16',
    fault: 'connects only twice for each device',
    frontend: connectsAtMost(2),
  },
];
