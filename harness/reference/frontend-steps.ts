import { EXT_GREF_FLAG, KEY } from '../protocol/netif.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { encodeStagingTable } from '../protocol/staging.js';
import { parseDecimal } from '../protocol/xenbus.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';
import { BufferPool } from './buffer-pool.js';
import { readOther, writeState } from './bus.js';
import { FRONTEND_CONTROL_STEPS, POOL } from './frontend-control-steps.js';
import { FRONTEND_PACKET_STEPS } from './frontend-packet-steps.js';

/** Queues that the reference frontend can use. */
const QUEUES = 4;
/** What the backend may offer. */
const FEATURES = [
  KEY.featureSg,
  KEY.featureNoCsumOffload,
  KEY.featureIpv6CsumOffload,
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
  KEY.featureMulticastControl,
  KEY.featureCtrlRing,
  KEY.featureStagingGrants,
] as const;

/**
 * What the reference frontend does, step by step. Steps call each other through `vif.steps`, so that replacing one
 * replaces it everywhere.
 */
export const FRONTEND_STEPS = {
  ...FRONTEND_CONTROL_STEPS,
  ...FRONTEND_PACKET_STEPS,

  /** Follows the backend's state. */
  async backendChanged(vif: FrontendVif): Promise<void> {
    const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
    const own = await vif.domain.store.read(`${vif.path}/state`);
    if (state === vif.seen && own !== '1') return;
    vif.seen = state;
    const { steps } = vif;
    if (state === '2') await steps.connect(vif);
    if (state === '4' && own === '3') await steps.setState(vif, '4');
    if (state === '4') steps.start(vif);
    if (state === '5' || state === '6') {
      if (own !== '6') await steps.setState(vif, '5');
      steps.disconnect(vif);
      if (own !== '6') await steps.setState(vif, '6');
    }
    if (state === undefined) steps.disconnect(vif);
  },

  async setState(vif: FrontendVif, state: string): Promise<void> {
    await writeState(vif.domain.store, vif.path, state);
  },

  /** The domain was saved and restored: nothing of the connection is left, and the backend is another one. */
  resume(vif: FrontendVif): void {
    vif.steps.disconnect(vif);
    vif.seen = undefined;
  },

  /**
   * Makes rings and channels for each queue, tells the backend of them in one transaction, and waits in Initialised for
   * the backend to connect: one of the two ways that frontends have. Linux goes to Connected at once.
   */
  async connect(vif: FrontendVif): Promise<void> {
    const { steps, domain } = vif;
    steps.disconnect(vif);
    const flag = async (key: string): Promise<boolean> =>
      (await domain.store.read(`${vif.backendPath}/${key}`)) === '1';
    const backend = parseDecimal(await domain.store.read(`${vif.path}/backend-id`), { min: 0, max: 0x7fff });
    if (!backend.ok || !(await flag(KEY.featureRxCopy))) return;
    vif.backend = backend.value;
    for (const key of FEATURES) vif.offers[key] = await flag(key);
    const split = await flag(KEY.featureSplitEventChannels);
    const offered = await domain.store.read(`${vif.backendPath}/${KEY.multiQueueMaxQueues}`);
    const count = steps.queueCount(offered);
    const keys: Record<string, string> = { ...steps.features(), ...steps.requests(vif) };
    if (offered !== undefined) keys[KEY.multiQueueNumQueues] = String(count);
    for (let index = 0; index < count; index++) {
      const queue = steps.openQueue(vif, index, split);
      vif.queues.push(queue);
      const pools = vif.offers[KEY.featureStagingGrants] ? steps.poolKeys(vif, queue) : {};
      for (const [key, value] of Object.entries({ ...steps.queueKeys(queue), ...pools })) {
        keys[count > 1 ? `queue-${index}/${key}` : key] = value;
      }
    }
    if (vif.offers[KEY.featureCtrlRing]) Object.assign(keys, steps.openControl(vif));
    await domain.store.transaction(async (access) => {
      for (const [key, value] of Object.entries(keys)) await access.write(`${vif.path}/${key}`, value);
    });
    await steps.followCarrier(vif);
    await steps.setState(vif, '3');
  },

  /** Follows what the backend tells of its link, for as long as it's connected. */
  async followCarrier(vif: FrontendVif): Promise<void> {
    const path = `${vif.backendPath}/${KEY.carrier}`;
    const read = async (): Promise<void> => {
      vif.carrier = (await readOther(vif.domain.store, path)) !== '0';
    };
    await read();
    vif.carrierWatch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
  },

  queueCount(offered: string | undefined): number {
    const max = parseDecimal(offered, { min: 1, max: 0xffff });
    return max.ok ? Math.min(max.value, QUEUES) : 1;
  },

  features(): Record<string, string> {
    return {
      [KEY.requestRxCopy]: '1',
      [KEY.featureRxNotify]: '1',
      [KEY.featureSg]: '1',
      [KEY.featureIpv6CsumOffload]: '1',
      [KEY.featureGsoTcpv4]: '1',
      [KEY.featureGsoTcpv6]: '1',
    };
  },

  /** What the backend is asked for, of what it offers. */
  requests(vif: FrontendVif): Record<string, string> {
    return vif.offers[KEY.featureMulticastControl] ? { [KEY.requestMulticastControl]: '1' } : {};
  },

  openQueue(vif: FrontendVif, index: number, split: boolean): FrontendQueueState {
    const { grants, events } = vif.domain;
    const rings = [grants.offer(vif.backend, 'read-write'), grants.offer(vif.backend, 'read-write')] as const;
    const tx = new FrontRing(rings[0].page, TX_RING);
    const rx = new FrontRing(rings[1].page, RX_RING);
    vif.steps.initRing(tx);
    vif.steps.initRing(rx);
    const txPort = events.bindUnbound(vif.backend);
    const rxPort = split ? events.bindUnbound(vif.backend) : txPort;
    const queue: FrontendQueueState = {
      index,
      tx,
      rx,
      rings,
      txPort,
      rxPort,
      sending: new Map(),
      posted: new Map(),
      txPool: new BufferPool(grants, vif.backend, 'read-only'),
      rxPool: new BufferPool(grants, vif.backend, 'read-write'),
      tables: [],
      partial: { pieces: [], bad: false, csumBlank: false, gso: undefined },
      expect: 'first',
      moreAfterExtras: false,
    };
    for (const port of [txPort, rxPort]) vif.pump.on(port, () => vif.steps.serve(vif, queue));
    if (vif.offers[KEY.featureCtrlRing] || vif.offers[KEY.featureStagingGrants]) vif.steps.fillPools(queue);
    vif.steps.post(vif, queue);
    rx.push();
    return queue;
  },

  initRing(ring: FrontRing): void {
    ring.init();
  },

  queueKeys(queue: FrontendQueueState): Record<string, string> {
    const [tx, rx] = queue.rings;
    const channels =
      queue.rxPort === queue.txPort
        ? { [KEY.eventChannel]: String(queue.txPort) }
        : { [KEY.eventChannelTx]: String(queue.txPort), [KEY.eventChannelRx]: String(queue.rxPort) };
    return { [KEY.txRingRef]: String(tx?.ref), [KEY.rxRingRef]: String(rx?.ref), ...channels };
  },

  /** Makes buffers that are kept, for a backend that maps them. */
  fillPools(queue: FrontendQueueState): void {
    queue.txPool.fill(POOL);
    queue.rxPool.fill(POOL);
  },

  /** The keys of a queue's staging pools, each of which has a page that lists it. */
  poolKeys(vif: FrontendVif, queue: FrontendQueueState): Record<string, string> {
    const { steps } = vif;
    return {
      [KEY.txPoolRef]: steps.poolTable(vif, queue, queue.txPool, EXT_GREF_FLAG.readonly),
      [KEY.txPoolSize]: String(queue.txPool.refs.length),
      [KEY.rxPoolRef]: steps.poolTable(vif, queue, queue.rxPool, 0),
      [KEY.rxPoolSize]: String(queue.rxPool.refs.length),
    };
  },

  poolTable(vif: FrontendVif, queue: FrontendQueueState, pool: BufferPool, flags: number): string {
    const table = vif.domain.grants.offer(vif.backend, 'read-only');
    table.page.copyIn(0, encodeStagingTable(pool.refs.map((ref) => ({ ref, flags, pad: 0 }))));
    queue.tables.push(table);
    return String(table.ref);
  },

  /** The backend is there: kicks both rings once, in case it looked before it could hear. */
  start(vif: FrontendVif): void {
    for (const queue of vif.queues) {
      for (const port of new Set([queue.txPort, queue.rxPort])) vif.domain.events.notify(port);
    }
    if (vif.offers[KEY.featureMulticastControl]) for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
    vif.steps.configure(vif).catch(vif.onError);
  },

  /** Takes everything back that connecting gave out. */
  disconnect(vif: FrontendVif): void {
    vif.carrierWatch?.close().catch(vif.onError);
    vif.carrierWatch = undefined;
    for (const queue of vif.queues.splice(0)) {
      for (const port of new Set([queue.txPort, queue.rxPort])) {
        vif.pump.off(port);
        vif.domain.events.unbind(port);
      }
      for (const offer of queue.sending.values()) queue.txPool.give(offer);
      for (const { offer } of queue.posted.values()) queue.rxPool.give(offer);
      queue.txPool.clear();
      queue.rxPool.clear();
      for (const offer of [...queue.tables, ...queue.rings]) offer.end();
    }
    vif.steps.closeControl(vif);
  },
};

export type FrontendSteps = typeof FRONTEND_STEPS;
