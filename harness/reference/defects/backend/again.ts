/** Defects of the reference backend, chapter again: on queues after the first one, and in connections after the first. */
import { CTRL_STATUS } from '../../../protocol/netif.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';

/** Keeps what a frontend offered once. */
const keepsOffers = (): Partial<BackendSteps> => {
  const offered = new WeakMap<BackendVif, Set<string>>();
  return {
    async readFeatures(vif) {
      await correct.readFeatures(vif);
      const keys = offered.get(vif) ?? new Set();
      for (const [key, value] of Object.entries(vif.offers)) {
        const isMissing = (await vif.frontendKey(key)) === undefined;
        if (value) keys.add(key);
        else if (isMissing && keys.has(key)) vif.offers[key] = true;
      }
      offered.set(vif, keys);
    },
  };
};

/** Does something to all other vifs when one of them disconnects. */
const onDisconnect = (change: (other: BackendVif) => void): Partial<BackendSteps> => {
  const all = new Set<BackendVif>();
  return {
    openQueue(vif, ...rest) {
      all.add(vif);
      return correct.openQueue(vif, ...rest);
    },
    disconnect(vif) {
      const wasOpen = all.delete(vif);
      correct.disconnect(vif);
      if (wasOpen) all.forEach(change);
    },
  };
};

