/** Steps of the reference frontend for the control ring: it sets up hashing and the mapping of its buffers. */
import { type CtrlResponse, decodeCtrlResponse, encodeCtrlRequest, encodeHashMapping } from '../protocol/ctrl.js';
import { encodeGrefList } from '../protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, HASH_ALGORITHM, KEY } from '../protocol/netif.js';
import { CTRL_RING } from '../protocol/ring.js';
import { VERIFICATION_KEY } from '../protocol/toeplitz.js';
import { FrontRing } from '../protocol/shared-ring.js';
import type { GrantRef } from '../xen/domain.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';

/** Entries that a list of one page holds. */
const GREF_LIST_ENTRIES = 512;
/** Buffers of each ring that are kept for a backend that maps them. */
export const POOL = 16;

/** Called with the response to a control request, or with undefined if the connection ends first. */
export type Resolve = (response: CtrlResponse | undefined) => void;

export const FRONTEND_CONTROL_STEPS = {
  /** Creates the control ring. Returns its keys. */
  openControl(vif: FrontendVif): Record<string, string> {
    const { grants, events } = vif.domain;
    const offer = grants.offer(vif.backend, 'read-write');
    const ring = new FrontRing(offer.page, CTRL_RING);
    ring.init();
    const port = events.bindUnbound(vif.backend);
    vif.control = { ring, offer, port, asked: new Map(), nextId: 0 };
    vif.pump.on(port, () => vif.steps.serveControl(vif));
    return { [KEY.ctrlRingRef]: String(offer.ref), [KEY.eventChannelCtrl]: String(port) };
  },

  closeControl(vif: FrontendVif): void {
    const { control } = vif;
    if (!control) return;
    vif.control = undefined;
    vif.pump.off(control.port);
    vif.domain.events.unbind(control.port);
    control.offer.end();
    for (const resolve of control.asked.values()) resolve(undefined);
  },

  serveControl(vif: FrontendVif): void {
    const { control } = vif;
    if (!control) return;
    for (;;) {
      const ready = control.ring.unconsumed();
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) vif.steps.takeControlResponse(vif, control.ring.take());
      const more = control.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Completes the request of a response. A response without a request is ignored. */
  takeControlResponse(vif: FrontendVif, bytes: Uint8Array): void {
    const response = decodeCtrlResponse(bytes);
    if (!response.ok) return;
    vif.control?.asked.get(response.value.id)?.(response.value);
    vif.control?.asked.delete(response.value.id);
  },

  /** Sends one control request. Resolves to undefined if the connection ends before its response. */
  ask(vif: FrontendVif, type: number, a = 0, b = 0, c = 0): Promise<CtrlResponse | undefined> {
    const { control } = vif;
    if (!control) return Promise.resolve(undefined);
    const id = control.nextId++ & 0xffff;
    control.ring.put(encodeCtrlRequest({ id, type, data: [a, b, c] }));
    const response = new Promise<CtrlResponse | undefined>((resolve) => control.asked.set(id, resolve));
    if (control.ring.push()) vif.domain.events.notify(control.port);
    return response;
  },

  /** Sets up hashing and mapped buffers, as far as the backend supports them. No other step waits for this. */
  async configure(vif: FrontendVif): Promise<void> {
    await vif.steps.configureHash(vif);
    await Promise.all(vif.queues.map((queue) => vif.steps.mapBuffers(vif, queue)));
  },

  async configureHash(vif: FrontendVif): Promise<void> {
    const { steps } = vif;
    const algorithm = await steps.ask(vif, CTRL_TYPE.setHashAlgorithm, HASH_ALGORITHM.toeplitz);
    if (algorithm?.status !== CTRL_STATUS.success) return;
    const flags = await steps.ask(vif, CTRL_TYPE.getHashFlags);
    await steps.lend(vif, 'read-only', VERIFICATION_KEY, (ref) =>
      steps.ask(vif, CTRL_TYPE.setHashKey, ref, VERIFICATION_KEY.length),
    );
    await steps.ask(vif, CTRL_TYPE.setHashFlags, flags?.data);
    const size = vif.queues.length;
    const room = await steps.ask(vif, CTRL_TYPE.getHashMappingSize);
    if (!room || room.data < size) return;
    await steps.ask(vif, CTRL_TYPE.setHashMappingSize, size);
    const table = encodeHashMapping(vif.queues.map(({ index }) => index));
    await steps.lend(vif, 'read-only', table, (ref) => steps.ask(vif, CTRL_TYPE.setHashMapping, ref, size, 0));
  },

  /** Requests the mapping of a queue's kept buffers, up to the size of the backend's table. */
  async mapBuffers(vif: FrontendVif, queue: FrontendQueueState): Promise<void> {
    const { steps } = vif;
    const size = await steps.ask(vif, CTRL_TYPE.getGrefMappingSize, queue.index);
    if (size?.status !== CTRL_STATUS.success) return;
    const entries = [
      ...queue.txPool.refs.map((ref) => ({ ref, flags: GREF_FLAG.readonly, status: 0 })),
      ...queue.rxPool.refs.map((ref) => ({ ref, flags: 0, status: 0 })),
    ].slice(0, Math.min(size.data, GREF_LIST_ENTRIES));
    if (entries.length === 0) return;
    await steps.lend(vif, 'read-write', encodeGrefList(entries), (ref) =>
      steps.ask(vif, CTRL_TYPE.addGrefMapping, queue.index, ref, entries.length),
    );
  },

  /** Grants a page with `bytes` until `use` has finished. */
  async lend(
    vif: FrontendVif,
    access: 'read-only' | 'read-write',
    bytes: Uint8Array,
    use: (ref: GrantRef) => Promise<unknown>,
  ): Promise<void> {
    const offer = vif.domain.grants.offer(vif.backend, access);
    offer.page.copyIn(0, bytes);
    try {
      await use(offer.ref);
    } finally {
      offer.end();
    }
  },
};
