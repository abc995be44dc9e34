import { BROADCAST_MAC, isGroupMac, MAC_LENGTH } from '../packet/address.js';
import { concat, sameBytes } from '../packet/bytes.js';
import { decodeExtra, encodeExtra, type Extra, type ExtraMcast } from '../protocol/extra.js';
import {
  EXT_MAX_GREF_ALLOC,
  EXTRA_FLAG_MORE,
  GSO_TYPE,
  HASH_ALGORITHM,
  KEY,
  NR_SLOTS_MIN,
  RSP,
  RXF,
  TXF,
} from '../protocol/netif.js';
import { decodeStagingTable } from '../protocol/staging.js';
import { RX_RING, TX_RING } from '../protocol/ring.js';
import { decodeRxRequest, encodeRxResponse, type RxRequest } from '../protocol/rx.js';
import { BackRing } from '../protocol/shared-ring.js';
import { decodeTxRequest, encodeTxResponse, type TxRequest } from '../protocol/tx.js';
import { parseDecimal } from '../protocol/xenbus.js';
import { type DomId, type GrantRef, PAGE_SIZE, type Port, XenError } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import { readOther, writeState } from './bus.js';
import { CONTROL_STEPS } from './control-steps.js';
import type { PacketHash } from './hashing.js';
import { MappedGrants } from './mapped-grants.js';
import { fit, type VifPacket } from './packet.js';

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
/** Frames kept per queue while the frontend has no buffers posted; more are dropped. */
const BACKLOG = 64;
const ETHERNET_HEADER = 14;

/** One transmitted packet as it lies in the ring. */
export interface TxChain {
  readonly requests: readonly TxRequest[];
  readonly extras: readonly Extra[];
  /** Slots in ring order: true where the slot is an extra info. */
  readonly layout: readonly boolean[];
  /** Why the packet is refused; undefined for a good one. */
  readonly fault: string | undefined;
}

/**
 * What the reference backend does, step by step. Steps call each other through `vif.steps`, so that replacing one
 * replaces it everywhere.
 */
