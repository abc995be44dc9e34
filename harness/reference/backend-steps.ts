import { EXT_MAX_GREF_ALLOC, KEY } from '../protocol/netif.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { decodeStagingTable } from '../protocol/staging.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type DomId, type GrantRef, type Port, XenError } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import { readOther, STATE, writeState } from './bus.js';
import { CONTROL_STEPS } from './control-steps.js';
import { MappedGrants } from './mapped-grants.js';
import { RECEIVE_STEPS } from './receive-steps.js';
import { TRANSMIT_STEPS } from './transmit-steps.js';

/** Queues that the reference backend offers. */
export const REFERENCE_QUEUES = 4;
/** The frontend's features for receiving. */
const RECEIVE_FEATURES = [
  KEY.featureSg,
  KEY.featureNoCsumOffload,
  KEY.featureIpv6CsumOffload,
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
] as const;
/** Maximum number of bytes that are left free before a packet. */
const MAX_HEADROOM = 1024;
/** Bytes of an entry of a staging table. */
const STAGING_ENTRY = 8;

/**
 * The steps of the reference backend. Steps call each other through `vif.steps`, so that a replaced step is replaced
 * everywhere.
 */
export const BACKEND_STEPS = {
  ...CONTROL_STEPS,
  ...TRANSMIT_STEPS,
  ...RECEIVE_STEPS,

  /** Follows the frontend's state. */
  async frontendChanged(vif: BackendVif): Promise<void> {
    const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
    const own = await vif.domain.store.read(`${vif.path}/state`);
    if (state === vif.seen && own !== STATE.initialising) return;
    vif.seen = state;
    const { steps } = vif;
    const hasKeys = state === STATE.initialised || state === STATE.connected;
    if (state === STATE.initialising || (own === STATE.initialising && hasKeys)) {
      steps.disconnect(vif);
      await steps.advertise(vif);
      await steps.setState(vif, STATE.initWait);
    }
    if (hasKeys && vif.queues.length === 0) await steps.tryConnect(vif);
    if (state === STATE.closing) {
      steps.disconnect(vif);
      await steps.setState(vif, STATE.closing);
    }
    if (state === STATE.closed) {
      steps.disconnect(vif);
      await steps.setState(vif, STATE.closed);
    }
    if (state === undefined) steps.disconnect(vif);
  },

  async setState(vif: BackendVif, state: string): Promise<void> {
    await writeState(vif.domain.store, vif.path, state);
  },

  /** Maximum number of queues of a vif. */
  maxQueues(): number {
    return REFERENCE_QUEUES;
  },

  /** The keys of the backend's directory, before InitWait. */
  features(): Record<string, string> {
    return {
      [KEY.featureRxCopy]: '1',
      [KEY.featureSg]: '1',
      [KEY.featureIpv6CsumOffload]: '1',
      [KEY.featureSplitEventChannels]: '1',
      [KEY.multiQueueMaxQueues]: String(REFERENCE_QUEUES),
      [KEY.featureMulticastControl]: '1',
      [KEY.featureDynamicMulticastControl]: '1',
      [KEY.featureCtrlRing]: '1',
      [KEY.featureStagingGrants]: '1',
      [KEY.featureGsoTcpv4]: '1',
      [KEY.featureGsoTcpv6]: '1',
      [KEY.featureXdpHeadroom]: '1',
    };
  },

  async advertise(vif: BackendVif): Promise<void> {
    await vif.domain.store.transaction(async (access) => {
      for (const [key, value] of Object.entries(vif.steps.features())) await access.write(`${vif.path}/${key}`, value);
    });
  },

  /** Connects. If that fails, writes the reason to the `error` node and closes. */
  async tryConnect(vif: BackendVif): Promise<void> {
    try {
      await vif.steps.connect(vif);
    } catch (error) {
      if (!(error instanceof XenError || error instanceof RangeError)) throw error;
      vif.steps.disconnect(vif);
      return vif.steps.refuse(vif, error.message);
    }
    await vif.steps.setState(vif, STATE.connected);
    for (const queue of vif.queues) vif.steps.serve(vif, queue);
  },

  /** Handles a vif whose frontend wrote keys that do not make a connection. */
  async refuse(vif: BackendVif, reason: string): Promise<void> {
    await vif.domain.store.write(`${vif.path}/error`, reason);
    await vif.steps.setState(vif, STATE.closing);
  },

  /** The index at which a ring starts. */
  attach(ring: BackRing): void {
    ring.attach();
  },

  /** Why a ring can't be connected; undefined for a good one. */
  ringFault(ring: BackRing): string | undefined {
    const ready = ring.unconsumed();
    return ready.ok ? undefined : ready.reason;
  },

  /** Reads the frontend's keys, maps its rings and binds its channels. */
  async connect(vif: BackendVif): Promise<void> {
    const number = (key: string, fallback?: number): Promise<number> => readNumber(vif, key, fallback);
    const frontend = Number(await vif.domain.store.read(`${vif.path}/frontend-id`));
    await vif.steps.readFeatures(vif);
    await vif.steps.followMulticast(vif);
    const count = await vif.steps.queueCount(vif);
    for (let index = 0; index < count; index++) {
      const at = count > 1 ? `queue-${index}/` : '';
      const refs = [await number(at + KEY.txRingRef), await number(at + KEY.rxRingRef)];
      const single = await number(at + KEY.eventChannel, -1);
      const tx = single >= 0 ? single : await number(at + KEY.eventChannelTx);
      const rx = single >= 0 ? single : await number(at + KEY.eventChannelRx);
      const queue = vif.steps.openQueue(vif, frontend, index, refs, { tx, rx });
      vif.queues.push(queue);
      for (const [pool, ref, size] of [
        [queue.txPool, KEY.txPoolRef, KEY.txPoolSize],
        [queue.rxPool, KEY.rxPoolRef, KEY.rxPoolSize],
      ] as const) {
        vif.steps.openPool(vif, queue, pool, await number(at + ref, -1), await vif.frontendKey(at + size));
      }
    }
    const control = [await number(KEY.ctrlRingRef, -1), await number(KEY.eventChannelCtrl, -1)] as const;
    if (control[0] >= 0 && control[1] >= 0) vif.steps.openControl(vif, frontend, ...control);
  },

  /** Reads the frontend's features for receiving. */
  async readFeatures(vif: BackendVif): Promise<void> {
    vif.rxNotify = (await readNumber(vif, KEY.featureRxNotify, 0)) !== 0;
    for (const key of RECEIVE_FEATURES) vif.offers[key] = (await readNumber(vif, key, 0)) !== 0;
    vif.headroom = Math.min(await readNumber(vif, KEY.xdpHeadroom, 0), MAX_HEADROOM);
  },

  /** The number of queues that the frontend requests. Throws a RangeError if it is invalid or too large. */
  async queueCount(vif: BackendVif): Promise<number> {
    const count = await readNumber(vif, KEY.multiQueueNumQueues, 1);
    if (count < 1 || count > vif.steps.maxQueues()) throw new RangeError(`${KEY.multiQueueNumQueues}: ${count}`);
    return count;
  },

  openQueue(
    vif: BackendVif,
    frontend: DomId,
    index: number,
    refs: number[],
    channels: { tx: number; rx: number },
  ): BackendQueueState {
    const { grants, events } = vif.domain;
    const mapping = grants.map(frontend, refs, 'read-write');
    const [txPage, rxPage] = mapping.pages;
    if (!txPage || !rxPage) throw new Error('two refs were mapped');
    const tx = new BackRing(txPage, TX_RING);
    const rx = new BackRing(rxPage, RX_RING);
    for (const ring of [tx, rx]) vif.steps.attach(ring);
    for (const ring of [tx, rx]) {
      const fault = vif.steps.ringFault(ring);
      if (fault === undefined) continue;
      mapping.unmap();
      throw new RangeError(`queue ${index}: ${fault}`);
    }
    const ports: Port[] = [];
    try {
      for (const channel of new Set([channels.tx, channels.rx])) ports.push(events.bindInterdomain(frontend, channel));
    } catch (error) {
      for (const port of ports) events.unbind(port);
      mapping.unmap();
      throw error;
    }
    const [txPort = 0, rxPort = txPort] = ports;
    const [mapped, txPool, rxPool] = [0, 0, 0].map(() => new MappedGrants(grants, frontend));
    if (!mapped || !txPool || !rxPool) throw new Error('three tables were made');
    const queue = { index, tx, rx, txPort, rxPort, mapping, backlog: [], frontend, mapped, txPool, rxPool };
    for (const port of [txPort, rxPort]) vif.pump.on(port, () => vif.steps.serve(vif, queue));
    return queue;
  },

  /** Maps a staging pool that the frontend offers. An invalid pool is ignored: the vif works without it. */
  openPool(
    vif: BackendVif,
    queue: BackendQueueState,
    pool: MappedGrants,
    ref: GrantRef,
    size: string | undefined,
  ): void {
    const count = parseDecimal(size, { min: 1, max: EXT_MAX_GREF_ALLOC });
    if (ref < 0 || !count.ok) return;
    const length = count.value * STAGING_ENTRY;
    const [table] = vif.domain.grants.copyFrom([{ domain: queue.frontend, ref, offset: 0, length }]);
    const entries = table?.status === 0 ? decodeStagingTable(table.bytes, count.value) : undefined;
    if (entries?.ok) vif.steps.mapEntries(pool, entries.value);
  },

  /** Follows the `request-multicast-control` key of the frontend until the vif disconnects. */
  async followMulticast(vif: BackendVif): Promise<void> {
    const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
    const read = async (): Promise<void> => {
      vif.groups.requested = (await readOther(vif.domain.store, path)) === '1';
    };
    await read();
    vif.groups.watch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
  },

  /** Releases all resources of the connection. */
  disconnect(vif: BackendVif): void {
    vif.groups.watch?.close().catch(vif.onError);
    vif.groups.clear();
    vif.steps.closeControl(vif);
    for (const queue of vif.queues.splice(0)) {
      for (const port of new Set([queue.txPort, queue.rxPort])) {
        vif.pump.off(port);
        vif.domain.events.unbind(port);
      }
      for (const table of [queue.mapped, queue.txPool, queue.rxPool]) table.clear();
      queue.mapping.unmap();
    }
  },

  /** Handles an event on either channel: both rings are served. */
  serve(vif: BackendVif, queue: BackendQueueState): void {
    vif.steps.drainBacklog(vif, queue);
    vif.steps.serveTx(vif, queue);
  },

  /** Publishes responses, and notifies the frontend if its event index asks for it. */
  push(vif: BackendVif, ring: BackRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },
};

export type BackendSteps = typeof BACKEND_STEPS;

/**
 * A number in the frontend's directory. Throws a RangeError if it is malformed, or if it is missing and there is no
 * fallback.
 */
export async function readNumber(vif: BackendVif, key: string, fallback?: number): Promise<number> {
  const text = await vif.frontendKey(key);
  if (text === undefined && fallback !== undefined) return fallback;
  const value = parseDecimal(text, { min: 0, max: 0xffffffff });
  if (!value.ok) throw new RangeError(`${key}: ${value.reason}`);
  return value.value;
}