export const BACKEND_AGAIN_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.again.keeps-offers',
    breaks: 'GSO-01',
    fault: 'treats a feature that the frontend wrote on an earlier connection, and no longer writes, as offered',
    backend: keepsOffers(),
  },
  {
    id: 'backend.again.keeps-headroom',
    breaks: 'XDP-04',
    fault: 'leaves the headroom of an earlier connection on all later ones',
    backend: (() => {
      const before = new WeakMap<BackendVif, number>();
      return {
        async readFeatures(vif) {
          await correct.readFeatures(vif);
          vif.headroom ||= before.get(vif) ?? 0;
          before.set(vif, vif.headroom);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.one-watch',
    breaks: 'MCAST-05',
    fault: 'watches request-multicast-control on the first connection of a vif alone',
    backend: (() => {
      const connections = new Counts();
      return {
        async followMulticast(vif) {
          await correct.followMulticast(vif);
          if (connections.next(vif) > 1) await vif.groups.watch?.close();
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.buffers-of-first-queue',
    breaks: 'NOTIFY-10',
    fault: 'looks for new buffers of queue 0 at an rx event of any queue',
    backend: {
      openQueue(vif, ...options) {
        const queue = correct.openQueue(vif, ...options);
        if (queue.index > 0 && queue.rxPort !== queue.txPort) {
          vif.pump.on(queue.rxPort, () => {
            const [first] = vif.queues;
            if (first) vif.steps.drainBacklog(vif, first);
          });
        }
        return queue;
      },
    },
  },
  {
    id: 'backend.again.headroom-of-any-vif',
    breaks: 'XDP-04',
    fault: 'leaves on every vif the headroom that the frontend of any vif requested last',
    backend: (() => {
      let headroom = 0;
      return {
        async readFeatures(vif) {
          await correct.readFeatures(vif);
          headroom = vif.headroom || headroom;
        },
        drainBacklog(vif, queue) {
          vif.headroom = headroom;
          correct.drainBacklog(vif, queue);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.filter-of-any-vif',
    breaks: 'MCAST-07',
    fault: 'filters multicast for every vif once a frontend has requested it for one',
    backend: (() => {
      let requested = false;
      return {
        isWanted(vif, frame) {
          requested ||= vif.groups.requested;
          vif.groups.requested = requested;
          return correct.isWanted(vif, frame);
        },
        async followMulticast(vif) {
          await correct.followMulticast(vif);
          requested ||= vif.groups.requested;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.hashes-of-any-vif',
    breaks: 'HASH-36',
    fault: 'hashes for every vif once a frontend has requested it for one',
    backend: (() => {
      let settings: Partial<BackendVif['hashing']> = {};
      return {
        setHashFlags(vif, data) {
          const answer = correct.setHashFlags(vif, data);
          const { algorithm, flags, key } = vif.hashing;
          settings = { algorithm, flags, key };
          return answer;
        },
        hash(vif, frame) {
          Object.assign(vif.hashing, settings);
          return correct.hash(vif, frame);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.rx-event-on-tx-channel',
    breaks: 'SEC-07',
    fault: 'notifies the rx responses of any queue but the first on its tx channel',
    backend: {
      push(vif, ring, port) {
        const queue = vif.queues.find(({ rx, index }) => rx === ring && index > 0);
        correct.push(vif, ring, queue?.txPort ?? port);
      },
    },
  },
  {
    id: 'backend.again.single-channel-for-rx',
    breaks: 'SEC-09',
    fault: 'serves only the rx ring on events of the single channel of any queue but the first',
    backend: {
      serve(vif, queue) {
        if (queue.index === 0 || queue.txPort !== queue.rxPort) return correct.serve(vif, queue);
        vif.steps.drainBacklog(vif, queue);
      },
    },
  },
  {
    id: 'backend.again.queues-of-an-earlier-connection',
    breaks: 'RXW-36',
    fault: 'selects a queue by the largest number of queues that the vif has had, and loses packets for missing ones',
    shownIn: 'backend.again.poorer-hash-modulo',
    backend: (() => {
      const most = new WeakMap<BackendVif, number>();
      const selected = (vif: BackendVif, frame: Uint8Array): number =>
        vif.hashing.queueFor(vif.steps.hash(vif, frame), most.get(vif) ?? vif.queues.length);
      return {
        openQueue(vif, frontend, index, ...rest) {
          most.set(vif, Math.max(most.get(vif) ?? 0, index + 1));
          return correct.openQueue(vif, frontend, index, ...rest);
        },
        send(vif, usual, packet) {
          const isLost = vif.hashing.algorithm !== 0 && !vif.queues[selected(vif, packet.frame)];
          if (!isLost) correct.send(vif, usual, packet);
        },
        queueFor(vif, frame) {
          return vif.hashing.algorithm === 0 ? undefined : vif.queues[selected(vif, frame)];
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.hashing-ends-with-another',
    breaks: 'HASH-26',
    fault: 'resets the hash settings of all vifs when one of them disconnects',
    backend: onDisconnect((other) => other.hashing.reset()),
  },
  {
    id: 'backend.again.mappings-end-with-another',
    breaks: 'GREF-13',
    fault: 'unmaps the added grants of all vifs when one of them disconnects',
    backend: onDisconnect((other) => {
      for (const { mapped } of other.queues) mapped.clear();
    }),
  },
  {
    id: 'backend.again.groups-end-with-another',
    breaks: 'MCAST-09',
    fault: 'clears the multicast lists of all vifs when one of them disconnects',
    backend: onDisconnect(({ groups }) => {
      const { requested } = groups;
      groups.clear();
      groups.requested = requested;
    }),
  },
  {
    id: 'backend.again.control-at-first',
    breaks: 'CTRL-07',
    shownIn: 'backend.again.richer-hash-extra',
    fault: 'looks for a control ring in the first connection of a vif alone',
    backend: (() => {
      const seen = new WeakSet<BackendVif>();
      return {
        async connect(vif) {
          await correct.connect(vif);
          seen.add(vif);
        },
        openControl(vif, ...args) {
          if (!seen.has(vif)) correct.openControl(vif, ...args);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.key-while-off',
    breaks: 'HASH-18',
    fault: 'reports success for an empty key while no hash type is set, and keeps the old key',
    backend: {
      setHashKey: (vif, data) =>
        data[1] === 0 && vif.hashing.flags === 0 ? { status: CTRL_STATUS.success } : correct.setHashKey(vif, data),
    },
  },
  {
    id: 'backend.again.hashing-by-path',
    breaks: 'HASH-36',
    fault: 'gives a vif the hash settings of the last one that had its number',
    backend: (() => {
      const kept = new Map<string, { algorithm: number; flags: number; key: Uint8Array }>();
      return {
        async connect(vif) {
          await correct.connect(vif);
          const earlier = vif.control && kept.get(vif.path);
          if (earlier) Object.assign(vif.hashing, earlier);
        },
        closeControl(vif) {
          const { algorithm, flags, key } = vif.hashing;
          if (vif.control && flags !== 0) kept.set(vif.path, { algorithm, flags, key });
          correct.closeControl(vif);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.again.groups-by-path',
    breaks: 'MCAST-06',
    fault: 'gives a vif the multicast list of the last one that had its number',
    backend: (() => {
      const kept = new Map<string, Uint8Array[]>();
      return {
        changeGroups(vif, extra) {
          if (extra.type === 'mcast-add') kept.set(vif.path, [...(kept.get(vif.path) ?? []), extra.address]);
          return correct.changeGroups(vif, extra);
        },
        async connect(vif) {
          await correct.connect(vif);
          for (const address of kept.get(vif.path) ?? []) vif.groups.add(address);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
