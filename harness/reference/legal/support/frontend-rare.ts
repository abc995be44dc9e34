/** Rare choices of correct frontends: what they send by themselves, and how they set up control ring and pools. */
import { BROADCAST_MAC } from '../../../packet/address.js';
import { arpRequest, type Host, udp4 } from '../../../packet/build.js';
import { encodeEthernet } from '../../../packet/ethernet.js';
import { encodeHashMapping } from '../../../protocol/ctrl.js';
import { encodeExtra, linked } from '../../../protocol/extra.js';
import { encodeGrefList } from '../../../protocol/gref.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  EXTRA_FLAG_MORE,
  GREF_FLAG,
  HASH_ALGORITHM,
  HASH_FLAG,
  HASH_TYPE,
  KEY,
  TXF,
} from '../../../protocol/netif.js';
import { encodeStagingTable } from '../../../protocol/staging.js';
import { VERIFICATION_KEY } from '../../../protocol/toeplitz.js';
import { STATE } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import { sends } from './frontend-guests.js';

const OWN: Host = {
  mac: Uint8Array.of(0x02, 0, 0, 0, 0, 9),
  ipv4: Uint8Array.of(0, 0, 0, 0),
  ipv6: new Uint8Array(16),
};
const GROUP = Uint8Array.of(0x01, 0, 0x5e, 0, 0, 0xfb);

/** What a guest sends without being asked: DHCP, announcements of its address, multicast DNS, LLDP. */
export const announces = (ms: number): Partial<FrontendSteps> =>
  sends(ms, () => [
    udp4(
      OWN,
      { mac: BROADCAST_MAC, ipv4: Uint8Array.of(255, 255, 255, 255) },
      {
        sport: 68,
        dport: 67,
        payload: new Uint8Array(300),
      },
    ),
    arpRequest({ ...OWN, ipv4: Uint8Array.of(10, 1, 2, 3) }, Uint8Array.of(10, 1, 2, 3)),
    udp4(
      { ...OWN, ipv4: Uint8Array.of(10, 1, 2, 3) },
      { mac: GROUP, ipv4: Uint8Array.of(224, 0, 0, 251) },
      {
        sport: 5353,
        dport: 5353,
        payload: new Uint8Array(1400),
        checksum: 'none',
      },
    ),
    encodeEthernet({
      destination: Uint8Array.of(0x01, 0x80, 0xc2, 0, 0, 0x0e),
      source: OWN.mac,
      etherType: 0x88cc,
      payload: new Uint8Array(60),
    }),
  ]);

/** Keeps requests of its own in flight on each tx ring: sends two broadcasts when the last of them have a response. */
export const keepsTxBusy: Partial<FrontendSteps> = {
  start(vif) {
    correct.start(vif);
    const frame = encodeEthernet({
      destination: BROADCAST_MAC,
      source: OWN.mac,
      etherType: 0x88b5,
      payload: new Uint8Array(1400),
    });
    for (const queue of vif.queues) {
      const next = (): void => {
        if (!vif.queues.includes(queue)) return;
        if (queue.sending.size < 2)
          for (let n = 0; n < 2; n++) vif.steps.transmit(vif, queue, { frame, csumBlank: false });
        vif.domain.clock.after(0.5, next);
      };
      next();
    }
  },
};

/** Tx ids of a counter with large steps, which all queues share. */
export const steppingIds = (): Partial<FrontendSteps> => {
  let next = 0;
  return {
    txId({ sending }) {
      do next = (next + 257) & 0xffff;
      while (sending.has(next));
      return next;
    },
  };
};

/** Sends what its stack replies on the next queue. */
export const repliesOnNextQueue: Partial<FrontendSteps> = {
  accept(vif, queue, packet) {
    const next = vif.queues[(queue.index + 1) % vif.queues.length] ?? queue;
    correct.accept(vif, vif.bridgedTo ? queue : next, packet);
  },
};

/** Goes back to Initialising before it connects to a backend that is in InitWait again. */
export const initialisingAgain: Partial<FrontendSteps> = {
  async connect(vif) {
    if ((await vif.domain.store.read(`${vif.path}/state`)) !== STATE.initialising)
      await vif.steps.setState(vif, STATE.initialising);
    await correct.connect(vif);
  },
};

/** Gives every control request the same id, and has one request outstanding at a time. */
export const oneControlId = (): Partial<FrontendSteps> => {
  const last = new WeakMap<object, Promise<unknown>>();
  return {
    async ask(vif, ...request) {
      const { control } = vif;
      if (!control) return undefined;
      const before = last.get(control);
      const own = (async () => {
        await before;
        if (vif.control === control) control.nextId = 0x55aa;
        return correct.ask(vif, ...request);
      })();
      last.set(control, own);
      return own;
    },
  };
};

/** Sends all requests for hashing at once, without waiting for responses. */
export const asksAtOnce: Partial<FrontendSteps> = {
  async configureHash(vif) {
    const { steps } = vif;
    const size = vif.queues.length;
    const table = encodeHashMapping(vif.queues.map(({ index }) => index));
    await Promise.all([
      steps.ask(vif, CTRL_TYPE.setHashAlgorithm, HASH_ALGORITHM.toeplitz),
      steps.lend(vif, 'read-only', VERIFICATION_KEY, (ref) =>
        steps.ask(vif, CTRL_TYPE.setHashKey, ref, VERIFICATION_KEY.length),
      ),
      steps.ask(vif, CTRL_TYPE.setHashMappingSize, size),
      steps.lend(vif, 'read-write', table, (ref) => steps.ask(vif, CTRL_TYPE.setHashMapping, ref, size, 0)),
      steps.ask(vif, CTRL_TYPE.setHashFlags, HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp),
    ]);
  },
};

