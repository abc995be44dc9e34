import { EXT_GREF_FLAG, KEY } from '../protocol/netif.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { encodeStagingTable } from '../protocol/staging.js';
import { parseDecimal } from '../protocol/xenbus.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';
import { BufferPool } from './buffer-pool.js';
import { readOther, STATE, writeState } from './bus.js';
import { writeConnectionKeys } from './connection-keys.js';
import { FRONTEND_CONTROL_STEPS, POOL } from './frontend-control-steps.js';
import { FRONTEND_PACKET_STEPS } from './frontend-packet-steps.js';

/** Queues that the reference frontend can use. */
const QUEUES = 4;
/** Features of the backend that the frontend uses. */
const FEATURES = [
  KEY.featureSg,
  KEY.featureNoCsumOffload,
  KEY.featureIpv6CsumOffload,
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
  KEY.featureMulticastControl,
  KEY.featureCtrlRing,
  KEY.featureStagingGrants,
  KEY.featureSplitEventChannels,
] as const;

/**
 * The steps of the reference frontend. Steps call each other through `vif.steps`, so that a replaced step is replaced
 * everywhere.
 */
export const FRONTEND_STEPS = {
  ...FRONTEND_CONTROL_STEPS,
  ...FRONTEND_PACKET_STEPS,

  /** Reads the backend's state, and follows it if it has changed. */
  async backendChanged(vif: FrontendVif): Promise<void> {
    const state = await readOther(vif.domain.store, `${vif.backendPath}/state`);
    const own = await vif.domain.store.read(`${vif.path}/state`);
    if (state === vif.seen && own !== STATE.initialising) return;
    vif.seen = state;
    await vif.steps.follow(vif, state, own);
  },

  /** Follows the backend to `state`; `own` is the frontend's state so far. */
  async follow(vif: FrontendVif, state: string | undefined, own: string | undefined): Promise<void> {
    const { steps } = vif;
    if (state === STATE.initWait) await steps.connect(vif);
    if (state === STATE.connected && own === STATE.initialised) await steps.setState(vif, STATE.connected);
    if (state === STATE.connected) steps.start(vif);
    if (state === STATE.closing || state === STATE.closed) await steps.closeWith(vif, state, own);
    if (state === undefined) steps.disconnect(vif);
  },

  /** The backend is Closing or Closed. */
  async closeWith(vif: FrontendVif, _: string, own: string | undefined): Promise<void> {
    const { steps } = vif;
    if (own !== STATE.closed) await steps.setState(vif, STATE.closing);
    steps.disconnect(vif);
    if (own !== STATE.closed) await steps.setState(vif, STATE.closed);
  },

  async setState(vif: FrontendVif, state: string): Promise<void> {
    await writeState(vif.domain.store, vif.path, state);
  },

  /** The domain was saved and restored: the connection is lost, and the backend is a new one. */
  resume(vif: FrontendVif): void {
    vif.steps.disconnect(vif);
    vif.seen = undefined;
  },

  /** The save of the domain was cancelled: the connection is as it was. */
  wake: (_: FrontendVif): void => undefined,

  /**
   * Creates rings and event channels for each queue, writes their keys in one transaction, and waits in Initialised
   * until the backend is Connected. Linux goes to Connected at once: xenbus.h permits both.
   */
  async connect(vif: FrontendVif): Promise<void> {
    const { steps, domain } = vif;
    steps.disconnect(vif);
    if (!(await steps.accepts(vif))) return;
    vif.backend = Number(await domain.store.read(`${vif.path}/backend-id`));
    for (const key of steps.wanted()) vif.offers[key] = await steps.isOffered(vif, key);
    const split = vif.offers[KEY.featureSplitEventChannels] === true;
    const offered = await domain.store.read(`${vif.backendPath}/${KEY.multiQueueMaxQueues}`);
    const count = steps.queueCount(offered);
    const keys: Record<string, string> = {
      ...steps.features(),
      ...steps.requests(vif),
      ...steps.countKeys(offered, count),
    };
    for (let index = 0; index < count; index++) {
      const queue = steps.openQueue(vif, index, split);
      vif.queues.push(queue);
      const pools = vif.offers[KEY.featureStagingGrants] ? steps.poolKeys(vif, queue) : {};
      for (const [key, value] of Object.entries({ ...steps.queueKeys(queue), ...pools })) {
        keys[count > 1 ? `queue-${index}/${key}` : key] = value;
      }
    }
    if (vif.offers[KEY.featureCtrlRing]) Object.assign(keys, steps.openControl(vif));
    await steps.followCarrier(vif);
    await steps.publish(vif, keys);
  },

  /** Whether the frontend can work with the backend. */
  accepts: (vif: FrontendVif): Promise<boolean> => vif.steps.isOffered(vif, KEY.featureRxCopy),

  async isOffered(vif: FrontendVif, key: string): Promise<boolean> {
    return (await vif.domain.store.read(`${vif.backendPath}/${key}`)) === '1';
  },

  /** The features that the frontend uses, if the backend offers them. */
  wanted: (): readonly string[] => FEATURES,

  /** Writes all keys, and then the corresponding state. */
  async publish(vif: FrontendVif, keys: Readonly<Record<string, string>>): Promise<void> {
    await vif.domain.store.transaction((access) => writeConnectionKeys(access, vif.path, keys));
    await vif.steps.invite(vif);
  },

  /** Goes to the state in which the backend reads the keys. */
  async invite(vif: FrontendVif): Promise<void> {
    await vif.steps.setState(vif, STATE.initialised);
  },

  /** Follows the `carrier` key of the backend until the vif disconnects. */
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

  /** The keys for the number of queues; `offered` is the backend's maximum. */
  countKeys: (offered: string | undefined, count: number): Record<string, string> =>
    offered === undefined ? {} : { [KEY.multiQueueNumQueues]: String(count) },

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

  /** The keys that ask for features that the backend offers. */
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
    vif.steps.firstPost(vif, queue);
    return queue;
  },

  /** Posts buffers before the backend has bound its channel. */
  firstPost(vif: FrontendVif, queue: FrontendQueueState): void {
    vif.steps.post(vif, queue);
    queue.rx.push();
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
    return { [KEY.txRingRef]: String(tx.ref), [KEY.rxRingRef]: String(rx.ref), ...channels };
  },

  /** Creates the buffers that are kept for a backend that maps them. */
  fillPools(queue: FrontendQueueState): void {
    queue.txPool.fill(POOL);
    queue.rxPool.fill(POOL);
  },

  /** The keys of a queue's staging pools. Each pool is listed in a table page. */
  poolKeys(vif: FrontendVif, queue: FrontendQueueState): Record<string, string> {
    const { steps } = vif;
    return {
      [KEY.txPoolRef]: steps.poolTable(vif, queue, queue.txPool, EXT_GREF_FLAG.readonly),
      [KEY.txPoolSize]: String(queue.txPool.refs.length),
      [KEY.rxPoolRef]: steps.poolTable(vif, queue, queue.rxPool, 0),
      [KEY.rxPoolSize]: String(queue.rxPool.refs.length),
    };
  },

  poolTable(vif: FrontendVif, queue: FrontendQueueState, pool: Pick<BufferPool, 'refs'>, flags: number): string {
    const table = vif.domain.grants.offer(vif.backend, 'read-only');
    table.page.copyIn(0, encodeStagingTable(pool.refs.map((ref) => ({ ref, flags, pad: 0 }))));
    queue.tables.push(table);
    return String(table.ref);
  },

  /** The backend is Connected: notifies both rings once, in case it read them before it bound the event channels. */
  start(vif: FrontendVif): void {
    for (const queue of vif.queues) {
      for (const port of new Set([queue.txPort, queue.rxPort])) vif.domain.events.notify(port);
    }
    if (vif.offers[KEY.featureMulticastControl]) for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
    vif.steps.configure(vif).catch(vif.onError);
  },

  /** Releases all resources of the connection. */
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
