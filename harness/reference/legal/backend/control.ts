/** Choices that netif.h leaves for the control ring and for hashing. */
import type { CtrlRequest } from '../../../protocol/ctrl.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM, HASH_FLAG, KEY } from '../../../protocol/netif.js';
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Answer } from '../../control-steps.js';
import type { VifPacket } from '../../packet.js';
import type { LegalDriver } from '../legal.js';
import { offering, queues, without } from '../support/backend-features.js';
import {
  answersLastFirst,
  answersLate,
  hashExtrasWithQueues,
  hashKept,
  hashUnsupported,
  mappingTable,
  mappingUnlimited,
  withoutHashExtras,
} from '../support/backend-control.js';

const SUCCESS: Answer = { status: CTRL_STATUS.success };
const INVALID: Answer = { status: CTRL_STATUS.invalidParameter };

const HASH_EXTRA =
  'netif.h, XEN_NETIF_EXTRA_TYPE_HASH: a frontend that enables hashing is assumed to accept it; no backend is obliged to send it';

/** The number of data words of messages that use fewer than three. */
const USED: Readonly<Record<number, number>> = {
  [CTRL_TYPE.setHashAlgorithm]: 1,
  [CTRL_TYPE.getHashFlags]: 0,
  [CTRL_TYPE.setHashFlags]: 1,
  [CTRL_TYPE.setHashKey]: 2,
  [CTRL_TYPE.getHashMappingSize]: 0,
  [CTRL_TYPE.setHashMappingSize]: 1,
  [CTRL_TYPE.getGrefMappingSize]: 1,
};
/** Messages for which the header does not name INVALID_PARAMETER. */
/** Returns a predicate that is true for every third packet, however often it is asked. */
function everyThird(): (vif: BackendVif, packet: VifPacket) => boolean {
  const seen = new WeakMap<VifPacket, boolean>();
  let count = 0;
  return (_, packet) => {
    const isThird = seen.get(packet) ?? ++count % 3 === 0;
    seen.set(packet, isThird);
    return isThird;
  };
}

const GETS: readonly number[] = [CTRL_TYPE.getHashFlags, CTRL_TYPE.getHashMappingSize];

/** Responds to a control request with `answer`, or like the reference driver if that is undefined. */
function answering(answer: (vif: BackendVif, request: CtrlRequest) => Answer | undefined): Partial<BackendSteps> {
  return { answerControl: (vif, request) => answer(vif, request) ?? correct.answerControl(vif, request) };
}