/** Asks for the mapping of one grant at a time, removes every second one, and adds it again. */
export const grefsOneByOne: Partial<FrontendSteps> = {
  async mapBuffers(vif, queue) {
    const { steps } = vif;
    const size = await steps.ask(vif, CTRL_TYPE.getGrefMappingSize, queue.index);
    if (size?.status !== CTRL_STATUS.success) return;
    const entries = [
      ...queue.txPool.refs.map((ref) => ({ ref, flags: GREF_FLAG.readonly, status: 0xffff })),
      ...queue.rxPool.refs.map((ref) => ({ ref, flags: 0, status: 0xffff })),
    ].slice(0, size.data);
    const send = (type: number, entry: (typeof entries)[number]): Promise<void> =>
      steps.lend(vif, 'read-write', encodeGrefList([entry]), (ref) => steps.ask(vif, type, queue.index, ref, 1));
    for (const [n, entry] of entries.entries()) {
      await send(CTRL_TYPE.addGrefMapping, entry);
      if (n % 2 === 0) continue;
      await send(CTRL_TYPE.delGrefMapping, entry);
      await send(CTRL_TYPE.addGrefMapping, entry);
    }
  },
};

/** Offers only one of the two staging pools. */
export const onePool = (pool: 'tx' | 'rx'): Partial<FrontendSteps> => ({
  poolKeys(vif, queue) {
    const all = correct.poolKeys(vif, queue);
    return Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(pool)));
  },
});

/** Offers a tx pool, and an rx pool of size 0. */
export const emptyRxPool: Partial<FrontendSteps> = {
  poolKeys: (vif, queue) => ({ ...correct.poolKeys(vif, queue), [KEY.rxPoolSize]: '0' }),
};

/** Grants the tables of its pools for writing, with other data after the entries. */
export const writableTables: Partial<FrontendSteps> = {
  poolTable(vif, queue, pool, flags) {
    const table = vif.domain.grants.offer(vif.backend, 'read-write');
    const entries = pool.refs.map((ref) => ({ ref, flags, pad: 0xabcd }));
    table.page.copyIn(0, encodeStagingTable(entries));
    table.page.copyIn(entries.length * 8, new Uint8Array(64).fill(0xee));
    queue.tables.push(table);
    return String(table.ref);
  },
};

/** Puts a HASH extra after the GSO extra of a large packet, or before it, while it has hashing on. */
export const hashExtras = (place: 'first' | 'last'): Partial<FrontendSteps> => {
  const hashing = new WeakSet<FrontendVif>();
  const owners = new WeakMap<FrontendQueueState, FrontendVif>();
  const hash = {
    type: 'hash',
    flags: 0,
    hashType: HASH_TYPE.ipv4Tcp,
    algorithm: HASH_ALGORITHM.toeplitz,
    value: 0x12345678,
  } as const;
  return {
    openQueue(vif, index, split) {
      hashing.delete(vif);
      const queue = correct.openQueue(vif, index, split);
      owners.set(queue, vif);
      return queue;
    },
    async configureHash(vif) {
      await correct.configureHash(vif);
      const flags = await vif.steps.ask(vif, CTRL_TYPE.getHashFlags);
      if (flags?.status === CTRL_STATUS.success) hashing.add(vif);
    },
    hasRoom: (queue, slots) => queue.tx.free() > slots + 1,
    putGso(queue, { size, type }) {
      const vif = owners.get(queue);
      const gso = { type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 } as const;
      const all = vif && hashing.has(vif) ? (place === 'first' ? [hash, gso] : [gso, hash]) : [gso];
      for (const extra of linked(all)) queue.tx.put(encodeExtra(extra));
    },
  };
};

/** Has two event channels for queues of even number, and one for the others. */
export const mixedChannels: Partial<FrontendSteps> = {
  openQueue: (vif, index, split) => correct.openQueue(vif, index, split && index % 2 === 0),
};

/** Handles tx responses `ms` after their event. */
export const reapsLate = (ms: number): Partial<FrontendSteps> => ({
  serveTx(vif, queue) {
    vif.domain.clock.after(ms, () => {
      if (vif.queues.includes(queue)) correct.serveTx(vif, queue);
    });
  },
});

/** Requests a filter from a backend with dynamic multicast control, `ms` after it is connected; from no other. */
export const requestsFilterLate = (ms: number): Partial<FrontendSteps> => ({
  wanted: () => [...correct.wanted(), KEY.featureDynamicMulticastControl],
  requests: () => ({}),
  start(vif) {
    correct.start(vif);
    if (!vif.offers[KEY.featureDynamicMulticastControl]) return;
    const [queue] = vif.queues;
    vif.domain.clock.after(ms, () => {
      if (!queue || !vif.queues.includes(queue)) return;
      vif.domain.store.write(`${vif.path}/${KEY.requestMulticastControl}`, '1').catch(vif.onError);
    });
  },
});

/** Adds two groups to the filter by each dummy request, the second of which it removes again by the next. */
export const twoGroupsAtOnce: Partial<FrontendSteps> = {
  addGroup(vif, address) {
    const [queue] = vif.queues;
    if (!queue || queue.tx.free() < 6) return;
    for (const second of ['mcast-add', 'mcast-del'] as const) {
      const offer = vif.steps.buffer(vif, queue, new Uint8Array(60));
      const request = { gref: offer.ref, offset: 0, flags: TXF.extraInfo, id: vif.steps.txId(queue), size: 60 };
      vif.steps.putTx(queue, request, offer);
      queue.tx.put(encodeExtra({ type: 'mcast-add', flags: EXTRA_FLAG_MORE, address }));
      queue.tx.put(encodeExtra({ type: second, flags: 0, address: GROUP }));
    }
    vif.steps.push(vif, queue.tx, queue.txPort);
  },
};