export const BACKEND_STEPS = {
  ...CONTROL_STEPS,

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
    if (count < 1 || count > REFERENCE_QUEUES) throw new RangeError(`${KEY.multiQueueNumQueues}: ${count}`);
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

  serveTx(vif: BackendVif, queue: BackendQueueState): void {
    for (;;) {
      const ready = queue.tx.unconsumed();
      // A ring whose indices are nonsense is left alone: nothing in it can be trusted.
      if (!ready.ok) return;
      const before = queue.tx.reqCons;
      for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
        vif.steps.serveChain(vif, queue, chain);
      }
      const more = queue.tx.finalCheck();
      if (!more.ok || !more.value || queue.tx.reqCons === before) return;
    }
  },

  serveChain(vif: BackendVif, queue: BackendQueueState, chain: TxChain): void {
    const multicast = chain.extras.find(isMulticast);
    if (multicast) {
      // A dummy request: its buffer is nothing, and nothing is sent on.
      return vif.steps.respond(vif, queue, chain, vif.steps.changeGroups(vif, multicast) ? RSP.okay : RSP.error);
    }
    const frame = chain.fault === undefined ? vif.steps.fetch(vif, queue, chain) : undefined;
    vif.steps.respond(vif, queue, chain, frame ? RSP.okay : RSP.error);
    const csumBlank = ((chain.requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;
    const gso = chain.extras.find((extra) => extra.type === 'gso');
    if (frame) vif.steps.accept(vif, queue, { frame, csumBlank, gso: gso && { size: gso.size, type: gso.gsoType } });
  },

  /** Changes the list of groups; false if it's full. */
  changeGroups(vif: BackendVif, { type, address }: ExtraMcast): boolean {
    if (type === 'mcast-add') return vif.groups.add(address);
    vif.groups.delete(address);
    return true;
  },

  /** Takes one whole packet off the ring, or nothing while its last slot isn't there. */
  takeChain(queue: BackendQueueState): TxChain | undefined {
    const start = queue.tx.reqCons;
    const requests: TxRequest[] = [];
    const extras: Extra[] = [];
    const layout: boolean[] = [];
    let fault: string | undefined;
    let next: 'data' | 'extra' | undefined = 'data';
    while (next) {
      const ready = queue.tx.unconsumed();
      if (!ready.ok || ready.value === 0) {
        queue.tx.reqCons = start;
        return undefined;
      }
      const bytes = queue.tx.take();
      layout.push(next === 'extra');
      const more: boolean = ((requests[0]?.flags ?? 0) & TXF.moreData) !== 0;
      if (next === 'extra') {
        const extra = decodeExtra(bytes);
        if (extra.ok) extras.push(extra.value);
        else fault ??= extra.reason;
        // An unknown extra still tells whether another follows.
        next = ((bytes[1] ?? 0) & EXTRA_FLAG_MORE) !== 0 ? 'extra' : more ? 'data' : undefined;
        continue;
      }
      const request = decodeTxRequest(bytes);
      if (!request.ok) return undefined;
      requests.push(request.value);
      const { flags } = request.value;
      const extra: boolean = requests.length === 1 && (flags & TXF.extraInfo) !== 0;
      next = extra ? 'extra' : (flags & TXF.moreData) !== 0 ? 'data' : undefined;
    }
    return { requests, extras, layout, fault: fault ?? checkChain(requests, extras) };
  },

  /** A packet's bytes, out of pages that are mapped or copied from the frontend's; undefined if a grant doesn't allow it. */
  fetch(vif: BackendVif, queue: BackendQueueState, chain: TxChain): Uint8Array | undefined {
    const rest = chain.requests.slice(1).reduce((sum, request) => sum + request.size, 0);
    const pieces: Uint8Array[] = [];
    for (const [n, { gref, offset, size }] of chain.requests.entries()) {
      const length = n === 0 ? size - rest : size;
      const page = queue.mapped.page(gref) ?? queue.txPool.page(gref);
      const piece = page
        ? { status: 0, bytes: page.copyOut(offset, length) }
        : vif.domain.grants.copyFrom([{ domain: queue.frontend, ref: gref, offset, length }])[0];
      if (piece?.status !== 0) return undefined;
      pieces.push(piece.bytes);
    }
    return concat(...pieces);
  },

  /** Answers each slot of a packet, extras with NULL. */
  respond(vif: BackendVif, queue: BackendQueueState, chain: TxChain, status: number): void {
    let request = 0;
    for (const isExtra of chain.layout) {
      const id = isExtra ? 0 : (chain.requests[request++]?.id ?? 0);
      queue.tx.put(encodeTxResponse({ id, status: isExtra ? RSP.null : status }));
    }
    vif.steps.push(vif, queue.tx, queue.txPort);
  },

  /** Publishes responses and notifies if the frontend asked for it. */
  push(vif: BackendVif, ring: BackRing, port: Port): void {
    if (ring.push()) vif.domain.events.notify(port);
  },

  /** Hands a packet on: over the bridge that the vif is a port of, or to the stack, whose answers go back. */
  accept(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const { bridgedTo } = vif;
    if (bridgedTo) return bridgedTo.steps.send(bridgedTo, bridgedTo.queues[queue.index] ?? bridgedTo.queues[0], packet);
    for (const frame of vif.stack.receive(packet.frame, packet)) {
      vif.steps.send(vif, queue, { frame, csumBlank: false });
    }
  },

  /** Sends a packet to the frontend, unless it's of a group that the frontend doesn't want. */
  send(vif: BackendVif, usual: BackendQueueState | undefined, packet: VifPacket): void {
    const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
    if (!queue || !vif.steps.isWanted(vif, packet.frame)) return;
    for (const each of vif.steps.fitting(vif, packet)) {
      if (queue.backlog.length < BACKLOG) queue.backlog.push(each);
    }
    vif.steps.drainBacklog(vif, queue);
  },

  /** The queue that the hash settings tell; undefined if they tell none. */
  queueFor(vif: BackendVif, frame: Uint8Array): BackendQueueState | undefined {
    if (vif.hashing.algorithm === HASH_ALGORITHM.none) return undefined;
    return vif.queues[vif.hashing.queueFor(vif.steps.hash(vif, frame), vif.queues.length)];
  },

  hash(vif: BackendVif, frame: Uint8Array): PacketHash | undefined {
    return vif.hashing.of(frame);
  },

  /** The packet as the frontend takes it: cut into segments, and with its checksum, if it can't do that itself. */
  fitting(vif: BackendVif, packet: VifPacket): VifPacket[] {
    return fit(packet, vif.offers);
  },

  isWanted(vif: BackendVif, frame: Uint8Array): boolean {
    const destination = frame.subarray(0, MAC_LENGTH);
    if (!vif.groups.requested || !isGroupMac(destination) || sameBytes(destination, BROADCAST_MAC)) return true;
    return vif.groups.has(destination);
  },

  /** Delivers the packets that wait, as far as the frontend's buffers go. */
  drainBacklog(vif: BackendVif, queue: BackendQueueState): void {
    for (;;) {
      const packet = queue.backlog[0];
      if (!packet) return;
      const pages = Math.ceil(packet.frame.length / (PAGE_SIZE - vif.headroom));
      const needed = pages + vif.steps.extras(vif, packet).length;
      if (pages > 1 && !vif.offers[KEY.featureSg]) {
        queue.backlog.shift();
        continue;
      }
      const ready = queue.rx.unconsumed();
      if (!ready.ok) return;
      if (ready.value < needed) {
        if (!vif.rxNotify) queue.backlog.shift();
        queue.rx.setReqEvent(queue.rx.reqCons + needed);
        const again = queue.rx.unconsumed();
        if (!again.ok || again.value < needed) return;
        continue;
      }
      queue.backlog.shift();
      vif.steps.deliver(vif, queue, packet);
    }
  },

  /** The extra infos that go with a packet. */
  extras(vif: BackendVif, { frame, gso }: VifPacket): Extra[] {
    const extras: Extra[] = [];
    if (gso) extras.push({ type: 'gso', flags: 0, size: gso.size, gsoType: gso.type, pad: 0, features: 0 });
    const hash = vif.steps.hash(vif, frame);
    if (hash) {
      const { algorithm } = vif.hashing;
      extras.push({ type: 'hash', flags: 0, hashType: hash.type, algorithm, value: hash.value });
    }
    if (vif.headroom > 0) extras.push({ type: 'xdp', flags: 0, headroom: vif.headroom, pad: 0 });
    return extras.map((extra, n) => (n < extras.length - 1 ? { ...extra, flags: EXTRA_FLAG_MORE } : extra));
  },

  /** Lays one packet into rx buffers, its extra infos behind the first piece. */
  deliver(vif: BackendVif, queue: BackendQueueState, packet: VifPacket): void {
    const { frame, csumBlank } = packet;
    const extras = vif.steps.extras(vif, packet);
    const room = PAGE_SIZE - vif.headroom;
    for (let at = 0; at < frame.length; at += room) {
      const request = decodeRxRequest(queue.rx.take());
      if (!request.ok) return;
      const piece = frame.subarray(at, at + room);
      const blank = csumBlank ? RXF.csumBlank | RXF.dataValidated : 0;
      const first = at === 0 ? blank | (extras.length > 0 ? RXF.extraInfo : 0) : 0;
      const more = at + room < frame.length ? RXF.moreData : 0;
      vif.steps.fill(vif, queue, request.value, piece, more | first);
      if (at === 0) for (const extra of extras) vif.steps.fillExtra(queue, extra);
    }
    vif.steps.push(vif, queue.rx, queue.rxPort);
  },

  /** Puts an extra info in place of a response. */
  fillExtra(queue: BackendQueueState, extra: Extra): void {
    queue.rx.take();
    queue.rx.put(encodeExtra(extra));
  },

  /** Fills one buffer and puts its response into the same slot. */
  fill(vif: BackendVif, queue: BackendQueueState, request: RxRequest, piece: Uint8Array, flags: number): void {
    const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);
    const offset = vif.headroom;
    if (page?.writable) page.copyIn(offset, piece);
    const segment = { domain: queue.frontend, ref: request.gref, offset, bytes: piece };
    const ok = page ? page.writable : vif.domain.grants.copyTo([segment])[0] === 0;
    queue.rx.put(
      encodeRxResponse({ id: request.id, offset, flags: ok ? flags : 0, status: ok ? piece.length : RSP.error }),
    );
  },
};

