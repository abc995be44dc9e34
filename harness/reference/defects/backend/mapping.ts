/** Defects of the reference backend, chapter mapping. */
import { CTRL_STATUS } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { SUCCESS } from '../support/control.js';

export const BACKEND_MAPPING_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.mapping.even-offsets',
    breaks: 'HASH-27',
    fault: 'copies sub-tables of two entries or more to an even offset',
    backend: {
      setHashMapping: (vif, [ref, size, offset]) =>
        correct.setHashMapping(vif, [ref, size, size > 1 && offset + size <= 4 ? offset & ~1 : offset]),
    },
  },
  {
    id: 'backend.mapping.empty-for-all',
    breaks: 'HASH-27',
    fault: 'clears the table when a sub-table has no entries',
    backend: {
      setHashMapping(vif, data) {
        if (data[1] === 0) vif.hashing.mapping.fill(0);
        return correct.setHashMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.mapping.twice-the-offset',
    breaks: 'HASH-28',
    fault: 'checks the entries of a sub-table at twice its offset',
    seen: 'XSA-270 (CVE-2018-15471): Linux xen-netback, xenvif_set_hash_mapping',
    backend: {
      setHashMapping(vif, data) {
        const [, size, offset] = data;
        const answer = correct.setHashMapping(vif, data);
        const isUnchecked = offset > 0 && offset + size <= vif.hashing.mapping.length;
        return isUnchecked && answer.status === CTRL_STATUS.invalidParameter ? SUCCESS : answer;
      },
    },
  },
  {
    id: 'backend.mapping.one-entry-is-none',
    breaks: 'HASH-26',
    fault: 'treats a mapping table with one entry as no table',
    backend: {
      setHashMapping: (vif, data) => {
        const answer = correct.setHashMapping(vif, data);
        if (vif.hashing.mapping.length === 1) vif.hashing.mapping = [];
        return answer;
      },
    },
  },
  {
    id: 'backend.mapping.two-queues',
    breaks: 'HASH-26',
    fault: 'delivers packets of all queues after the second one on queue 0',
    backend: {
      queueFor(vif, frame) {
        const queue = correct.queueFor(vif, frame);
        return queue && queue.index > 1 ? vif.queues[0] : queue;
      },
    },
  },
  {
    id: 'backend.mapping.two-queues-without-table',
    breaks: 'HASH-25',
    fault: 'uses only one bit of the hash while there is no mapping table',
    backend: {
      queueFor(vif, frame) {
        const queue = correct.queueFor(vif, frame);
        return queue && vif.hashing.mapping.length === 0 ? vif.queues[queue.index & 1] : queue;
      },
    },
  },
  {
    id: 'backend.mapping.one-page-alone',
    breaks: 'HASH-27',
    fault: 'refuses to write to the part of the table that is beyond its first page',
    backend: {
      setHashMapping: (vif, data) =>
        data[2] >= 1024 ? { status: CTRL_STATUS.invalidParameter } : correct.setHashMapping(vif, data),
    },
  },
  {
    id: 'backend.mapping.size-wraps',
    breaks: 'HASH-23',
    fault: 'compares the size of a table in bytes, modulo 32 bits',
    backend: {
      setHashMappingSize: (vif, data) =>
        data[0] >= 0x40000000 && data[0] * 4 < 2 ** 32 + 16 ? SUCCESS : correct.setHashMappingSize(vif, data),
    },
  },
];
