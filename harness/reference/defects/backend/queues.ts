/** Defects of the reference backend, chapter queues. */
import { KEY } from '../../../protocol/netif.js';
import { distance } from '../../../protocol/ring.js';
import { BACKEND_STEPS as correct, readNumber, REFERENCE_QUEUES } from '../../backend-steps.js';
import { readOther, STATE } from '../../bus.js';
import type { Defect } from '../defect.js';
import { connectsRegardless } from '../support/backend.js';

export const BACKEND_QUEUES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.queues.tx-events-on-rx',
    breaks: 'SEC-07',
    fault: 'notifies tx responses on the rx event channel',
    backend: {
      respond(vif, queue, chain, status) {
        correct.respond(vif, { ...queue, txPort: queue.rxPort }, chain, status);
      },
    },
  },
  {
    id: 'backend.queues.first-queue-only',
    breaks: 'MQ-14',
    fault: 'serves queue 0 only',
    backend: {
      serve(vif, queue) {
        if (queue.index === 0) correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.queues.fewer-than-offered',
    breaks: 'MQ-19',
    fault: 'refuses the last of the queues that it advertises',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        if (index === REFERENCE_QUEUES - 1) throw new RangeError(`no queue ${index}`);
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.queues.split-or-nothing',
    breaks: 'MQ-12',
    fault: 'refuses several queues with one event channel each',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        if (index > 0 && channels.tx === channels.rx) throw new RangeError('one event channel');
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.queues.accepts-any-number',
    breaks: 'MQ-13',
    fault: 'goes to Connected whatever multi-queue-num-queues is',
    seen: 'Linux xen-netback until 2026: accepts a number of queues of 0',
    backend: connectsRegardless,
  },
  {
    id: 'backend.queues.maximum-in-hexadecimal',
    breaks: 'MQ-01',
    fault: 'advertises multi-queue-max-queues = 0x4',
    backend: { features: () => ({ ...correct.features(), [KEY.multiQueueMaxQueues]: '0x4' }) },
  },
  {
    id: 'backend.queues.half-connected',
    breaks: 'SEC-11',
    fault: 'goes to Connected when one of two event channels is missing',
    seen: 'Linux xen-netback: Connected is written after a fatal error',
    backend: connectsRegardless,
  },
  {
    id: 'backend.queues.dead-channel',
    breaks: 'SEC-12',
    fault: 'ignores events when event-channel-tx and event-channel-rx name the same channel',
    backend: {
      async connect(vif) {
        await correct.connect(vif);
        const [tx, rx] = await Promise.all([KEY.eventChannelTx, KEY.eventChannelRx].map((key) => vif.frontendKey(key)));
        if (tx !== undefined && tx === rx) for (const queue of vif.queues) vif.pump.off(queue.txPort);
      },
    },
  },
  {
    id: 'backend.queues.notifies-all',
    breaks: 'MQ-20',
    fault: 'notifies every queue of the responses of one',
    backend: {
      respond(vif, queue, chain, status) {
        correct.respond(vif, queue, chain, status);
        for (const { txPort } of vif.queues) vif.domain.events.notify(txPort);
      },
    },
  },
  {
    id: 'backend.queues.split-is-2',
    breaks: 'SEC-01',
    fault: 'advertises feature-split-event-channels = 2',
    backend: { features: () => ({ ...correct.features(), [KEY.featureSplitEventChannels]: '2' }) },
  },
  {
    id: 'backend.queues.one-count-for-all',
    breaks: 'RING-17',
    fault: 'counts the tx requests of all queues with one index',
    backend: {
      serveTx(vif, queue) {
        queue.tx.reqCons = Math.max(...vif.queues.map(({ tx }) => tx.reqCons));
        correct.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'backend.queues.split-alone',
    breaks: 'SEC-06',
    fault: 'refuses a frontend that writes event-channel',
    backend: {
      openQueue(vif, frontend, index, refs, channels) {
        if (channels.tx === channels.rx) throw new RangeError('not split');
        return correct.openQueue(vif, frontend, index, refs, channels);
      },
    },
  },
  {
    id: 'backend.queues.one-ring-per-channel',
    breaks: 'SEC-09',
    fault: 'serves only the rx ring on events of a single event channel',
    backend: {
      serve(vif, queue) {
        if (queue.txPort === queue.rxPort) vif.steps.drainBacklog(vif, queue);
        else correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.queues.always-in-queue-0',
    breaks: 'MQ-07',
    fault: 'reads the keys of one queue below queue-0 when multi-queue-num-queues is 1',
    backend: {
      async connect(vif) {
        if ((await vif.frontendKey(KEY.multiQueueNumQueues)) === '1') await readNumber(vif, `queue-0/${KEY.txRingRef}`);
        await correct.connect(vif);
      },
    },
  },
  {
    id: 'backend.queues.waits-for-all',
    breaks: 'MQ-16',
    fault: 'serves no queue while 32 responses of another one are unread',
    backend: {
      serve(vif, queue) {
        const unread = vif.queues.map(({ tx }) => distance(tx.indices().rspEvent, tx.indices().rspProd) + 1);
        if (unread.some((count, n) => vif.queues[n] !== queue && count >= 32 && count <= 256)) return;
        correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.queues.same-count-again',
    breaks: 'MQ-17',
    fault: 'refuses fewer queues than the first connection of the vif had',
    backend: (() => {
      const first = new WeakMap<object, number>();
      return {
        async queueCount(vif) {
          const count = await correct.queueCount(vif);
          if (count < (first.get(vif) ?? 0)) throw new RangeError(`${count} queues`);
          if (!first.has(vif)) first.set(vif, count);
          return count;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.queues.stale-directory',
    breaks: 'MQ-07',
    fault: 'reads the keys below queue-0/ if they exist, although the frontend requests one queue',
    backend: {
      async connect(vif) {
        const read = vif.frontendKey.bind(vif);
        const isThere = (await read(`queue-0/${KEY.txRingRef}`)) !== undefined;
        const isSingle = (await vif.steps.queueCount(vif)) === 1;
        if (!isThere || !isSingle) return correct.connect(vif);
        const below: readonly string[] = [KEY.txRingRef, KEY.rxRingRef, KEY.eventChannel];
        vif.frontendKey = (key) => read(below.includes(key) ? `queue-0/${key}` : key);
        try {
          await correct.connect(vif);
        } finally {
          vif.frontendKey = read;
        }
      },
    },
  },
  {
    id: 'backend.queues.counts-at-close',
    breaks: 'XB-12',
    fault: 'releases on a close as many queues as multi-queue-num-queues says by then',
    backend: {
      async frontendChanged(vif) {
        const isClosing = (await readOther(vif.domain.store, `${vif.frontendPath}/state`)) === STATE.closing;
        if (isClosing) vif.queues.splice(Number(await vif.frontendKey(KEY.multiQueueNumQueues)) || 1);
        await correct.frontendChanged(vif);
      },
    },
  },
];
