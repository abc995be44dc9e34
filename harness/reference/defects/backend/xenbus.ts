/** Defects of the reference backend, chapter xenbus. */
import { KEY } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { BackendVif } from '../../backend.js';
import { readOther, STATE, writeState } from '../../bus.js';
import type { Watch } from '../../../xen/domain.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { Busy } from '../support/busy.js';
import { connectsRegardless } from '../support/backend.js';

/** Returns whether a vif is the third or fourth of its driver. */
function thirdAndFourth(): (vif: BackendVif) => boolean {
  const vifs = new WeakMap<object, string[]>();
  return ({ domain, path }) => {
    const known = vifs.get(domain) ?? [];
    vifs.set(domain, known);
    if (!known.includes(path)) known.push(path);
    return [2, 3].includes(known.indexOf(path));
  };
}

export const BACKEND_XENBUS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.xenbus.never-connects',
    breaks: 'XB-10',
    fault: 'stays in InitWait',
    backend: { tryConnect: async () => {} },
  },
  {
    id: 'backend.xenbus.hexadecimal-state',
    breaks: 'XB-01',
    fault: 'writes its state in hexadecimal',
    backend: { setState: (vif, state) => correct.setState(vif, `0x${state}`) },
  },
  {
    id: 'backend.xenbus.late-features',
    breaks: 'XB-06',
    fault: 'writes a feature key after InitWait',
    seen: 'Linux xen-netback before ad5b45d12e: feature-ctrl-ring is written too late',
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
    fault: 'ignores a frontend that connects again after Closed',
    seen: 'FreeBSD netback: no way back from Closed',
    backend: ((): Partial<BackendSteps> => {
      const closed = new WeakSet();
      return {
        async frontendChanged(vif) {
          if (closed.has(vif)) return;
          await correct.frontendChanged(vif);
          if (vif.seen === STATE.closed) closed.add(vif);
        },
      };
    })(),
  },
  {
    id: 'backend.xenbus.keeps-mapping',
    breaks: 'GNT-08',
    fault: 'keeps the rings mapped after it has closed',
    backend: { disconnect: (vif) => void vif.queues.splice(0) },
  },
  {
    id: 'backend.xenbus.connects-without-ring',
    breaks: 'XB-18',
    fault: 'goes to Connected although the rings cannot be mapped',
    seen: 'Linux xen-netback: Connected is written after a fatal error',
    backend: connectsRegardless,
  },
  {
    id: 'backend.xenbus.carrier-value',
    breaks: 'LINK-01',
    fault: 'reports its link state as a word (carrier = "up")',
    backend: { features: () => ({ ...correct.features(), [KEY.carrier]: 'up' }) },
  },
  {
    id: 'backend.xenbus.headroom-value',
    breaks: 'XDP-01',
    fault: 'advertises feature-xdp-headroom in bytes (256)',
    backend: { features: () => ({ ...correct.features(), [KEY.featureXdpHeadroom]: '256' }) },
  },
  {
    id: 'backend.xenbus.forgets-watch',
    breaks: 'XB-23',
    fault: 'keeps its watch on the frontend after it has disconnected',
    backend: {
      disconnect(vif) {
        vif.groups.watch = undefined;
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.forgets-channel',
    breaks: 'XB-12',
    fault: 'keeps the event channels bound after it has disconnected',
    backend: {
      disconnect(vif) {
        const { events } = vif.domain;
        const kept = { ...events, unbind: () => undefined };
        const domain = { ...vif.domain, events: kept };
        correct.disconnect(Object.assign(Object.create(vif) as typeof vif, { domain }));
      },
    },
  },
  {
    id: 'backend.xenbus.write-storm',
    breaks: 'XB-23',
    fault:
      'watches its own directory and, once request-multicast-control is there, writes to it on each change, up to 100 times',
    backend: {
      async connect(vif) {
        await correct.connect(vif);
        const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
        let left = 100;
        const note = async (): Promise<void> => {
          const isThere = (await readOther(vif.domain.store, path)) !== undefined;
          if (!isThere || vif.queues.length === 0 || left-- <= 0) return;
          await vif.domain.store.transaction(async (access) => {
            // A write must not create the directory again after it was removed.
            if ((await access.read(`${vif.path}/state`)) !== undefined) await access.write(`${vif.path}/seen`, '1');
          });
        };
        for (const each of [vif.path, path]) {
          await vif.domain.store.watch(each, () => void note().catch(() => undefined));
        }
      },
    },
  },
  {
    id: 'backend.xenbus.writes-per-change',
    breaks: 'XB-23',
    fault: 'writes its state three times for each change of request-multicast-control',
    backend: {
      async followMulticast(vif) {
        await correct.followMulticast(vif);
        const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
        const note = async (): Promise<void> => {
          for (let n = 0; n < 3 && vif.queues.length > 0; n++)
            await writeState(vif.domain.store, vif.path, STATE.connected);
        };
        await vif.domain.store.watch(path, () => void note().catch(() => undefined));
      },
    },
  },
  {
    id: 'backend.xenbus.stays-in-initialising',
    breaks: 'XB-02',
    fault: 'stays in Initialising with its third and fourth vif',
    backend: (() => {
      const isSkipped = thirdAndFourth();
      return {
        async frontendChanged(vif) {
          if (!isSkipped(vif)) await correct.frontendChanged(vif);
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
          if (!isSkipped(vif)) await correct.tryConnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.tires',
    breaks: 'XB-14',
    fault: 'refuses the fifth and later connections of a vif',
    seen: 'Linux xen-netback with 2afeec08ab5c: a second connection never completes',
    backend: (() => {
      const counts = new Counts();
      return {
        async connect(vif) {
          if (counts.next(vif) > 4) throw new RangeError('enough');
          await correct.connect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.restarts-offline',
    breaks: 'XB-13',
    fault: 'goes to InitWait instead of Closed when its device is unplugged',
    backend: {
      async setState(vif, state) {
        const offline = (await vif.domain.store.read(`${vif.path}/online`)) === '0';
        await correct.setState(vif, offline && state === STATE.closed ? STATE.initWait : state);
      },
    },
  },
  {
    id: 'backend.xenbus.rx-copy-is-2',
    breaks: 'XB-19',
    fault: 'advertises feature-rx-copy = 2',
    backend: { features: () => ({ ...correct.features(), [KEY.featureRxCopy]: '2' }) },
  },
  {
    id: 'backend.xenbus.dies-of-loss',
    breaks: 'XB-17',
    fault: 'stops serving every vif when the directory of a connected frontend disappears',
    backend: (() => {
      const dead = new WeakSet();
      return {
        async frontendChanged(vif) {
          const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
          if (state === undefined && vif.seen === STATE.connected) dead.add(vif.domain);
          await correct.frontendChanged(vif);
        },
        serve(vif, queue) {
          if (!dead.has(vif.domain)) correct.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.state-before-event',
    raceIn: 'backend.xenbus.same-state-again',
    breaks: 'XB-21',
    fault: 'ignores an event that arrives while it handles a change of state',
    backend: (() => {
      const busy = new Busy();
      return {
        frontendChanged: (vif) => busy.during(vif, correct.frontendChanged(vif)),
        serve(vif, queue) {
          if (!busy.has(vif)) correct.serve(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.late-split',
    breaks: 'SEC-02',
    fault: 'writes feature-split-event-channels when it connects',
    backend: {
      features: () =>
        Object.fromEntries(Object.entries(correct.features()).filter(([key]) => key !== KEY.featureSplitEventChannels)),
      async connect(vif) {
        await vif.domain.store.write(`${vif.path}/${KEY.featureSplitEventChannels}`, '1');
        await correct.connect(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.line-feed',
    breaks: 'XB-22',
    fault: 'writes feature-ipv6-csum-offload with a line feed at the end',
    backend: { features: () => ({ ...correct.features(), [KEY.featureIpv6CsumOffload]: '1\n' }) },
  },
  {
    id: 'backend.xenbus.early-is-connected',
    breaks: 'XB-27',
    fault: 'needs 20 ms to start, and goes to Connected with a frontend that is Connected by then, without its rings',
    backend: {
      async frontendChanged(vif) {
        if (vif.seen === undefined) await new Promise<void>((done) => vif.domain.clock.after(20, done));
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        const own = await vif.domain.store.read(`${vif.path}/state`);
        if (own !== STATE.initialising || state !== STATE.connected) return correct.frontendChanged(vif);
        vif.seen = state;
        await vif.steps.setState(vif, STATE.connected);
      },
    },
  },
  {
    id: 'backend.xenbus.removes-hotplug-status',
    breaks: 'XB-29',
    fault: 'removes hotplug-status when the frontend closes',
    backend: {
      async setState(vif, state) {
        if (state === STATE.closed) await vif.domain.store.remove(`${vif.path}/${KEY.hotplugStatus}`);
        await correct.setState(vif, state);
      },
    },
  },
  {
    id: 'backend.xenbus.misses-closed',
    breaks: 'XB-30',
    fault: 'needs 20 ms for Closing and ignores Initialising if it has not seen Closed before it',
    seen: 'QEMU 10: only Closed leads back to InitWait',
    backend: {
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state === STATE.initialising && vif.seen === STATE.closing) return;
        await correct.frontendChanged(vif);
        if (state === STATE.closing) await new Promise<void>((done) => vif.domain.clock.after(20, done));
      },
    },
  },
  {
    id: 'backend.xenbus.ends-on-reconfiguring',
    breaks: 'XB-05',
    fault: 'closes when the frontend is Reconfiguring',
    seen: 'FreeBSD netback: the states that it does not expect are fatal',
    backend: {
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state !== STATE.reconfiguring || vif.queues.length === 0) return correct.frontendChanged(vif);
        vif.steps.disconnect(vif);
        await vif.steps.setState(vif, STATE.closing);
      },
    },
  },
  {
    id: 'backend.xenbus.old-references',
    breaks: 'XB-24',
    fault: 'maps the rings of the connection before when the frontend starts again without a close',
    backend: (() => {
      const lost = new WeakMap<object, number[]>();
      const last = new WeakMap<object, number[]>();
      return {
        disconnect(vif) {
          const refs = last.get(vif);
          if (vif.seen === STATE.initialising && vif.queues.length > 0 && refs) lost.set(vif, refs);
          correct.disconnect(vif);
        },
        openQueue(vif, frontend, index, refs, channels) {
          const used = lost.get(vif) ?? refs;
          last.set(vif, used);
          return correct.openQueue(vif, frontend, index, used, channels);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.connected-again',
    breaks: 'XB-21',
    fault: 'releases the connection when the frontend writes Connected again',
    backend: (() => {
      const watches = new WeakMap<object, Watch>();
      return {
        async connect(vif) {
          await correct.connect(vif);
          const path = `${vif.frontendPath}/state`;
          let before: string | undefined;
          const look = async (): Promise<void> => {
            const state = await readOther(vif.domain.store, path);
            if (state === STATE.connected && state === before) vif.steps.disconnect(vif);
            before = state;
          };
          watches.set(vif, await vif.domain.store.watch(path, () => void look().catch(vif.onError)));
        },
        disconnect(vif) {
          watches.get(vif)?.close().catch(vif.onError);
          watches.delete(vif);
          correct.disconnect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.returns-once',
    breaks: 'XB-14',
    fault: 'follows a frontend back to Initialising only once',
    backend: (() => {
      const returns = new Counts();
      return {
        async frontendChanged(vif) {
          const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
          const again = state === STATE.initialising && vif.seen === STATE.closed;
          if (again && returns.next(vif) > 1) vif.seen = state;
          await correct.frontendChanged(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.late-features-again',
    breaks: 'XB-06',
    fault: 'writes its features after InitWait when a frontend connects again',
    backend: (() => {
      const connected = new WeakSet();
      return {
        async advertise(vif) {
          if (!connected.has(vif)) return correct.advertise(vif);
          for (const key of Object.keys(vif.steps.features())) await vif.domain.store.remove(`${vif.path}/${key}`);
        },
        async setState(vif, state) {
          await correct.setState(vif, state);
          if (state === STATE.initWait && connected.has(vif)) await correct.advertise(vif);
          if (state === STATE.connected) connected.add(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.no-features-again',
    breaks: 'XB-19',
    fault: 'removes its features when a frontend closes, and writes none for the next connection',
    backend: (() => {
      const offered = new WeakSet();
      return {
        async advertise(vif) {
          if (!offered.has(vif)) await correct.advertise(vif);
          offered.add(vif);
        },
        async setState(vif, state) {
          await correct.setState(vif, state);
          if (state !== STATE.closed) return;
          for (const key of Object.keys(vif.steps.features())) await vif.domain.store.remove(`${vif.path}/${key}`);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.early-keys',
    breaks: 'GSO-01',
    fault: 'reads the keys of a frontend that connects again when it goes to InitWait',
    backend: (() => {
      const connected = new WeakSet();
      return {
        async advertise(vif) {
          if (connected.has(vif)) await correct.readFeatures(vif);
          await correct.advertise(vif);
        },
        async readFeatures(vif) {
          if (!connected.has(vif)) await correct.readFeatures(vif);
          connected.add(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.xenbus.keeps-vanished',
    breaks: 'XB-37',
    fault: 'keeps the rings mapped when the directory of the frontend is removed',
    backend: {
      async frontendChanged(vif) {
        const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
        if (state !== undefined) await correct.frontendChanged(vif);
      },
    },
  },
  {
    id: 'backend.xenbus.connects-32-times',
    breaks: 'XB-14',
    fault: 'uses an entry of a table of 32 for each connection and frees none',
    backend: (() => {
      const connections = new Counts();
      return {
        async connect(vif) {
          if (connections.next(vif) > 32) throw new RangeError('no free entry');
          await correct.connect(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
