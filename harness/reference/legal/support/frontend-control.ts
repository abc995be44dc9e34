/** What correct frontends choose for the control ring, for multicast control and for staging pools. */
import { encodeHashMapping } from '../../../protocol/ctrl.js';
import { encodeGrefList } from '../../../protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, KEY } from '../../../protocol/netif.js';
import { encodeStagingTable } from '../../../protocol/staging.js';
import { VERIFICATION_KEY } from '../../../protocol/toeplitz.js';
import { readOther } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';

/** Sends the size of a mapping table and the table, without waiting for responses. */
const setMapping = (vif: FrontendVif, table: readonly number[]): Promise<unknown> => {
  const { steps } = vif;
  return Promise.all([
    steps.ask(vif, CTRL_TYPE.setHashMappingSize, table.length),
    steps.lend(vif, 'read-only', encodeHashMapping(table), (ref) =>
      steps.ask(vif, CTRL_TYPE.setHashMapping, ref, table.length, 0),
    ),
  ]);
};

/** Sets up a mapping table of one entry, and at once one of an entry for each queue. */
export const growsMapping: Partial<FrontendSteps> = {
  async configureHash(vif) {
    const { steps } = vif;
    const algorithm = await steps.ask(vif, CTRL_TYPE.setHashAlgorithm, 1);
    if (algorithm?.status !== CTRL_STATUS.success) return;
    const flags = await steps.ask(vif, CTRL_TYPE.getHashFlags);
    await steps.lend(vif, 'read-only', VERIFICATION_KEY, (ref) =>
      steps.ask(vif, CTRL_TYPE.setHashKey, ref, VERIFICATION_KEY.length),
    );
    await steps.ask(vif, CTRL_TYPE.setHashFlags, flags?.data);
    const all = vif.queues.map(({ index }) => index);
    await Promise.all([setMapping(vif, [0]), setMapping(vif, all)]);
  },
};

/** Has as many grants mapped at a time as the backend has room for, one group after the other. */
export const rotatesMappings: Partial<FrontendSteps> = {
  async mapBuffers(vif, queue) {
    const { steps } = vif;
    const size = await steps.ask(vif, CTRL_TYPE.getGrefMappingSize, queue.index);
    if (size?.status !== CTRL_STATUS.success || size.data === 0) return;
    const all = [
      ...queue.rxPool.refs.map((ref) => ({ ref, flags: 0, status: 0 })),
      ...queue.txPool.refs.map((ref) => ({ ref, flags: GREF_FLAG.readonly, status: 0 })),
    ];
    const room = Math.min(size.data, 512);
    for (let at = 0; at < all.length; at += room) {
      const entries = all.slice(at, at + room);
      const send = (type: number): Promise<void> =>
        steps.lend(vif, 'read-write', encodeGrefList(entries), (ref) =>
          steps.ask(vif, type, queue.index, ref, entries.length),
        );
      await send(CTRL_TYPE.addGrefMapping);
      if (at + room < all.length) await send(CTRL_TYPE.delGrefMapping);
    }
  },
};

/** Polls its control ring every `ms` and asks for no event. */
export const pollsControl = (ms: number): Partial<FrontendSteps> => ({
  openControl(vif) {
    const keys = correct.openControl(vif);
    const { control } = vif;
    if (!control) return keys;
    vif.pump.off(control.port);
    vif.pump.on(control.port, () => undefined);
    const next = (): void => {
      if (vif.control !== control) return;
      const ready = control.ring.unconsumed();
      for (let n = 0; ready.ok && n < ready.value; n++) vif.steps.takeControlResponse(vif, control.ring.take());
      vif.domain.clock.after(ms, next);
    };
    next();
    return keys;
  },
});

/** Puts its multicast groups into the tx ring before it publishes the ring. */
export const groupsBeforeConnected: Partial<FrontendSteps> = {
  async publish(vif, keys) {
    if (vif.offers[KEY.featureMulticastControl]) for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
    await correct.publish(vif, keys);
  },
};

/** Switches its multicast filter on and off every `ms`, with a backend that follows changes. */
export const togglesFilter = (ms: number): Partial<FrontendSteps> => ({
  wanted: () => [...correct.wanted(), KEY.featureDynamicMulticastControl],
  start(vif) {
    correct.start(vif);
    const [queue] = vif.queues;
    if (!queue || !vif.offers[KEY.featureDynamicMulticastControl]) return;
    let count = 0;
    const next = (): void => {
      if (!vif.queues.includes(queue) || count > 20) return;
      toggle(vif, count++ % 2).catch(vif.onError);
      vif.domain.clock.after(ms, next);
    };
    next();
  },
});

const toggle = (vif: FrontendVif, value: number): Promise<void> =>
  vif.domain.store.transaction(async (access) => {
    if ((await readOther(access, `${vif.path}/state`)) === undefined) return;
    await access.write(`${vif.path}/${KEY.requestMulticastControl}`, String(value));
  });

/** Offers the pages of its rx pool as its tx pool, too, by the same table. */
export const oneTable: Partial<FrontendSteps> = {
  poolKeys(vif, queue) {
    const { refs } = queue.rxPool;
    const table = vif.domain.grants.offer(vif.backend, 'read-only');
    table.page.copyIn(0, encodeStagingTable(refs.map((ref) => ({ ref, flags: 0, pad: 0 }))));
    queue.tables.push(table);
    const [ref, size] = [String(table.ref), String(refs.length)];
    return { [KEY.txPoolRef]: ref, [KEY.txPoolSize]: size, [KEY.rxPoolRef]: ref, [KEY.rxPoolSize]: size };
  },
};
