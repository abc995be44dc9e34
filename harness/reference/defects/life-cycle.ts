/** Defects of the ways in which a vif begins and ends, and of slots that are looked at twice. */
import { KEY } from '../../protocol/netif.js';
import { RX_RING, slotOffset, TX_RING } from '../../protocol/ring.js';
import { decodeRxResponse } from '../../protocol/rx.js';
import { decodeTxRequest } from '../../protocol/tx.js';
import { BACKEND_STEPS as backend } from '../backend-steps.js';
import { FRONTEND_STEPS as frontend } from '../frontend-steps.js';
import { writeState } from '../bus.js';
import type { Defect } from './defect.js';

export const LIFE_CYCLE_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.xenbus.initialised-is-connected',
    breaks: 'XB-03',
    fault: 'goes on from Initialised without waiting for the backend',
    frontend: {
      async setState(vif, state) {
        await frontend.setState(vif, state);
        if (state === '3') await frontend.setState(vif, '4');
      },
    },
  },
  {
    id: 'frontend.xenbus.forgets-early',
    breaks: 'XB-11',
    fault: 'begins its tx ring anew when the backend is Connected',
    seen: 'mirage-net-xen before 1.4.1: packets queued before Connected were lost',
    frontend: {
      start(vif) {
        for (const queue of vif.queues) queue.tx.init();
        frontend.start(vif);
      },
    },
  },
  {
    id: 'frontend.xenbus.once',
    breaks: 'XB-16',
    fault: 'connects once for each device, however often it starts',
    frontend: (() => {
      const connected = new WeakMap<object, Set<string>>();
      return {
        async connect(vif) {
          const device = `${vif.path} ${await vif.domain.store.read(`${vif.path}/mac`)}`;
          const devices = connected.get(vif.domain) ?? new Set();
          if (devices.has(device)) return;
          connected.set(vif.domain, devices.add(device));
          await frontend.connect(vif);
        },
      };
    })(),
  },
  {
    id: 'frontend.xenbus.old-rings',
    breaks: 'XB-24',
    fault: 'goes on with its rings after a restore, as they are',
    seen: 'mini-os netfront: suspend and resume did not work (4821876)',
    frontend: {
      resume(vif) {
        const keys = Object.assign({}, ...vif.queues.map((queue) => frontend.queueKeys(queue))) as Record<
          string,
          string
        >;
        vif.seen = '2';
        const publish = async (): Promise<void> => {
          for (const [key, value] of Object.entries(keys)) await vif.domain.store.write(`${vif.path}/${key}`, value);
          await frontend.setState(vif, '3');
        };
        publish().catch(vif.onError);
      },
    },
  },
  {
    id: 'frontend.xenbus.trusts-old-state',
    breaks: 'XB-28',
    fault: 'takes a backend that is still Connected for its own, and never looks again',
    seen: 'win-xenvif: a backend already Connected at start (c9b6e56)',
    frontend: (() => {
      const misled = new WeakSet();
      return {
        async backendChanged(vif) {
          const state = await vif.domain.store.read(`${vif.backendPath}/state`);
          if (state === '4' && vif.queues.length === 0) misled.add(vif);
          if (!misled.has(vif)) await frontend.backendChanged(vif);
        },
      };
    })(),
  },
  {
    id: 'frontend.link.no-carrier',
    breaks: 'LINK-03',
    fault: 'has a carrier whatever the backend says',
    seen: 'Linux xen-netfront, which does not know the node',
    frontend: { followCarrier: async () => {} },
  },
  {
    id: 'frontend.trust.neighbours',
    breaks: 'TRUST-01',
    fault: 'grants the page in which a packet lies beside other data',
    seen: 'Linux xen-netfront before XSA-403 (CVE-2022-33741)',
    frontend: {
      buffer(vif, queue, bytes) {
        const offer = frontend.buffer(vif, queue, bytes);
        offer.page.copyIn(4000, Buffer.from('secret'));
        return offer;
      },
    },
  },
  {
    id: 'frontend.trust.used-buffers',
    breaks: 'GNT-11',
    fault: 'posts receive buffers with what the page held before',
    seen: 'Linux xen-netfront before XSA-403 (CVE-2022-33740)',
    frontend: {
      post(vif, queue) {
        frontend.post(vif, queue);
        for (const { offer } of queue.posted.values()) offer.page.copyIn(64, Buffer.from('secret'));
      },
    },
  },
  {
    id: 'frontend.rings.double-fetch',
    breaks: 'RING-12',
    fault: 'takes as many bytes as a response tells at a second look',
    seen: 'Linux xen-netfront before 8446066bf8c1: responses were read from the ring repeatedly',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const frame = frontend.takeRxSlot(queue, index, bytes);
        const first = decodeRxResponse(bytes);
        const second = decodeRxResponse(queue.rx.page.copyOut(slotOffset(RX_RING, index), RX_RING.slotBytes));
        if (!frame || !first.ok || !second.ok || second.value.status >= first.value.status) return frame;
        return frame.fill(0, second.value.status);
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
        const chain = backend.takeChain(queue);
        const again = decodeTxRequest(queue.tx.page.copyOut(at, TX_RING.slotBytes));
        const [first, ...rest] = chain?.requests ?? [];
        if (!chain || !first || !again.ok || chain.fault !== undefined) return chain;
        return { ...chain, requests: [{ ...first, size: again.value.size }, ...rest] };
      },
    },
  },
  {
    id: 'backend.xenbus.forgets-watch',
    breaks: 'XB-12',
    fault: 'leaves the watch on a frontend behind when it disconnects',
    backend: {
      disconnect(vif) {
        vif.groups.watch = undefined;
        backend.disconnect(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.forgets-channel',
    breaks: 'XB-12',
    fault: 'leaves the event channels bound when it disconnects',
    backend: {
      disconnect(vif) {
        const { events } = vif.domain;
        const kept = { ...events, unbind: () => undefined };
        const domain = { ...vif.domain, events: kept };
        backend.disconnect(Object.assign(Object.create(vif) as typeof vif, { domain }));
      },
    },
  },
  {
    id: 'frontend.xenbus.forgets-buffers',
    breaks: 'XB-12',
    fault: 'leaves a receive buffer of each queue granted when it disconnects',
    seen: 'OSv netfront: grants kept after close (b7d22650)',
    frontend: {
      disconnect(vif) {
        for (const { posted } of vif.queues) for (const index of [...posted.keys()].slice(0, 1)) posted.delete(index);
        frontend.disconnect(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.write-storm',
    breaks: 'XB-23',
    fault: 'watches its own directory and writes there when it changes, a hundred times over',
    backend: {
      async connect(vif) {
        await backend.connect(vif);
        let left = 100;
        const note = async (): Promise<void> => {
          if (vif.queues.length === 0 || left-- <= 0) return;
          await vif.domain.store.transaction(async (access) => {
            // Nothing may come to life again in a directory that is gone.
            if ((await access.read(`${vif.path}/state`)) !== undefined) await access.write(`${vif.path}/seen`, '1');
          });
        };
        await vif.domain.store.watch(vif.path, () => void note().catch(() => undefined));
      },
    },
  },
  {
    id: 'backend.xenbus.writes-per-change',
    breaks: 'XB-23',
    fault: 'writes its state several times for each change that it is told of',
    backend: {
      async followMulticast(vif) {
        await backend.followMulticast(vif);
        const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
        const note = async (): Promise<void> => {
          for (let n = 0; n < 3 && vif.queues.length > 0; n++) await writeState(vif.domain.store, vif.path, '4');
        };
        await vif.domain.store.watch(path, () => void note().catch(() => undefined));
      },
    },
  },
];