export type BackendSteps = typeof BACKEND_STEPS;

function isMulticast(extra: Extra): extra is ExtraMcast {
  return extra.type === 'mcast-add' || extra.type === 'mcast-del';
}

/** Why a packet can't be taken, or undefined for a good one. */
function checkChain(requests: readonly TxRequest[], extras: readonly Extra[]): string | undefined {
  const gso = extras.find((extra) => extra.type === 'gso');
  const known = gso?.gsoType === GSO_TYPE.tcpv4 || gso?.gsoType === GSO_TYPE.tcpv6;
  if (gso && (gso.size === 0 || !known)) return `GSO of type ${gso.gsoType} and size ${gso.size}`;
  if (requests.length > NR_SLOTS_MIN) return `${requests.length} slots`;
  const total = requests[0]?.size ?? 0;
  const rest = requests.slice(1).reduce((sum, request) => sum + request.size, 0);
  if (total < ETHERNET_HEADER) return `${total} bytes are less than an Ethernet header`;
  if (rest > total) return `fragments of ${rest} bytes in a packet of ${total}`;
  const lengths = requests.map((request, n) => (n === 0 ? total - rest : request.size));
  const crossing = requests.find((request, n) => request.offset + (lengths[n] ?? 0) > PAGE_SIZE);
  return crossing ? `offset ${crossing.offset} crosses the page` : undefined;
}
