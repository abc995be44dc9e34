/** netif.h, "Multi-queue" and "feature-split-event-channels": the keys of queues and of their event channels. */
import { KEY, QUEUE_KEYS } from '../../protocol/netif.js';
import { parseDecimal } from '../../protocol/xenbus.js';
import { each, type Judgement, type Rules, when } from './rule.js';
import type { Situations } from './situations.js';

export const QUEUE_RULES: Rules = {
  frontendKeys: [
    {
      id: 'MQ-03',
      judge: ({ own }) =>
        when(
          own.get(KEY.multiQueueNumQueues) !== undefined,
          () => parseDecimal(own.get(KEY.multiQueueNumQueues), { min: 1, max: 0xffffffff }).ok,
          () => `multi-queue-num-queues = ${own.get(KEY.multiQueueNumQueues)}`,
        ),
    },
    {
      id: 'MQ-04',
      judge: ({ own, backend }) =>
        when(
          own.get(KEY.multiQueueNumQueues) !== undefined && backend.get(KEY.multiQueueMaxQueues) !== undefined,
          () => Number(own.get(KEY.multiQueueNumQueues)) <= Number(backend.get(KEY.multiQueueMaxQueues)),
          () =>
            `multi-queue-num-queues = ${own.get(KEY.multiQueueNumQueues)} where multi-queue-max-queues = ${backend.get(KEY.multiQueueMaxQueues)}`,
        ),
    },
    {
      id: 'MQ-05',
      judge: ({ own, backend, first }) =>
        when(
          first && backend.get(KEY.multiQueueMaxQueues) === undefined,
          () => queueCount(own.get(KEY.multiQueueNumQueues)) === 1,
          () => `${own.get(KEY.multiQueueNumQueues)} queues with a backend without multi-queue-max-queues`,
        ),
    },
    { id: 'MQ-08', judge: topLevelKeys },
    {
      id: 'SEC-04',
      judge: ({ own, backend }) =>
        when(
          !backend.has(KEY.featureSplitEventChannels) && queueCount(own.get(KEY.multiQueueNumQueues)) === 1,
          () => own.get(KEY.eventChannel) !== undefined,
          () => 'no event-channel for a backend without feature-split-event-channels',
        ),
    },
    {
      id: 'SEC-10',
      judge: ({ own, first }) =>
        when(
          first && (own.get(KEY.eventChannelTx) ?? own.get(KEY.eventChannelRx)) !== undefined,
          () => own.get(KEY.eventChannel) === undefined,
          () => 'event-channel together with event-channel-tx or event-channel-rx',
        ),
    },
  ],
  backendKeys: [
    {
      id: 'SEC-01',
      judge: ({ own }) => flag(own.get(KEY.featureSplitEventChannels), KEY.featureSplitEventChannels),
    },
    {
      id: 'MQ-01',
      judge: ({ own }) =>
        when(
          own.get(KEY.multiQueueMaxQueues) !== undefined,
          () => parseDecimal(own.get(KEY.multiQueueMaxQueues), { min: 1, max: 0xffffffff }).ok,
          () => `multi-queue-max-queues = ${own.get(KEY.multiQueueMaxQueues)}`,
        ),
    },
    { id: 'STAG-01', judge: ({ own }) => flag(own.get(KEY.featureStagingGrants), KEY.featureStagingGrants) },
  ],
};

/** Checks the first connection of a vif only: keys of an earlier connection may remain later. */
function topLevelKeys({ own, first }: Situations['frontendKeys']): Judgement {
  if (!first || queueCount(own.get(KEY.multiQueueNumQueues)) < 2) return undefined;
  return each(QUEUE_KEYS, (key) =>
    when(
      true,
      () => own.get(key) === undefined,
      () => `${key} at the top level together with ${own.get(KEY.multiQueueNumQueues)} queues`,
    ),
  );
}

const queueCount = (value: string | undefined): number => Number(value ?? '1');

const flag = (value: string | undefined, key: string): Judgement =>
  when(
    true,
    () => value === undefined || value === '0' || value === '1',
    () => `${key} = ${value}`,
  );
