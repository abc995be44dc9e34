import { EXT_MAX_GREF_ALLOC, KEY } from '../protocol/netif.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { decodeStagingTable } from '../protocol/staging.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type DomId, type GrantRef, type Port, XenError } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import { readOther, writeState } from './bus.js';
import { CONTROL_STEPS } from './control-steps.js';
import { MappedGrants } from './mapped-grants.js';
import { RECEIVE_STEPS } from './receive-steps.js';
import { TRANSMIT_STEPS } from './transmit-steps.js';

/** Queues that the reference backend offers. */
export const REFERENCE_QUEUES = 4;
/** What a frontend may say that it takes. */
const RECEIVE_FEATURES = [
  KEY.featureSg,
  KEY.featureNoCsumOffload,
  KEY.featureIpv6CsumOffload,
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
] as const;
/** Most bytes that are left free in front of a packet. */
const MAX_HEADROOM = 1024;
/** Bytes of a staging table's entry. */
const STAGING_ENTRY = 8;

/**
 * What the reference backend does, step by step. Steps call each other through `vif.steps`, so that replacing one
 * replaces it everywhere.
 */
export const BACKEND_STEPS = {
  ...CONTROL_STEPS,
  ...TRANSMIT_STEPS,
  ...RECEIVE_STEPS,

  /** Follows the frontend's state. */
  async frontendChanged(vif: BackendVif): Promise<void> {
    const state = await readOther(vif.domain.store, `${vif.frontendPath}/state`);
    const own = await vif.domain.store.read(`${vif.path}/state`);
    if (state === vif.seen && own !== '1') return;
    vif.seen = state;
    const { steps } = vif;
    if (state === '1' || (own === '1' && (state === '3' || state === '4'))) {
      steps.disconnect(vif);
      await steps.advertise(vif);
      await steps.setState(vif, '2');
    }
    if ((state === '3' || state === '4') && vif.queues.length === 0) await steps.tryConnect(vif);
    if (state === '5') {
      steps.disconnect(vif);
      await steps.setState(vif, '5');
    }
    if (state === '6') {
      steps.disconnect(vif);
      await steps.setState(vif, '6');
    }
    if (state === undefined) steps.disconnect(vif);
  },

  async setState(vif: BackendVif, state: string): Promise<void> {
    await writeState(vif.domain.store, vif.path, state);
  },

  /** How many queues it can have. */
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

  /** Connects, or tells in the `error` node why not and closes. */
  async tryConnect(vif: BackendVif): Promise<void> {
    try {
      await vif.steps.connect(vif);
    } catch (error) {
      if (!(error instanceof XenError || error instanceof RangeError)) throw error;
      vif.steps.disconnect(vif);
      await vif.domain.store.write(`${vif.path}/error`, error.message);
      await vif.steps.setState(vif, '5');
      return;
    }
    await vif.steps.setState(vif, '4');
    for (const queue of vif.queues) vif.steps.serve(vif, queue);
  },

  /** Reads the frontend's keys, maps its rings and binds its channels. */
  async connect(vif: BackendVif): Promise<void> {
    const number = async (key: string, fallback?: number): Promise<number> => {
      const text = await vif.frontendKey(key);
      if (text === undefined && fallback !== undefined) return fallback;
      const value = parseDecimal(text, { min: 0, max: 0xffffffff });
      if (!value.ok) throw new RangeError(`${key}: ${value.reason}`);
      return value.value;
    };
    const frontend = parseDecimal(await vif.domain.store.read(`${vif.path}/frontend-id`), { min: 0, max: 0x7fff });
    if (!frontend.ok) throw new RangeError(`frontend-id: ${frontend.reason}`);
    vif.rxNotify = (await number(KEY.featureRxNotify, 0)) !== 0;
    for (const key of RECEIVE_FEATURES) vif.offers[key] = (await number(key, 0)) !== 0;
    vif.headroom = Math.min(await number(KEY.xdpHeadroom, 0), MAX_HEADROOM);
    await vif.steps.followMulticast(vif);
    const count = await number(KEY.multiQueueNumQueues, 1);
    if (count < 1 || count > vif.steps.maxQueues()) throw new RangeError(`${KEY.multiQueueNumQueues}: ${count}`);
    for (let index = 0; index < count; index++) {
      const at = count > 1 ? `queue-${index}/` : '';
      const refs = [await number(at + KEY.txRingRef), await number(at + KEY.rxRingRef)];
      const single = await number(at + KEY.eventChannel, -1);
      const tx = single >= 0 ? single : await number(at + KEY.eventChannelTx);
      const rx = single >= 0 ? single : await number(at + KEY.eventChannelRx);
      const queue = vif.steps.openQueue(vif, frontend.value, index, refs, { tx, rx });
      vif.queues.push(queue);
      for (const [pool, ref, size] of [
        [queue.txPool, KEY.txPoolRef, KEY.txPoolSize],
        [queue.rxPool, KEY.rxPoolRef, KEY.rxPoolSize],
      ] as const) {
        vif.steps.openPool(vif, queue, pool, await number(at + ref, -1), await vif.frontendKey(at + size));
      }
    }
    const control = [await number(KEY.ctrlRingRef, -1), await number(KEY.eventChannelCtrl, -1)] as const;
    if (control[0] >= 0 && control[1] >= 0) vif.steps.openControl(vif, frontend.value, ...control);
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
    tx.attach();
    rx.attach();
    for (const ring of [tx, rx]) {
      const ready = ring.unconsumed();
      if (ready.ok) continue;
      mapping.unmap();
      throw new RangeError(`queue ${index}: ${ready.reason}`);
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

  /** Maps a staging pool that the frontend offers. One that is no good is left alone: the vif works without it. */
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

  /** Follows the frontend's wish to get only the groups of its list, for as long as it's connected. */
  async followMulticast(vif: BackendVif): Promise<void> {
    const path = `${vif.frontendPath}/${KEY.requestMulticastControl}`;
    const read = async (): Promise<void> => {
      vif.groups.requested = (await readOther(vif.domain.store, path)) === '1';
    };
    await read();
    vif.groups.watch = await vif.domain.store.watch(path, () => void read().catch(vif.onError));
  },

  /** Gives up what connecting took. */
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

  /** The work of an event, on whichever channel: both rings are looked at. */
  serve(vif: BackendVif, queue: BackendQueueState): void {
    vif.steps.drainBacklog(vif, queue);
    vif.steps.serveTx(vif, queue);
  },

  /** Publishes responses and notifies if the frontend asked for it. */
  push(vif: BackendVif, ring: BackRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },
};

export type BackendSteps = typeof BACKEND_STEPS;