export const CONTROL: readonly LegalDriver[] = [
  {
    id: 'backend.no-control-ring',
    choice: 'has no control ring',
    source: 'netif.h, "Control ring": the ability of the backend is advertised',
    backend: without(KEY.featureCtrlRing),
  },
  {
    id: 'backend.control-disabled',
    choice: 'writes feature-ctrl-ring as 0',
    source: 'netif.h, "Control ring": the ability to use it is advertised by "1"',
    backend: offering({ [KEY.featureCtrlRing]: '0' }),
  },
  {
    id: 'backend.no-hashing',
    choice: 'has a control ring for mapped grants and responds NOT_SUPPORTED to every hash message',
    source: 'netif.h, "Control messages": NOT_SUPPORTED is a status of each',
    backend: hashUnsupported,
  },
  {
    id: 'backend.no-toeplitz',
    choice: 'supports no hash algorithm but NONE',
    source: 'netif.h, SET_HASH_ALGORITHM: INVALID_PARAMETER if the algorithm is not supported',
    backend: answering((_, { type, data }) =>
      type === CTRL_TYPE.setHashAlgorithm && data[0] !== HASH_ALGORITHM.none ? INVALID : undefined,
    ),
  },
  {
    id: 'backend.no-mapping-table',
    choice: 'supports no mapping table: its size is 0 and no table can be set',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: zero if a mapping table is not supported',
    backend: mappingTable(0, CTRL_STATUS.notSupported),
  },
  {
    id: 'backend.no-mapping-table-invalid',
    choice: 'supports no mapping table and responds INVALID_PARAMETER to any size but 0',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: zero if a mapping table is not supported',
    backend: mappingTable(0, CTRL_STATUS.invalidParameter),
  },
  {
    id: 'backend.mapping-table-2',
    choice: 'supports a mapping table of at most 2 entries',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: maximum number of entries allowed',
    backend: mappingTable(2, CTRL_STATUS.invalidParameter),
  },
  {
    id: 'backend.mapping-table-1',
    choice: 'supports a mapping table of a single entry',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: maximum number of entries allowed',
    backend: mappingTable(1, CTRL_STATUS.invalidParameter),
  },
  {
    id: 'backend.mapping-table-unlimited',
    choice: 'supports mapping tables of any size',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: maximum number of entries allowed',
    backend: mappingUnlimited,
  },
  {
    id: 'backend.mapping-table-4096',
    choice: 'supports a mapping table of 4096 entries, which needs four pages',
    source:
      'netif.h, SET_HASH_MAPPING: may support a mapping table larger than can be mapped by a single grant reference',
    backend: mappingTable(4096, CTRL_STATUS.invalidParameter),
  },
  {
    id: 'backend.hash-without-extra',
    choice: 'selects queues by hash and sends no HASH extra',
    source: HASH_EXTRA,
    backend: withoutHashExtras(() => true),
    warns: ['HASH-39'],
  },
  {
    id: 'backend.hash-extra-with-queues',
    choice: 'sends HASH extras only if there are several queues to choose from',
    source: 'Linux net/core/dev.c, netdev_core_pick_tx asks ndo_select_queue for several queues only, v6.1',
    backend: hashExtrasWithQueues,
    warns: ['HASH-39'],
  },
  {
    id: 'backend.hash-one-queue',
    choice: 'offers one queue and hashing, and sends no HASH extra',
    source: 'Linux drivers/net/xen-netback/netback.c, netback_init on one processor, v6.1',
    backend: { ...queues(1), ...withoutHashExtras(() => true) },
    warns: ['HASH-39'],
  },
  {
    id: 'backend.hash-without-steering',
    choice: 'sends HASH extras and does not select queues by hash',
    source: 'netif.h, SET_HASH_MAPPING: the backend should … steer the packet to the queue number found',
    backend: { queueFor: () => undefined },
    warns: ['HASH-25', 'HASH-26'],
  },
  {
    id: 'backend.hash-v4-alone',
    choice: 'calculates hashes of IPv4 only',
    source: 'netif.h, GET_HASH_FLAGS: supported hash types',
    backend: {
      getHashFlags: (vif) => {
        const answer = correct.getHashFlags(vif);
        return answer.status === CTRL_STATUS.success ? { ...answer, data: HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp } : answer;
      },
      setHashFlags: (vif, data) =>
        (data[0] & ~(HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp)) === 0 ? correct.setHashFlags(vif, data) : INVALID,
    },
  },
  {
    id: 'backend.hash-addresses-alone',
    choice: 'calculates hashes of addresses only',
    source: 'netif.h, GET_HASH_FLAGS: supported hash types',
    backend: {
      getHashFlags: (vif) => {
        const answer = correct.getHashFlags(vif);
        return answer.status === CTRL_STATUS.success ? { ...answer, data: HASH_FLAG.ipv4 | HASH_FLAG.ipv6 } : answer;
      },
      setHashFlags: (vif, data) =>
        (data[0] & ~(HASH_FLAG.ipv4 | HASH_FLAG.ipv6)) === 0 ? correct.setHashFlags(vif, data) : INVALID,
    },
  },
  {
    id: 'backend.hash-kept',
    choice: 'keeps the hash settings across a reconnect with a control ring',
    source:
      'Linux drivers/net/xen-netback/interface.c, xenvif_disconnect_ctrl only flushes the cache, v6.1; netif.h is silent',
    backend: hashKept,
    warns: ['HASH-38'],
  },
  {
    id: 'backend.key-size-invalid',
    choice: 'responds INVALID_PARAMETER to a key of more than 40 octets',
    source:
      'Linux drivers/net/xen-netback/hash.c, xenvif_set_hash_key, v6.1; netif.h, SET_HASH_KEY: Key size is invalid',
    backend: answering((_, { type, data }) => (type === CTRL_TYPE.setHashKey && data[1] > 40 ? INVALID : undefined)),
  },
  {
    id: 'backend.key-40-alone',
    choice: 'responds INVALID_PARAMETER to a key of any size but 40, except to an empty one',
    source: 'netif.h, SET_HASH_KEY: INVALID_PARAMETER, Key size is invalid',
    backend: answering((_, { type, data }) =>
      type === CTRL_TYPE.setHashKey && data[1] !== 0 && data[1] !== 40 ? INVALID : undefined,
    ),
  },
  {
    id: 'backend.hash-types-not-queried',
    choice: 'responds NOT_SUPPORTED to GET_HASH_FLAGS',
    source: 'netif.h, GET_HASH_FLAGS: NOT_SUPPORTED, Operation not supported',
    backend: { getHashFlags: () => ({ status: CTRL_STATUS.notSupported }) },
  },
  {
    id: 'backend.table-size-not-queried',
    choice: 'responds NOT_SUPPORTED to GET_HASH_MAPPING_SIZE',
    source: 'netif.h, GET_HASH_MAPPING_SIZE: NOT_SUPPORTED, Operation not supported',
    backend: { getHashMappingSize: () => ({ status: CTRL_STATUS.notSupported }) },
  },
  {
    id: 'backend.gref-size-not-queried',
    choice: 'responds NOT_SUPPORTED to GET_GREF_MAPPING_SIZE',
    source: 'netif.h, GET_GREF_MAPPING_SIZE: NOT_SUPPORTED, Operation not supported',
    backend: { getGrefMappingSize: () => ({ status: CTRL_STATUS.notSupported }) },
  },
  {
    id: 'backend.hash-of-small-packets',
    choice: 'reports the hashes of packets that are not large',
    source: 'netif.h, XEN_NETIF_EXTRA_TYPE_HASH: the extra may be used to pass hash information',
    warns: ['HASH-44'],
    backend: withoutHashExtras((_, { gso }) => gso !== undefined),
  },
  {
    id: 'backend.hash-sometimes',
    choice: 'reports the hashes of two packets of three',
    source: 'netif.h, XEN_NETIF_EXTRA_TYPE_HASH: the extra may be used to pass hash information',
    warns: ['HASH-09', 'HASH-11', 'HASH-44'],
    backend: withoutHashExtras(everyThird()),
  },
  {
    id: 'backend.hash-without-key',
    choice: 'responds NOT_SUPPORTED to SET_HASH_KEY',
    source: 'netif.h, SET_HASH_KEY: NOT_SUPPORTED, Operation not supported',
    backend: { setHashKey: () => ({ status: CTRL_STATUS.notSupported }) },
  },
  {
    id: 'backend.key-size-page',
    choice: 'accepts keys of up to a page',
    source: 'netif.h, SET_HASH_KEY: the maximum size is backend specific',
    backend: {
      setHashKey(vif, [ref, size]) {
        if (size > 4096) return { status: CTRL_STATUS.bufferOverflow };
        const key = size === 0 ? new Uint8Array() : vif.steps.readMessage(vif, ref, size);
        if (!key) return INVALID;
        vif.hashing.key = key;
        return SUCCESS;
      },
    },
  },
  {
    id: 'backend.table-overflow',
    choice: 'responds BUFFER_OVERFLOW to a table or sub-table that is too large',
    source: 'netif.h, SET_HASH_MAPPING: BUFFER_OVERFLOW, Table size is larger than the backend supports',
    backend: {
      setHashMapping(vif, data) {
        const [, size, offset] = data;
        if (offset + size > vif.hashing.mapping.length) return { status: CTRL_STATUS.bufferOverflow };
        return correct.setHashMapping(vif, data);
      },
    },
  },
  {
    id: 'backend.type-0-invalid',
    choice: 'responds INVALID_PARAMETER to a request of an unknown type',
    source: 'netif.h names no status for an unknown type',
    backend: answering((_, { type }) =>
      type === CTRL_TYPE.invalid || type > CTRL_TYPE.delGrefMapping ? INVALID : undefined,
    ),
  },
  {
    id: 'backend.newer-types',
    choice: 'supports a control message of a later header',
    source: 'netif.h has gained new types more than once',
    backend: answering((_, { type }) => (type === CTRL_TYPE.delGrefMapping + 1 ? { ...SUCCESS, data: 7 } : undefined)),
  },
  {
    id: 'backend.reserved-words-invalid',
    choice: 'responds INVALID_PARAMETER if a word that must be 0 is not 0',
    source: 'netif.h, "Control messages": data[1] = 0, data[2] = 0',
    backend: answering((_, { type, data }) =>
      type === CTRL_TYPE.setHashAlgorithm && (data[1] !== 0 || data[2] !== 0) ? INVALID : undefined,
    ),
  },
  {
    id: 'backend.control-last-first',
    choice: 'responds to the control requests of a batch in reverse order',
    source: 'netif.h, "Control ring": no requirement that responses are issued in the same order as requests',
    backend: answersLastFirst,
  },
  {
    id: 'backend.control-late',
    choice: 'responds to each control request 25 ms after it has read it',
    source: 'netif.h sets no time for a control response',
    backend: answersLate(25),
  },
  {
    id: 'backend.key-size-16',
    choice: 'supports keys of up to 16 octets',
    source: 'netif.h, SET_HASH_KEY: the maximum size is backend specific',
    backend: answering((_, { type, data }) =>
      type === CTRL_TYPE.setHashKey && data[1] > 16 ? { status: CTRL_STATUS.bufferOverflow } : undefined,
    ),
  },
  {
    id: 'backend.key-size-64',
    choice: 'supports keys of up to 64 octets',
    source: 'netif.h, SET_HASH_KEY: the maximum size is backend specific',
    backend: {
      setHashKey(vif, [ref, size]) {
        if (size > 64) return { status: CTRL_STATUS.bufferOverflow };
        const key = size === 0 ? new Uint8Array() : vif.steps.readMessage(vif, ref, size);
        if (!key) return INVALID;
        vif.hashing.key = key;
        return SUCCESS;
      },
    },
  },
  {
    id: 'backend.control-unsupported',
    choice: 'has a control ring and responds NOT_SUPPORTED to every message',
    source: 'netif.h, "Control messages": NOT_SUPPORTED is a status of each',
    backend: { ...hashUnsupported, answerControl: () => ({ status: CTRL_STATUS.notSupported }) },
  },
  {
    id: 'backend.mapping-table-7',
    choice: 'supports a mapping table of at most 7 entries, and responds BUFFER_OVERFLOW to a larger sub-table',
    source: 'netif.h, SET_HASH_MAPPING: BUFFER_OVERFLOW, Table size is larger than the backend supports',
    backend: {
      ...mappingTable(7, CTRL_STATUS.invalidParameter),
      setHashMapping: (vif, data) =>
        data[1] > 7 || data[1] + data[2] > 7
          ? { status: CTRL_STATUS.bufferOverflow }
          : correct.setHashMapping(vif, data),
    },
  },
  {
    id: 'backend.no-types-last-queue',
    choice: 'delivers on its last queue while no hash type is set',
    source: 'netif.h, SET_HASH_FLAGS: with no type set, the backend is free to choose how it steers packets to queues',
    backend: {
      queueFor: (vif, frame) => (vif.hashing.flags === 0 ? vif.queues.at(-1) : correct.queueFor(vif, frame)),
    },
  },
  {
    id: 'backend.reserved-words-all-invalid',
    choice: 'refuses a message of any type if a word that must be 0 is not 0',
    source: 'netif.h, "Control messages": data[1] = 0, data[2] = 0',
    backend: answering((_, { type, data }) => {
      if (data.slice(USED[type] ?? 3).every((word) => word === 0)) return undefined;
      return GETS.includes(type) ? { status: CTRL_STATUS.notSupported } : INVALID;
    }),
  },
];
