import { decodeExtra, encodeExtra } from '../protocol/extra.js';
import { EXT_GREF_FLAG, EXTRA_FLAG_MORE, KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RSP, RXF, TXF } from '../protocol/netif.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { decodeRxResponse, encodeRxRequest } from '../protocol/rx.js';
import { FrontRing } from '../protocol/shared-ring.js';
import { encodeStagingTable } from '../protocol/staging.js';
import { decodeTxResponse, encodeTxRequest, type TxRequest } from '../protocol/tx.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type Offer, PAGE_SIZE, type Port } from '../xen/domain.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';
import { BufferPool } from './buffer-pool.js';
import { readOther, writeState } from './bus.js';
import { FRONTEND_CONTROL_STEPS, POOL } from './frontend-control-steps.js';
import { fit, type VifPacket } from './packet.js';

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
/** Bytes of a request that carries nothing but its extra info. */
const DUMMY = 60;
/** Receive buffers kept posted on each queue: two of the largest packets and some. */
const RX_BUFFERS = 64;

/**
 * What the reference frontend does, step by step. Steps call each other through `vif.steps`, so that replacing one
 * replaces it everywhere.
 */
export const FRONTEND_STEPS = {
  ...FRONTEND_CONTROL_STEPS,

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

  /** Asks the backend for a group by a dummy request. */
  addGroup(vif: FrontendVif, address: Uint8Array): void {
    const [queue] = vif.queues;
    if (!queue || queue.tx.free() < 2) return;
    const offer = vif.steps.buffer(vif, queue, new Uint8Array(DUMMY));
    const request = { gref: offer.ref, offset: 0, flags: TXF.extraInfo, id: freeId(queue), size: DUMMY };
    vif.steps.putTx(queue, request, offer);
    queue.tx.put(encodeExtra({ type: 'mcast-add', flags: 0, address }));
    vif.steps.push(vif, queue.tx, queue.txPort);
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

  serve(vif: FrontendVif, queue: FrontendQueueState): void {
    vif.steps.serveTx(vif, queue);
    vif.steps.serveRx(vif, queue);
  },

  serveTx(vif: FrontendVif, queue: FrontendQueueState): void {
    for (;;) {
      const ready = queue.tx.unconsumed();
      // A ring whose indices are nonsense is left alone: nothing in it can be trusted.
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) vif.steps.takeTxResponse(queue, queue.tx.take());
      const more = queue.tx.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Frees the buffer of an answered request. The id of a NULL response, and one not in flight, means nothing. */
  takeTxResponse(queue: FrontendQueueState, bytes: Uint8Array): void {
    const response = decodeTxResponse(bytes);
    if (!response.ok || response.value.status === RSP.null) return;
    const offer = queue.sending.get(response.value.id);
    if (offer) queue.txPool.give(offer);
    queue.sending.delete(response.value.id);
  },

  serveRx(vif: FrontendVif, queue: FrontendQueueState): void {
    for (;;) {
      const ready = queue.rx.unconsumed();
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) {
        const index = queue.rx.rspCons;
        const frame = vif.steps.takeRxSlot(queue, index, queue.rx.take());
        if (frame) vif.steps.accept(vif, queue, { ...queue.partial, frame });
      }
      vif.steps.post(vif, queue);
      vif.steps.push(vif, queue.rx, queue.rxPort);
      const more = queue.rx.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Hands a packet on: over the bridge that the vif is a port of, or to the stack, whose answers go back. */
  accept(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
    const { bridgedTo } = vif;
    if (bridgedTo) {
      const out = bridgedTo.queues[queue.index] ?? bridgedTo.queues[0];
      if (out) bridgedTo.steps.transmit(bridgedTo, out, packet);
      return;
    }
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      vif.steps.transmit(vif, queue, { frame, csumBlank: false });
    }
  },

  /** Takes one rx slot; answers the frame when the packet is complete and good. */
  takeRxSlot(queue: FrontendQueueState, index: number, bytes: Uint8Array): Uint8Array | undefined {
    const buffer = queue.posted.get(index);
    if (!buffer) return undefined;
    queue.posted.delete(index);
    const { partial } = queue;
    if (queue.expect === 'extra') {
      // An extra's buffer is unused; of what extras say only GSO matters here.
      const extra = decodeExtra(bytes);
      if (extra.ok && extra.value.type === 'gso') partial.gso = { size: extra.value.size, type: extra.value.gsoType };
      if (((bytes[1] ?? 0) & EXTRA_FLAG_MORE) === 0) queue.expect = queue.moreAfterExtras ? 'more' : 'first';
    } else {
      const response = decodeRxResponse(bytes);
      const { offset, status, flags } = response.ok ? response.value : { offset: 0, status: RSP.error, flags: 0 };
      if (queue.expect === 'first') {
        partial.csumBlank = (flags & RXF.csumBlank) !== 0;
        partial.gso = undefined;
      }
      if (status < 0 || offset + status > PAGE_SIZE) partial.bad = true;
      else partial.pieces.push(buffer.offer.page.copyOut(offset, status));
      queue.moreAfterExtras = (flags & RXF.moreData) !== 0;
      const extras = queue.expect === 'first' && (flags & RXF.extraInfo) !== 0;
      queue.expect = extras ? 'extra' : queue.moreAfterExtras ? 'more' : 'first';
    }
    queue.rxPool.give(buffer.offer);
    if (queue.expect !== 'first') return undefined;
    const frame = partial.bad ? undefined : Uint8Array.from(Buffer.concat(partial.pieces));
    partial.pieces.length = 0;
    partial.bad = false;
    return frame && frame.length > 0 ? frame : undefined;
  },

  /** Keeps buffers posted, without publishing them. */
  post(_: FrontendVif, queue: FrontendQueueState): void {
    while (queue.posted.size < RX_BUFFERS && queue.rx.free() > 0) {
      const offer = queue.rxPool.take();
      const id = queue.rx.reqProdPvt & (RX_RING.size - 1);
      const index = queue.rx.put(encodeRxRequest({ id, pad: 0, gref: offer.ref }));
      queue.posted.set(index, { id, offer });
    }
  },

  /** Publishes requests and notifies if the backend asked for it. */
  push(vif: FrontendVif, ring: FrontRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },

  /** Sends one packet on `queue`, as the backend takes it; drops it where the ring is full. */
  transmit(vif: FrontendVif, queue: FrontendQueueState, packet: VifPacket): void {
    for (const { frame, csumBlank, gso } of vif.steps.fitting(vif, packet)) {
      const lengths = fragments(frame.length);
      if (frame.length > MAX_TX_SIZE || lengths.length > (vif.offers[KEY.featureSg] ? NR_SLOTS_MIN : 1)) continue;
      if (queue.tx.free() <= lengths.length) continue;
      let at = 0;
      lengths.forEach((length, n) => {
        const offer = vif.steps.buffer(vif, queue, frame.subarray(at, at + length));
        at += length;
        const more = n < lengths.length - 1 ? TXF.moreData : 0;
        const blank = csumBlank ? TXF.csumBlank | TXF.dataValidated : 0;
        const first = n === 0 ? blank | (gso ? TXF.extraInfo : 0) : 0;
        const size = n === 0 ? frame.length : length;
        vif.steps.putTx(queue, { gref: offer.ref, offset: 0, flags: more | first, id: freeId(queue), size }, offer);
        if (n === 0 && gso) vif.steps.putGso(queue, gso);
      });
    }
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** The packet as the backend takes it: cut into segments, and with its checksum, if it can't do that itself. */
  fitting(vif: FrontendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  /** Puts the extra info of a large packet. */
  putGso(queue: FrontendQueueState, { size, type }: NonNullable<VifPacket['gso']>): void {
    queue.tx.put(encodeExtra({ type: 'gso', flags: 0, size, gsoType: type, pad: 0, features: 0 }));
  },

  /** A page that the backend may read, with a fragment at its start. */
  buffer(_: FrontendVif, queue: FrontendQueueState, bytes: Uint8Array): Offer {
    const offer = queue.txPool.take();
    offer.page.copyIn(0, bytes);
    return offer;
  },

  putTx(queue: FrontendQueueState, request: TxRequest, offer: Offer): void {
    queue.tx.put(encodeTxRequest(request));
    queue.sending.set(request.id, offer);
  },
};

export type FrontendSteps = typeof FRONTEND_STEPS;

function freeId(queue: FrontendQueueState): number {
  let id = 0;
  while (queue.sending.has(id)) id++;
  return id;
}

function fragments(length: number): number[] {
  return Array.from({ length: Math.max(1, Math.ceil(length / PAGE_SIZE)) }, (_, n) =>
    Math.min(PAGE_SIZE, length - n * PAGE_SIZE),
  );
}
