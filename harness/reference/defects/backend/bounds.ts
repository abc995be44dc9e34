/** Defects of the reference backend, chapter bounds. */
import { CTRL_STATUS } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';

/** The low bits of a word that a driver keeps in a variable of 8 or 16 bits. */
const low = (bits: 8 | 16, word: number): number => word % 2 ** bits;

export const BACKEND_BOUNDS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.bounds.algorithm-of-8-bits',
    breaks: 'HASH-01',
    fault: 'keeps a hash algorithm in 8 bits',
    backend: {
      setHashAlgorithm: (vif, [algorithm, ...rest]) => correct.setHashAlgorithm(vif, [low(8, algorithm), ...rest]),
    },
  },
  {
    id: 'backend.bounds.flags-of-16-bits',
    breaks: 'HASH-06',
    fault: 'keeps hash types in 16 bits',
    backend: { setHashFlags: (vif, [flags, ...rest]) => correct.setHashFlags(vif, [low(16, flags), ...rest]) },
  },
  {
    id: 'backend.bounds.key-size-of-16-bits',
    breaks: 'HASH-20',
    fault: 'keeps the size of a key in 16 bits',
    backend: { setHashKey: (vif, [ref, size, rest]) => correct.setHashKey(vif, [ref, low(16, size), rest]) },
  },
  {
    id: 'backend.bounds.table-size-of-16-bits',
    breaks: 'HASH-23',
    fault: 'keeps the size of a mapping table in 16 bits',
    backend: {
      setHashMappingSize: (vif, [size, ...rest]) => correct.setHashMappingSize(vif, [low(16, size), ...rest]),
    },
  },
  {
    id: 'backend.bounds.offset-of-8-bits',
    breaks: 'HASH-29',
    fault: 'keeps the offset of a sub-table in 8 bits',
    backend: {
      setHashMapping: (vif, [ref, size, offset]) =>
        correct.setHashMapping(vif, [ref, size, vif.hashing.mapping.length <= 256 ? low(8, offset) : offset]),
    },
  },
  {
    id: 'backend.bounds.queue-of-8-bits',
    breaks: 'HASH-28',
    fault: 'reads only the first octet of the queue in a sub-table with one entry',
    backend: {
      readMessage(vif, ref, length) {
        const bytes = correct.readMessage(vif, ref, length);
        return length === 4 ? bytes?.fill(0, 1) : bytes;
      },
    },
  },
  {
    id: 'backend.bounds.type-of-8-bits',
    breaks: 'CTRL-10',
    fault: 'keeps the type of a control message in 8 bits',
    backend: {
      answerControl: (vif, request) => correct.answerControl(vif, { ...request, type: low(8, request.type) }),
    },
  },
  {
    id: 'backend.bounds.gref-queue-of-8-bits',
    breaks: 'GREF-03',
    fault: 'keeps the queue of a GET_GREF_MAPPING_SIZE in 8 bits',
    backend: {
      getGrefMappingSize: (vif, [queue, ...rest]) =>
        correct.getGrefMappingSize(vif, [queue > 0x1000 ? queue : low(8, queue), ...rest]),
    },
  },
  {
    id: 'backend.bounds.list-size-of-16-bits',
    breaks: 'GREF-17',
    fault: 'keeps the size of an ADD_GREF_MAPPING list in 16 bits',
    backend: {
      addGrefMapping: (vif, [queue, ref, size]) => correct.addGrefMapping(vif, [queue, ref, low(16, size)]),
    },
  },
  {
    id: 'backend.bounds.types-that-are-set',
    breaks: 'HASH-05',
    fault: 'reports the hash types that are set, once some are',
    backend: {
      getHashFlags(vif) {
        const answer = correct.getHashFlags(vif);
        const { flags } = vif.hashing;
        return answer.status === CTRL_STATUS.success && flags !== 0 ? { ...answer, data: flags } : answer;
      },
    },
  },
  {
    id: 'backend.bounds.size-without-hashing',
    breaks: 'GREF-05',
    fault: 'reports that a vif whose hash types are set maps no grants',
    backend: {
      getGrefMappingSize(vif, data) {
        const answer = correct.getGrefMappingSize(vif, data);
        return answer.status === CTRL_STATUS.success && vif.hashing.flags !== 0 ? { ...answer, data: 0 } : answer;
      },
    },
  },
];
