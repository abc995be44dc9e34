/** Defects of the reference backend, chapter gref. */
import { encodeGrefList } from '../../../protocol/gref.js';
import { CTRL_STATUS, RSP } from '../../../protocol/netif.js';
import { encodeRxResponse } from '../../../protocol/rx.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { MAX_MAPPED } from '../../mapped-grants.js';
import type { Defect } from '../defect.js';
import { mapsForWriting } from '../../legal/support/backend-mapping.js';
import { claimsToFill, keepsOverClose } from '../support/mapped.js';
import { INVALID_PARAMETER, NOT_SUPPORTED, SUCCESS } from '../support/control.js';

/** Changes the status of each entry after DEL_GREF_MAPPING. */
const marks = (mark: (status: number, n: number) => number): Partial<BackendSteps> => ({
  delGrefMapping(vif, data) {
    const answer = correct.delGrefMapping(vif, data);
    const list = vif.steps.readGrefList(vif, data[1], data[2]) ?? [];
    const marked = list.map((entry, n) => ({ ...entry, status: mark(entry.status, n) }));
    vif.steps.writeMessage(vif, data[1], encodeGrefList(marked));
    return answer;
  },
});

export const BACKEND_GREF_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.gref.half-supported',
    breaks: 'GREF-01',
    fault: 'responds with INVALID_PARAMETER to two of the three messages that it does not support',
    backend: {
      getGrefMappingSize: () => NOT_SUPPORTED,
      addGrefMapping: () => INVALID_PARAMETER,
      delGrefMapping: () => INVALID_PARAMETER,
    },
  },
  {
    id: 'backend.gref.first-queue-only',
    breaks: 'GREF-02',
    fault: 'has a mapping table for queue 0 only',
    backend: {
      getGrefMappingSize: (_, [queue]) => (queue === 0 ? { ...SUCCESS, data: MAX_MAPPED } : INVALID_PARAMETER),
    },
  },
  {
    id: 'backend.gref.any-queue',
    breaks: 'GREF-03',
    fault: 'reports a table size for queues that do not exist',
    backend: { getGrefMappingSize: () => ({ ...SUCCESS, data: MAX_MAPPED }) },
  },
  {
    id: 'backend.gref.no-size',
    breaks: 'GREF-04',
    fault: 'reports no table size until an entry is mapped',
    backend: {
      getGrefMappingSize: (vif, data) =>
        vif.queues[data[0]]?.mapped.size ? correct.getGrefMappingSize(vif, data) : INVALID_PARAMETER,
    },
  },
  {
    id: 'backend.gref.size-grows',
    breaks: 'GREF-05',
    fault: 'adds the number of used entries to the reported table size',
    backend: {
      getGrefMappingSize: (vif, data) => {
        const mapped = vif.queues[data[0]]?.mapped.size ?? 0;
        return { ...correct.getGrefMappingSize(vif, data), data: MAX_MAPPED + mapped };
      },
    },
  },
  {
    id: 'backend.gref.one-less',
    breaks: 'GREF-07',
    fault: 'ignores the last entry of a list',
    backend: {
      addGrefMapping: (vif, [queue, ref, size]) => correct.addGrefMapping(vif, [queue, ref, Math.max(0, size - 1)]),
    },
  },
  {
    id: 'backend.gref.keeps-half',
    breaks: 'GREF-09',
    fault: 'keeps the entries before one that cannot be mapped',
    backend: {
      addGrefMapping(vif, [index, ref, size]) {
        const answer = correct.addGrefMapping(vif, [index, ref, size]);
        const queue = vif.queues[index];
        const list = vif.steps.readGrefList(vif, ref, size);
        if (answer.status !== CTRL_STATUS.success && queue && list && size > 1) {
          for (const entry of list) if (!vif.steps.mapEntries(queue.mapped, [entry])) break;
        }
        return answer;
      },
    },
  },
  {
    id: 'backend.gref.wants-clean-status',
    breaks: 'GREF-10',
    fault: 'refuses an entry whose status is not 0',
    backend: {
      addGrefMapping(vif, data) {
        const list = vif.steps.readGrefList(vif, data[1], data[2]);
        return list?.some(({ status }) => status !== 0) ? INVALID_PARAMETER : correct.addGrefMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.gref.writes-status',
    breaks: 'GREF-11',
    fault: 'writes the status of entries that are added',
    backend: {
      addGrefMapping(vif, data) {
        const answer = correct.addGrefMapping(vif, data);
        const list = vif.steps.readGrefList(vif, data[1], data[2]) ?? [];
        vif.steps.writeMessage(vif, data[1], encodeGrefList(list.map((entry) => ({ ...entry, status: 0 }))));
        return answer;
      },
    },
  },
  {
    id: 'backend.gref.bad-ref-okay',
    breaks: 'GREF-12',
    fault: 'skips entries that it cannot map',
    backend: { mapEntries: (table, entries) => entries.map((each) => correct.mapEntries(table, [each])).length > 0 },
  },
  {
    id: 'backend.gref.maps-nothing',
    breaks: 'GREF-13',
    fault: 'responds SUCCESS to a list and maps nothing',
    backend: { mapEntries: () => true },
  },
  {
    id: 'backend.gref.writable',
    breaks: 'GREF-14',
    fault: 'maps a readonly entry for writing',
    backend: { mapEntries: mapsForWriting },
  },
  {
    id: 'backend.gref.undefined-flags',
    breaks: 'GREF-15',
    fault: 'responds with BUFFER_OVERFLOW to undefined flags',
    backend: {
      addGrefMapping(vif, data) {
        const list = vif.steps.readGrefList(vif, data[1], data[2]);
        const odd = list?.some(({ flags }) => flags > 1);
        return odd ? { status: CTRL_STATUS.bufferOverflow } : correct.addGrefMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.gref.reports-less-room',
    breaks: 'GREF-16',
    fault: 'reports a smaller table size than it supports',
    backend: { getGrefMappingSize: () => ({ ...SUCCESS, data: 16 }) },
  },
  {
    id: 'backend.gref.long-list',
    breaks: 'GREF-17',
    fault: 'responds SUCCESS to a list that is longer than a page',
    backend: {
      addGrefMapping: (vif, data) => (data[2] > 512 ? SUCCESS : correct.addGrefMapping(vif, data)),
    },
  },
  {
    id: 'backend.gref.empty-unsupported',
    breaks: 'GREF-18',
    fault: 'responds with NOT_SUPPORTED to an empty list',
    backend: {
      delGrefMapping: (vif, data) => (data[2] === 0 ? NOT_SUPPORTED : correct.delGrefMapping(vif, data)),
    },
  },
  {
    id: 'backend.gref.queue-0-for-none',
    breaks: 'GREF-19',
    fault: 'uses queue 0 for a queue that does not exist',
    backend: {
      addGrefMapping: (vif, [index, ref, size]) =>
        correct.addGrefMapping(vif, [index < vif.queues.length ? index : 0, ref, size]),
    },
  },
  {
    id: 'backend.gref.no-count',
    breaks: 'GREF-20',
    fault: 'does not report how many entries it removed',
    backend: { delGrefMapping: (vif, data) => ({ ...correct.delGrefMapping(vif, data), data: 0 }) },
  },
  {
    id: 'backend.gref.always-removed',
    breaks: 'GREF-21',
    fault: 'marks entries as removed that were never mapped',
    backend: marks(() => CTRL_STATUS.success),
  },
  {
    id: 'backend.gref.all-or-none-removed',
    breaks: 'GREF-22',
    fault: 'removes nothing when one entry of a list is not mapped',
    backend: {
      delGrefMapping(vif, data) {
        const list = vif.steps.readGrefList(vif, data[1], data[2]);
        const strange = list?.some(({ ref }) => !vif.queues[data[0]]?.mapped.has(ref));
        return strange ? INVALID_PARAMETER : correct.delGrefMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.gref.marks-failures-only',
    breaks: 'GREF-23',
    fault: 'leaves the status of removed entries unchanged',
    backend: {
      delGrefMapping(vif, data) {
        const before = vif.steps.readGrefList(vif, data[1], data[2]) ?? [];
        const steps = marks((status, n) => (status === 0 ? (before[n]?.status ?? 0) : status));
        return steps.delGrefMapping?.(vif, data) ?? INVALID_PARAMETER;
      },
    },
  },
  {
    id: 'backend.gref.keeps-mapped',
    breaks: 'GREF-24',
    fault: 'keeps the pages of removed entries mapped',
    backend: {
      delGrefMapping(vif, data) {
        const list = vif.steps.readGrefList(vif, data[1], data[2]) ?? [];
        const domain = vif.control?.frontend ?? 0;
        for (const { ref } of list)
          if (vif.queues[data[0]]?.mapped.has(ref)) vif.domain.grants.map(domain, [ref], 'read-only');
        return correct.delGrefMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.gref.refuses-removed',
    breaks: 'GREF-25',
    fault: 'responds with ERROR to rx buffers that were removed from the table',
    backend: (() => {
      const removed = new Set<number>();
      return {
        delGrefMapping(vif, data) {
          for (const { ref } of vif.steps.readGrefList(vif, data[1], data[2]) ?? []) removed.add(ref);
          return correct.delGrefMapping(vif, data);
        },
        fill(vif, queue, request, piece, flags) {
          if (!removed.has(request.gref)) return correct.fill(vif, queue, request, piece, flags);
          queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags: 0, status: RSP.error }));
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.gref.one-table',
    breaks: 'GREF-26',
    fault: 'removes entries from the table of queue 0 whatever the queue',
    backend: {
      delGrefMapping: (vif, [index, ref, size]) => correct.delGrefMapping(vif, [index && 0, ref, size]),
    },
  },
  {
    id: 'backend.gref.only-mapped',
    breaks: 'GREF-27',
    fault: 'refuses packets in unmapped pages once some pages are mapped',
    backend: {
      fetch: (vif, queue, chain) =>
        queue.mapped.size > 1 && chain.requests.some(({ gref }) => !queue.mapped.has(gref))
          ? undefined
          : correct.fetch(vif, queue, chain),
    },
  },
  {
    id: 'backend.gref.expires',
    breaks: 'GREF-28',
    fault: 'reads a mapped page as zeros after ten uses',
    backend: (() => {
      const used = new Map<number, number>();
      return {
        fetch(vif, queue, chain) {
          const [first] = chain.requests;
          const times = (used.get(first?.gref ?? 0) ?? 0) + 1;
          if (first && queue.mapped.has(first.gref)) used.set(first.gref, times);
          return times > 10 ? new Uint8Array(64) : correct.fetch(vif, queue, chain);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.gref.kept-over-close',
    breaks: 'GREF-29',
    fault: 'keeps the mapping table after the end of the connection',
    backend: keepsOverClose('mapped'),
  },
  {
    id: 'backend.gref.counts-twice',
    breaks: 'GREF-30',
    fault: 'accepts a reference that is listed twice and counts it twice',
    backend: {
      addGrefMapping(vif, [index, ref, size]) {
        const answer = correct.addGrefMapping(vif, [index, ref, size]);
        return answer.status === CTRL_STATUS.success ? answer : correct.addGrefMapping(vif, [index, ref, 1]);
      },
      delGrefMapping: (vif, data) => ({ ...correct.delGrefMapping(vif, data), data: data[2] }),
    },
  },
  {
    id: 'backend.gref.writes-readonly',
    breaks: 'GREF-31',
    fault: 'responds as if it had filled a readonly buffer',
    backend: claimsToFill('mapped'),
  },
  {
    id: 'backend.gref.far-ref',
    breaks: 'GREF-35',
    fault: 'accepts references beyond the grant table',
    backend: {
      mapEntries: (table, entries) =>
        correct.mapEntries(
          table,
          entries.filter(({ ref }) => ref < 0x1000000),
        ),
    },
  },
  {
    id: 'backend.gref.bad-list-okay',
    breaks: 'GREF-36',
    fault: 'treats a list that it cannot read as an empty list',
    backend: {
      readGrefList: (vif, ref, size) => (size > 512 ? undefined : (correct.readGrefList(vif, ref, size) ?? [])),
    },
  },
  {
    id: 'backend.gref.any-access',
    breaks: 'GREF-37',
    fault: 'maps an entry for reading when it cannot map the entry for writing',
    backend: {
      mapEntries: (table, entries) =>
        correct.mapEntries(table, entries) ||
        (entries.every(({ flags }) => flags === 0) &&
          correct.mapEntries(
            table,
            entries.map((entry) => ({ ...entry, flags: 1 })),
          )),
    },
  },
  {
    id: 'backend.gref.kept-by-later-queues',
    breaks: 'GREF-29',
    fault: 'keeps the grants of queue 1 and of later queues mapped after the end of the connection',
    backend: {
      disconnect(vif) {
        for (const { mapped } of vif.queues.slice(1)) mapped.clear = () => {};
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'backend.gref.no-headroom',
    breaks: 'XDP-03',
    fault: 'writes to the start of a mapped buffer although its response names the headroom',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const page = queue.mapped.page(request.gref);
        if (!page?.writable) return correct.fill(vif, queue, request, piece, flags);
        page.copyIn(0, piece);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: vif.headroom, flags, status: piece.length }));
      },
    },
  },
  {
    id: 'backend.gref.one-queue-more',
    breaks: 'GREF-03',
    fault: 'reports a table size for the queue after the last one',
    backend: {
      getGrefMappingSize: (vif, [queue, ...rest]) =>
        correct.getGrefMappingSize(vif, [queue === vif.queues.length ? 0 : queue, ...rest]),
    },
  },
];
