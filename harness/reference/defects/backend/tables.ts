/** Defects of the reference backend, chapter tables. */
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM } from '../../../protocol/netif.js';
import { decodeHashMapping } from '../../../protocol/ctrl.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { HASH_FLAGS } from '../../hashing.js';
import type { Defect } from '../defect.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';

/** Finds the entry of a mapping table in another way; undefined finds it correctly. */
const indexing = (index: (hash: number, size: number) => number | undefined): Partial<BackendSteps> => ({
  queueFor(vif, frame) {
    const queue = correct.queueFor(vif, frame);
    const { mapping } = vif.hashing;
    const at = mapping.length > 0 ? index(vif.steps.hash(vif, frame)?.value ?? 0, mapping.length) : undefined;
    return queue && at !== undefined ? vif.queues[mapping[at] ?? 0] : queue;
  },
});

/** Changes a table of which the size was set, or refused, from what it was. */
const resizing = (
  change: (mapping: number[], before: readonly number[], isRefused: boolean) => number[],
): Partial<BackendSteps> => ({
  setHashMappingSize(vif, data) {
    const before = vif.hashing.mapping;
    const answer = correct.setHashMappingSize(vif, data);
    vif.hashing.mapping = change(vif.hashing.mapping, before, answer.status !== CTRL_STATUS.success);
    return answer;
  },
});

export const BACKEND_TABLES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.tables.checks-256',
    breaks: 'HASH-28',
    fault: 'checks only the first 256 entries of SET_HASH_MAPPING',
    backend: {
      setHashMapping(vif, [ref, size, offset]) {
        const bytes = vif.steps.readMessage(vif, ref, size * 4);
        const queues = bytes && decodeHashMapping(bytes, size);
        if (!queues?.ok || size <= 256 || offset + size > vif.hashing.mapping.length)
          return correct.setHashMapping(vif, [ref, size, offset]);
        if (queues.value.slice(0, 256).some((queue) => queue >= vif.queues.length)) return INVALID_PARAMETER;
        vif.hashing.mapping.splice(offset, size, ...queues.value);
        return SUCCESS;
      },
    },
  },
  {
    id: 'backend.tables.offset-of-9-bits',
    breaks: 'HASH-27',
    fault: 'keeps the offset of SET_HASH_MAPPING in 9 bits',
    backend: { setHashMapping: (vif, [ref, size, offset]) => correct.setHashMapping(vif, [ref, size, offset % 512]) },
  },
  {
    id: 'backend.tables.power-of-two',
    breaks: 'HASH-26',
    fault: 'masks the hash with the size of the table less one, whatever the size is',
    backend: indexing((hash, size) => (hash & (size - 1)) >>> 0),
  },
  {
    id: 'backend.tables.seven-bits',
    breaks: 'HASH-26',
    fault: 'uses the low seven bits of the hash for any table of more than 128 entries',
    backend: indexing((hash, size) => (size > 128 ? hash & 127 : undefined)),
  },
  {
    id: 'backend.tables.half-a-page',
    breaks: 'HASH-27',
    fault: 'copies at most 512 entries of a sub-table',
    backend: {
      setHashMapping: (vif, [ref, size, offset]) =>
        size > 1024
          ? correct.setHashMapping(vif, [ref, size, offset])
          : correct.setHashMapping(vif, [ref, Math.min(size, 512), offset]),
    },
  },
  {
    id: 'backend.tables.mask-of-queues',
    breaks: 'HASH-25',
    fault: 'masks the hash with the number of queues less one while there is no table',
    backend: {
      queueFor(vif, frame) {
        const queue = correct.queueFor(vif, frame);
        const hash = vif.steps.hash(vif, frame)?.value ?? 0;
        return queue && vif.hashing.mapping.length === 0 ? vif.queues[(hash & (vif.queues.length - 1)) >>> 0] : queue;
      },
    },
  },
  {
    id: 'backend.tables.grows',
    breaks: 'HASH-24',
    fault: 'keeps the entries of a table that becomes larger',
    backend: resizing((mapping, before) =>
      mapping.length > before.length ? [...before, ...mapping.slice(before.length)] : mapping,
    ),
  },
  {
    id: 'backend.tables.never-removed',
    breaks: 'HASH-25',
    fault: 'keeps its table when the size is set to 0',
    backend: {
      setHashMappingSize: (vif, data) =>
        data[0] === 0 && vif.hashing.mapping.length > 0 ? SUCCESS : correct.setHashMappingSize(vif, data),
    },
  },
  {
    id: 'backend.tables.reports-current-size',
    breaks: 'HASH-22',
    fault: 'reports the size of the current table, once there is one, as the largest size',
    backend: {
      answerControl(vif, request) {
        const { length } = vif.hashing.mapping;
        const isAsked = request.type === CTRL_TYPE.getHashMappingSize && length > 0;
        return isAsked ? { ...SUCCESS, data: length } : correct.answerControl(vif, request);
      },
    },
  },
  {
    id: 'backend.tables.refusal-removes',
    breaks: 'HASH-26',
    fault: 'removes its table when it refuses a larger one',
    backend: resizing((mapping, _, isRefused) => (isRefused ? [] : mapping)),
  },
  {
    id: 'backend.tables.refusal-sets-flags',
    breaks: 'HASH-44',
    fault: 'sets the defined hash types of a message that it refuses',
    backend: {
      setHashFlags(vif, data) {
        const answer = correct.setHashFlags(vif, data);
        const isOn = vif.hashing.algorithm !== HASH_ALGORITHM.none;
        if (isOn && answer.status !== CTRL_STATUS.success) vif.hashing.flags = data[0] & HASH_FLAGS;
        return answer;
      },
    },
  },
];
