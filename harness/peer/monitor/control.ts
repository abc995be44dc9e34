/** netif.h, "Control ring". */
import { ALL_HASH_TYPES, CTRL_TYPE, KEY } from '../../protocol/netif.js';
import { each, type Rules, when } from './rule.js';

/** The number of data words that each message uses. */
const WORDS: Readonly<Record<number, number>> = {
  [CTRL_TYPE.getHashFlags]: 0,
  [CTRL_TYPE.setHashFlags]: 1,
  [CTRL_TYPE.setHashKey]: 2,
  [CTRL_TYPE.getHashMappingSize]: 0,
  [CTRL_TYPE.setHashMappingSize]: 1,
  [CTRL_TYPE.setHashMapping]: 3,
  [CTRL_TYPE.setHashAlgorithm]: 1,
  [CTRL_TYPE.getGrefMappingSize]: 1,
  [CTRL_TYPE.addGrefMapping]: 3,
  [CTRL_TYPE.delGrefMapping]: 3,
};

/** Messages for whose response the header says "data = 0". */
const DATA_0: readonly number[] = [
  CTRL_TYPE.setHashFlags,
  CTRL_TYPE.setHashKey,
  CTRL_TYPE.setHashMappingSize,
  CTRL_TYPE.setHashMapping,
];

/** Messages whose response has data. */
const WITH_DATA: readonly number[] = [
  CTRL_TYPE.getHashFlags,
  CTRL_TYPE.getHashMappingSize,
  CTRL_TYPE.getGrefMappingSize,
  CTRL_TYPE.delGrefMapping,
];

export const CONTROL_RULES: Rules = {
  ctrlRequest: [
    {
      id: 'CTRL-12',
      judge: ({ request: { type, data } }) => {
        const used = WORDS[type];
        return used === undefined
          ? undefined
          : each(data.slice(used), (word, n) =>
              when(
                true,
                () => word === 0,
                () => `data[${used + n}] of a message of type ${type} is ${word}`,
              ),
            );
      },
    },
    {
      id: 'CTRL-23',
      judge: ({ request: { id }, taken }) =>
        when(
          true,
          () => !taken,
          () => `a control request with the id ${id}, which is already in flight`,
        ),
    },
    {
      id: 'HASH-43',
      judge: ({ request: { type, data }, hashTypes = ALL_HASH_TYPES }) =>
        when(
          type === CTRL_TYPE.setHashFlags,
          () => (data[0] & ~hashTypes) === 0,
          () => `SET_HASH_FLAGS with ${data[0]}, where the backend reports ${hashTypes}`,
        ),
    },
    {
      id: 'HASH-43',
      judge: ({ request: { type, data }, tableSize }) =>
        when(
          type === CTRL_TYPE.setHashMappingSize && tableSize !== undefined,
          () => data[0] <= (tableSize ?? 0),
          () => `SET_HASH_MAPPING_SIZE with ${data[0]}, where the backend reports ${tableSize}`,
        ),
    },
    {
      id: 'HASH-43',
      judge: ({ request: { type, data }, entries }) =>
        when(
          type === CTRL_TYPE.setHashMapping && entries !== undefined,
          () => data[1] + data[2] <= (entries ?? 0),
          () => `SET_HASH_MAPPING of ${data[1]} entries from entry ${data[2]}, in a table of ${entries}`,
        ),
    },
    {
      id: 'GREF-32',
      judge: ({ request: { type, data }, grefSize }) =>
        when(
          type === CTRL_TYPE.addGrefMapping && grefSize !== undefined,
          () => data[2] <= (grefSize ?? 0),
          () =>
            `ADD_GREF_MAPPING of ${data[2]} entries for queue ${data[0]}, where the backend reports room for ${grefSize}`,
        ),
    },
    {
      id: 'HASH-43',
      judge: ({ mapping, queues }) =>
        each(mapping, (queue, n) =>
          when(
            true,
            () => queue < queues,
            () => `SET_HASH_MAPPING with queue ${queue} in entry ${n}, of ${queues} queues`,
          ),
        ),
    },
  ],
  ctrlResponse: [
    {
      id: 'CTRL-21',
      judge: ({ response: { type, data } }) =>
        when(
          DATA_0.includes(type),
          () => data === 0,
          () => `the response to a message of type ${type} has the data ${data}`,
        ),
    },
    {
      id: 'CTRL-11',
      judge: ({ response: { type, data } }) =>
        when(
          !WITH_DATA.includes(type),
          () => data === 0,
          () => `the response to a message of type ${type} has the data ${data}`,
        ),
    },
  ],
  frontendKeys: [
    {
      id: 'CTRL-02',
      judge: ({ own }) =>
        when(
          own.get(KEY.ctrlRingRef) !== undefined || own.get(KEY.eventChannelCtrl) !== undefined,
          () => own.get(KEY.ctrlRingRef) !== undefined && own.get(KEY.eventChannelCtrl) !== undefined,
          () => 'only one of ctrl-ring-ref and event-channel-ctrl',
        ),
    },
    {
      id: 'CTRL-04',
      judge: ({ own, backend, first }) =>
        when(
          first && !backend.has(KEY.featureCtrlRing),
          () => own.get(KEY.ctrlRingRef) === undefined,
          () => 'ctrl-ring-ref for a backend without feature-ctrl-ring',
        ),
    },
  ],
};
