/** Steps of the reference backend for the control ring (netif.h, "Control ring"). */
import { type CtrlRequest, decodeCtrlRequest, decodeHashMapping, encodeCtrlResponse } from '../protocol/ctrl.js';
import { decodeGrefList, encodeGrefList, type NetifGref } from '../protocol/gref.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  GREF_FLAG,
  GREF_LIST_MAX,
  HASH_ALGORITHM,
  HASH_MAPPING_PER_PAGE,
} from '../protocol/netif.js';
import { CTRL_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { type DomId, type GrantRef, PAGE_SIZE, type Port, XenError } from '../xen/domain.js';
import type { BackendVif } from './backend.js';
import { HASH_FLAGS, MAX_KEY, MAX_MAPPING } from './hashing.js';
import { MAX_MAPPED, type MappedGrants } from './mapped-grants.js';

/** The result of a control request. */
export interface Answer {
  readonly status: number;
  readonly data?: number;
}

type Data = CtrlRequest['data'];

const SUCCESS: Answer = { status: CTRL_STATUS.success };
const INVALID: Answer = { status: CTRL_STATUS.invalidParameter };
const OVERFLOW: Answer = { status: CTRL_STATUS.bufferOverflow };
const NOT_SUPPORTED: Answer = { status: CTRL_STATUS.notSupported };

export const CONTROL_STEPS = {
  openControl(vif: BackendVif, frontend: DomId, ref: GrantRef, channel: Port): void {
    const { grants, events } = vif.domain;
    const mapping = grants.map(frontend, [ref], 'read-write');
    const [page] = mapping.pages;
    if (!page) throw new Error('one ref was mapped');
    const ring = new BackRing(page, CTRL_RING);
    ring.attach();
    try {
      vif.control = { ring, mapping, frontend, port: events.bindInterdomain(frontend, channel) };
    } catch (error) {
      mapping.unmap();
      throw error;
    }
    vif.pump.on(vif.control.port, () => vif.steps.serveControl(vif));
  },

  closeControl(vif: BackendVif): void {
    const { control } = vif;
    if (!control) return;
    vif.pump.off(control.port);
    vif.domain.events.unbind(control.port);
    control.mapping.unmap();
    vif.control = undefined;
    vif.hashing.reset();
  },

  serveControl(vif: BackendVif): void {
    const { control } = vif;
    if (!control) return;
    for (;;) {
      const ready = control.ring.unconsumed();
      // A ring with invalid indices is ignored: nothing in it can be trusted.
      if (!ready.ok) return;
      for (let n = 0; n < ready.value; n++) {
        const request = decodeCtrlRequest(control.ring.take());
        if (!request.ok) return;
        vif.steps.respondControl(vif, request.value, vif.steps.answerControl(vif, request.value));
      }
      if (control.ring.push()) vif.domain.events.notify(control.port);
      const more = control.ring.finalCheck();
      if (!more.ok || !more.value) return;
    }
  },

  /** Puts the response to one request into the ring without publishing it. */
  respondControl(vif: BackendVif, { id, type }: CtrlRequest, { status, data = 0 }: Answer): void {
    vif.control?.ring.put(encodeCtrlResponse({ id, type, status, data }));
  },

  answerControl(vif: BackendVif, { type, data }: CtrlRequest): Answer {
    const { steps } = vif;
    switch (type) {
      case CTRL_TYPE.setHashAlgorithm:
        return steps.setHashAlgorithm(vif, data);
      case CTRL_TYPE.getHashFlags:
        return steps.getHashFlags(vif);
      case CTRL_TYPE.setHashFlags:
        return steps.setHashFlags(vif, data);
      case CTRL_TYPE.setHashKey:
        return steps.setHashKey(vif, data);
      case CTRL_TYPE.getHashMappingSize:
        return steps.getHashMappingSize();
      case CTRL_TYPE.setHashMappingSize:
        return steps.setHashMappingSize(vif, data);
      case CTRL_TYPE.setHashMapping:
        return steps.setHashMapping(vif, data);
      case CTRL_TYPE.getGrefMappingSize:
        return steps.getGrefMappingSize(vif, data);
      case CTRL_TYPE.addGrefMapping:
        return steps.addGrefMapping(vif, data);
      case CTRL_TYPE.delGrefMapping:
        return steps.delGrefMapping(vif, data);
      default:
        return NOT_SUPPORTED;
    }
  },

  setHashAlgorithm(vif: BackendVif, [algorithm]: Data): Answer {
    if (algorithm !== HASH_ALGORITHM.none && algorithm !== HASH_ALGORITHM.toeplitz) return INVALID;
    vif.hashing.algorithm = algorithm;
    return SUCCESS;
  },

  getHashFlags(vif: BackendVif): Answer {
    if (vif.hashing.algorithm === HASH_ALGORITHM.none) return NOT_SUPPORTED;
    return { ...SUCCESS, data: HASH_FLAGS };
  },

  setHashFlags(vif: BackendVif, [flags]: Data): Answer {
    if (vif.hashing.algorithm === HASH_ALGORITHM.none || (flags & ~HASH_FLAGS) !== 0) return INVALID;
    vif.hashing.flags = flags;
    return SUCCESS;
  },

  setHashKey(vif: BackendVif, [ref, size]: Data): Answer {
    if (size > MAX_KEY) return OVERFLOW;
    const key = size === 0 ? new Uint8Array() : vif.steps.readMessage(vif, ref, size);
    if (!key) return INVALID;
    vif.hashing.key = key;
    return SUCCESS;
  },

  getHashMappingSize(): Answer {
    return { ...SUCCESS, data: MAX_MAPPING };
  },

  setHashMappingSize(vif: BackendVif, [size]: Data): Answer {
    if (size > MAX_MAPPING) return INVALID;
    vif.hashing.mapping = new Array<number>(size).fill(0);
    return SUCCESS;
  },

  /** Writes a part of the mapping table. A request that fails leaves the table unchanged. */
  setHashMapping(vif: BackendVif, [ref, size, offset]: Data): Answer {
    const { mapping } = vif.hashing;
    if (size > HASH_MAPPING_PER_PAGE || offset + size > mapping.length) return INVALID;
    const bytes = vif.steps.readMessage(vif, ref, size * 4);
    const queues = bytes && decodeHashMapping(bytes, size);
    if (!queues?.ok || queues.value.some((queue) => queue >= vif.queues.length)) return INVALID;
    mapping.splice(offset, size, ...queues.value);
    return SUCCESS;
  },

  getGrefMappingSize(vif: BackendVif, [queue]: Data): Answer {
    return queue < vif.queues.length ? { ...SUCCESS, data: MAX_MAPPED } : INVALID;
  },

  /** Maps all entries of a list or none. An entry that is already mapped or listed twice is invalid. */
  addGrefMapping(vif: BackendVif, [index, ref, size]: Data): Answer {
    const queue = vif.queues[index];
    const list = queue && vif.steps.readGrefList(vif, ref, size);
    if (!list || queue.mapped.size + size > MAX_MAPPED) return INVALID;
    if (list.some((entry) => (entry.flags & ~GREF_FLAG.readonly) !== 0)) return INVALID;
    return vif.steps.mapEntries(queue.mapped, list) ? SUCCESS : INVALID;
  },

  /** Unmaps the entries of a list and writes into the status of each whether it was mapped. */
  delGrefMapping(vif: BackendVif, [index, ref, size]: Data): Answer {
    const queue = vif.queues[index];
    const list = queue && vif.steps.readGrefList(vif, ref, size);
    if (!list) return INVALID;
    const marked = list.map((entry) => ({
      ...entry,
      status: queue.mapped.delete(entry.ref) ? CTRL_STATUS.success : CTRL_STATUS.invalidParameter,
    }));
    vif.steps.writeMessage(vif, ref, encodeGrefList(marked));
    return { ...SUCCESS, data: marked.filter((entry) => entry.status === CTRL_STATUS.success).length };
  },

  /** Maps all of `entries` into a table. Returns false and maps none if one cannot be mapped or is already mapped. */
  mapEntries(table: MappedGrants, entries: readonly { ref: GrantRef; flags: number }[]): boolean {
    try {
      table.add(entries.map(({ ref, flags }) => ({ ref, readonly: (flags & GREF_FLAG.readonly) !== 0 })));
      return true;
    } catch (error) {
      if (error instanceof XenError) return false;
      throw error;
    }
  },

  /** The list in a granted page; undefined if the list is longer than a page or the grant is invalid. */
  readGrefList(vif: BackendVif, ref: GrantRef, size: number): NetifGref[] | undefined {
    const bytes = size > GREF_LIST_MAX ? undefined : vif.steps.readMessage(vif, ref, size * 8);
    const list = bytes && decodeGrefList(bytes, size);
    return list?.ok ? list.value : undefined;
  },

  /** The first `length` bytes of a granted page; undefined if the grant is invalid. */
  readMessage(vif: BackendVif, ref: GrantRef, length: number): Uint8Array<ArrayBuffer> | undefined {
    const domain = vif.control?.frontend ?? 0;
    // A copy of 0 bytes would not check the grant.
    const [piece] = vif.domain.grants.copyFrom([{ domain, ref, offset: 0, length: Math.min(length || 1, PAGE_SIZE) }]);
    return piece?.status === 0 ? Uint8Array.from(piece.bytes.subarray(0, length)) : undefined;
  },

  writeMessage(vif: BackendVif, ref: GrantRef, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    vif.domain.grants.copyTo([{ domain: vif.control?.frontend ?? 0, ref, offset: 0, bytes }]);
  },
};
