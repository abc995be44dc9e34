/** Choices that netif.h leaves for grants that a backend keeps mapped, and those of UEK4's header for staging pools. */
import { encodeGrefList } from '../../../protocol/gref.js';
import { CTRL_STATUS, GREF_FLAG, KEY } from '../../../protocol/netif.js';
import type { CtrlRequest } from '../../../protocol/ctrl.js';
import { XenError } from '../../../xen/domain.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Answer } from '../../control-steps.js';
import { MAX_MAPPED } from '../../mapped-grants.js';
import type { LegalDriver } from '../legal.js';
import { without } from '../support/backend-features.js';
import { mapsAsGranted } from '../support/backend-mapping.js';

const SUCCESS: Answer = { status: CTRL_STATUS.success };
const INVALID: Answer = { status: CTRL_STATUS.invalidParameter };
const NOT_SUPPORTED: Answer = { status: CTRL_STATUS.notSupported };

const addsAs = (answer: (vif: BackendVif, data: CtrlRequest['data']) => Answer | undefined): Partial<BackendSteps> => ({
  addGrefMapping: (vif, data) => answer(vif, data) ?? correct.addGrefMapping(vif, data),
});

/** A table of at most `most` entries for each queue. */
function tableOf(most: number): Partial<BackendSteps> {
  return {
    getGrefMappingSize: (vif, [queue]) => (queue < vif.queues.length ? { ...SUCCESS, data: most } : INVALID),
    ...addsAs((vif, [index, , size]) => ((vif.queues[index]?.mapped.size ?? 0) + size > most ? INVALID : undefined)),
  };
}

