/** Defects of the reference backend, chapter lists. */
import { encodeGrefList } from '../../../protocol/gref.js';
import { CTRL_STATUS, GREF_FLAG, GREF_LIST_MAX } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { MappedGrants } from '../../mapped-grants.js';
import type { Defect } from '../defect.js';
import { mapsAsGranted } from '../../legal/support/backend-mapping.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';

const { success, invalidParameter } = CTRL_STATUS;
/** Entries that are unmapped at once. */
const BATCH = 64;

export const BACKEND_LISTS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.lists.full-page-is-0',
    breaks: 'GREF-13',
    fault: 'keeps the length of a list in 9 bits, so it maps nothing of a full page',
    backend: {
      addGrefMapping: (vif, [index, ref, size]) =>
        correct.addGrefMapping(vif, [index, ref, size === GREF_LIST_MAX ? 0 : size]),
    },
  },
  {
    id: 'backend.lists.full-page-refused',
    breaks: 'GREF-04',
    fault: 'refuses a list that fills its page',
    backend: {
      addGrefMapping: (vif, data) =>
        data[2] === GREF_LIST_MAX ? INVALID_PARAMETER : correct.addGrefMapping(vif, data),
    },
  },
  {
    id: 'backend.lists.first-batch-alone',
    breaks: 'GREF-24',
    fault: `reports all entries of a list as removed and unmaps the first ${BATCH}`,
    backend: {
      delGrefMapping(vif, [index, ref, size]) {
        const mapped = vif.queues[index]?.mapped;
        const list = mapped && vif.steps.readGrefList(vif, ref, size);
        if (!list) return INVALID_PARAMETER;
        const removes = (each: number, n: number): boolean => (n < BATCH ? mapped.delete(each) : mapped.has(each));
        const marked = list.map((entry, n) => ({
          ...entry,
          status: removes(entry.ref, n) ? success : invalidParameter,
        }));
        vif.steps.writeMessage(vif, ref, encodeGrefList(marked));
        return { ...SUCCESS, data: marked.filter(({ status }) => status === success).length };
      },
    },
  },
  {
    id: 'backend.lists.cleans-too-much',
    breaks: 'GREF-09',
    fault: 'removes all entries of a list that it refuses, also those of an earlier list',
    backend: {
      addGrefMapping(vif, data) {
        const answer = correct.addGrefMapping(vif, data);
        if (answer.status === success) return answer;
        const list = vif.steps.readGrefList(vif, data[1], data[2]) ?? [];
        for (const { ref } of list) vif.queues[data[0]]?.mapped.delete(ref);
        return answer;
      },
    },
  },
  {
    id: 'backend.lists.counts-twice',
    breaks: 'GREF-30',
    fault: 'counts a reference twice that is twice in a list to remove',
    backend: {
      delGrefMapping(vif, [index, ref, size]) {
        const mapped = vif.queues[index]?.mapped;
        const list = mapped && vif.steps.readGrefList(vif, ref, size);
        if (!list) return INVALID_PARAMETER;
        const known = new Set(list.filter((entry) => mapped.has(entry.ref)).map((entry) => entry.ref));
        const marked = list.map((entry) => ({
          ...entry,
          status: known.has(entry.ref) ? success : invalidParameter,
        }));
        for (const each of known) mapped.delete(each);
        vif.steps.writeMessage(vif, ref, encodeGrefList(marked));
        return { ...SUCCESS, data: marked.filter(({ status }) => status === success).length };
      },
    },
  },
  {
    id: 'backend.lists.writable-if-granted',
    breaks: 'GREF-39',
    fault: 'maps an entry with the readonly flag for writing if its grant permits it',
    backend: { mapEntries: mapsAsGranted },
  },
  {
    id: 'backend.lists.checks-256',
    breaks: 'GREF-35',
    fault: 'tries only the first 256 entries of a list, and reports success for the others',
    backend: { mapEntries: (table, list) => correct.mapEntries(table, list.slice(0, 256)) },
  },
  {
    id: 'backend.lists.stops-at-unknown',
    breaks: 'GREF-22',
    fault: 'stops at the first entry of a list to remove that was not added',
    backend: {
      delGrefMapping(vif, [index, ref, size]) {
        const mapped = vif.queues[index]?.mapped;
        const list = mapped && vif.steps.readGrefList(vif, ref, size);
        if (!list) return INVALID_PARAMETER;
        const unknown = list.findIndex((entry) => !mapped.has(entry.ref));
        const end = unknown < 0 ? list.length : unknown;
        const marked = list.map((entry, n) => ({ ...entry, status: n < end ? success : invalidParameter }));
        for (const each of list.slice(0, end)) mapped.delete(each.ref);
        vif.steps.writeMessage(vif, ref, encodeGrefList(marked));
        return { ...SUCCESS, data: end };
      },
    },
  },
  {
    id: 'backend.lists.remembers-readonly',
    breaks: 'GREF-13',
    fault: 'maps a reference for reading only if any earlier entry for it had the readonly flag',
    backend: (() => {
      const readonly = new WeakMap<MappedGrants, Set<number>>();
      return {
        mapEntries(table, list) {
          const known = readonly.get(table) ?? new Set();
          readonly.set(table, known);
          for (const { ref, flags } of list) if ((flags & GREF_FLAG.readonly) !== 0) known.add(ref);
          const flagged = list.map(({ ref, flags }) => ({ ref, flags: known.has(ref) ? GREF_FLAG.readonly : flags }));
          return correct.mapEntries(table, flagged);
        },
      } satisfies Defect['backend'];
    })(),
  },
];