export const GRANTS: readonly LegalDriver[] = [
  {
    id: 'backend.no-gref-mapping',
    choice: 'keeps no grants mapped and responds NOT_SUPPORTED',
    source: 'netif.h, "Control messages": NOT_SUPPORTED is a status of each; no shipping driver has them',
    backend: {
      getGrefMappingSize: () => NOT_SUPPORTED,
      addGrefMapping: () => NOT_SUPPORTED,
      delGrefMapping: () => NOT_SUPPORTED,
    },
  },
  {
    id: 'backend.gref-size-0',
    choice: 'keeps no grants mapped and reports a table size of 0',
    source: 'netif.h, GET_GREF_MAPPING_SIZE: zero if it is not supported',
    backend: {
      getGrefMappingSize: (vif, [queue]) => (queue < vif.queues.length ? SUCCESS : INVALID),
      addGrefMapping: () => INVALID,
      delGrefMapping: () => NOT_SUPPORTED,
    },
  },
  {
    id: 'backend.gref-size-4',
    choice: 'keeps 4 grants mapped for each queue',
    source: 'netif.h, GET_GREF_MAPPING_SIZE: maximum number of entries',
    backend: tableOf(4),
  },
  {
    id: 'backend.gref-size-1',
    choice: 'keeps one grant mapped for each queue',
    source: 'netif.h, GET_GREF_MAPPING_SIZE: maximum number of entries',
    backend: tableOf(1),
  },
  {
    id: 'backend.gref-size-unlimited',
    choice: 'reports a table of 2^32 - 1 mapped grants, and maps every list',
    source: 'netif.h, GET_GREF_MAPPING_SIZE: maximum number of entries',
    backend: {
      getGrefMappingSize: (vif, [queue]) => (queue < vif.queues.length ? { ...SUCCESS, data: 0xffffffff } : INVALID),
      addGrefMapping(vif, [index, ref, size]) {
        const queue = vif.queues[index];
        const list = queue && vif.steps.readGrefList(vif, ref, size);
        const isGood = list?.every(
          (entry) => !queue?.mapped.has(entry.ref) && (entry.flags & ~GREF_FLAG.readonly) === 0,
        );
        if (!queue || !list || !isGood || new Set(list.map((entry) => entry.ref)).size < size) return INVALID;
        return vif.steps.mapEntries(queue.mapped, list) ? SUCCESS : INVALID;
      },
    },
  },
  {
    id: 'backend.gref-free',
    choice: 'reports the free entries of its table of mapped grants',
    source: 'xen.git docs/misc/netif-staging-grants.pandoc, 511321c4aa: amount of free entries',
    backend: {
      getGrefMappingSize: (vif, [index]) => {
        const queue = vif.queues[index];
        return queue ? { ...SUCCESS, data: 512 - queue.mapped.size } : INVALID;
      },
    },
  },
  {
    id: 'backend.gref-readonly-tried',
    choice: 'maps a read-only grant without the flag for reading',
    source:
      'netif.h, xen_netif_gref: flags describing the control operation; nothing is said of a grant that does not match',
    backend: {
      mapEntries(table, entries) {
        if (correct.mapEntries(table, entries)) return true;
        return correct.mapEntries(
          table,
          entries.map((entry) => ({ ...entry, flags: GREF_FLAG.readonly })),
        );
      },
    },
    warns: ['GREF-37'],
  },
  {
    id: 'backend.readonly-granted-writable',
    choice: 'maps what the frontend grants for writing for writing, whatever the flag for reading says',
    source: 'netif.h and UEK4 netif.h name the flag, and say no more',
    backend: { mapEntries: mapsAsGranted },
    warns: ['GREF-31', 'GREF-39', 'STAG-10', 'STAG-11'],
  },
  {
    id: 'backend.gref-empty-invalid',
    choice: 'responds INVALID_PARAMETER to an empty list',
    source: 'netif.h is silent on empty lists',
    backend: {
      addGrefMapping: (vif, data) => (data[2] === 0 ? INVALID : correct.addGrefMapping(vif, data)),
      delGrefMapping: (vif, data) => (data[2] === 0 ? INVALID : correct.delGrefMapping(vif, data)),
    },
  },
  {
    id: 'backend.gref-flags-ignored',
    choice: 'ignores undefined flags of an entry',
    source: 'netif.h is silent on undefined flags',
    backend: {
      readGrefList: (vif, ref, size) =>
        correct.readGrefList(vif, ref, size)?.map((entry) => ({ ...entry, flags: entry.flags & GREF_FLAG.readonly })),
    },
  },
  {
    id: 'backend.gref-duplicates-once',
    choice: 'adds a reference that occurs twice in a list once',
    source: 'netif.h is silent on repeated references',
    backend: {
      readGrefList(vif, ref, size) {
        const list = correct.readGrefList(vif, ref, size);
        return list?.filter((entry, n) => list.findIndex((other) => other.ref === entry.ref) === n);
      },
      addGrefMapping(vif, data) {
        const [index, ref, size] = data;
        const queue = vif.queues[index];
        const list = queue && vif.steps.readGrefList(vif, ref, size);
        if (!list || list.length === size) return correct.addGrefMapping(vif, data);
        const fresh = list.filter((entry) => !queue.mapped.has(entry.ref));
        return vif.steps.mapEntries(queue.mapped, fresh) ? SUCCESS : INVALID;
      },
      delGrefMapping(vif, data) {
        const [index, ref, size] = data;
        const queue = vif.queues[index];
        const list = queue && correct.readGrefList(vif, ref, size);
        if (!list) return INVALID;
        const marked = list.map((entry) => ({ ...entry, status: queue.mapped.delete(entry.ref) ? 0 : INVALID.status }));
        vif.steps.writeMessage(vif, ref, encodeGrefList(marked));
        return { ...SUCCESS, data: marked.filter(({ status }) => status === 0).length };
      },
    },
  },
  {
    id: 'backend.gref-partial-invalid',
    choice: 'responds INVALID_PARAMETER to a DEL of which it removed only some, with the statuses and the count',
    source:
      'netif.h, DEL_GREF_MAPPING: each entry has a status of its own; the status of a partial success is undefined',
    backend: {
      delGrefMapping(vif, data) {
        const answer = correct.delGrefMapping(vif, data);
        return answer.status === CTRL_STATUS.success && answer.data !== data[2] ? { ...answer, ...INVALID } : answer;
      },
    },
  },
  {
    id: 'backend.no-staging',
    choice: 'has no staging grants',
    source: 'UEK4 netif.h, "Grant Allocation": a backend may not support it',
    backend: without(KEY.featureStagingGrants),
  },
  {
    id: 'backend.staging-unmapped',
    choice: 'offers staging grants and maps no pool',
    source: 'UEK4 netif.h, "Grant Allocation": hinting the backend to map a limited set of pages',
    backend: { openPool: () => undefined },
  },
  {
    id: 'backend.staging-tx-alone',
    choice: 'maps the tx pool only',
    source: 'UEK4 netif.h, "Grant Allocation": hinting the backend to map a limited set of pages',
    backend: {
      openPool(vif, queue, pool, ...rest) {
        if (pool === queue.txPool) correct.openPool(vif, queue, pool, ...rest);
      },
    },
  },
  {
    id: 'backend.staging-last-half',
    choice: 'maps the second half of each pool',
    source: 'UEK4 netif.h, "Grant Allocation": hinting the backend to map a limited set of pages',
    backend: (() => {
      const pools = new WeakSet<object>();
      return {
        openPool(vif, queue, pool, ...rest) {
          pools.add(pool);
          correct.openPool(vif, queue, pool, ...rest);
        },
        mapEntries: (table, entries) =>
          correct.mapEntries(table, pools.has(table) ? entries.slice(entries.length >> 1) : entries),
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.staging-refused',
    choice: 'refuses a frontend whose pool has an invalid size or a table that it cannot read',
    source: 'UEK4 netif.h is silent on invalid pools',
    backend: {
      async connect(vif) {
        await correct.connect(vif);
        for (const [at, { txPool, rxPool }] of vif.queues.entries()) {
          const prefix = vif.queues.length > 1 ? `queue-${at}/` : '';
          for (const [pool, key] of [
            [txPool, KEY.txPoolRef],
            [rxPool, KEY.rxPoolRef],
          ] as const) {
            const ref = await vif.frontendKey(prefix + key);
            if (ref !== undefined && pool.size === 0) throw new XenError('EINVAL', `mapping the pool ${key}`);
          }
        }
      },
    },
    warns: ['STAG-06', 'STAG-15'],
  },
  {
    id: 'backend.gref-known-kept',
    choice: 'accepts a reference that is mapped already, or twice in a list, and changes nothing for it',
    source: 'netif.h is silent on repeated references',
    backend: {
      addGrefMapping(vif, [index, ref, size]) {
        const mapped = vif.queues[index]?.mapped;
        const list = mapped && vif.steps.readGrefList(vif, ref, size);
        if (!list) return INVALID;
        const fresh = new Map(list.filter((entry) => !mapped.has(entry.ref)).map((entry) => [entry.ref, entry]));
        if (mapped.size + fresh.size > MAX_MAPPED) return INVALID;
        return vif.steps.mapEntries(mapped, [...fresh.values()]) ? SUCCESS : INVALID;
      },
    },
  },
];
