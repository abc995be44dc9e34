/** Defects of the reference frontend, chapter queues. */
import { KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { mortalFrontend } from '../support/mortal.js';

/** Free tx slots below which some defects stop. */
const LITTLE_ROOM = 20;

export const FRONTEND_QUEUES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.queues.always-split',
    breaks: 'SEC-04',
    fault: 'splits its event channels whatever the backend advertises',
    seen: 'win-xenvif before 5e0cb5c: uses a tx channel that does not exist',
    frontend: { openQueue: (vif, index) => correct.openQueue(vif, index, true) },
  },
  {
    id: 'frontend.queues.keeps-directories',
    breaks: 'XB-35',
    fault: 'leaves the keys of an earlier connection in the directory of each queue that it uses again',
    frontend: {
      async publish(vif, keys) {
        const { store } = vif.domain;
        const used = Object.keys(keys).filter((key) => key.includes('/'));
        const earlier: Record<string, string> = {};
        for (const directory of new Set(used.map((key) => key.split('/')[0] ?? '')))
          for (const key of (await store.list(`${vif.path}/${directory}`)) ?? [])
            earlier[`${directory}/${key}`] = (await store.read(`${vif.path}/${directory}/${key}`)) ?? '';
        await correct.publish(vif, { ...earlier, ...keys });
      },
    },
  },
  {
    id: 'frontend.queues.too-many',
    breaks: 'MQ-04',
    fault: 'uses one queue more than the backend advertises',
    frontend: { queueCount: (offered) => correct.queueCount(offered) + (offered === undefined ? 0 : 1) },
  },
  {
    id: 'frontend.queues.one-for-rx',
    breaks: 'MQ-15',
    fault: 'receives on queue 0 only',
    frontend: {
      serveRx(vif, queue) {
        if (queue.index === 0) correct.serveRx(vif, queue);
      },
    },
  },
  {
    id: 'frontend.queues.queue-value',
    breaks: 'MQ-10',
    fault: 'writes a value to the node queue-0 itself',
    frontend: {
      async connect(vif) {
        await correct.connect(vif);
        if (vif.queues.length > 1) await vif.domain.store.write(`${vif.path}/queue-0`, '1');
      },
    },
  },
  {
    id: 'frontend.queues.missing-queue-key',
    breaks: 'MQ-18',
    fault: 'omits tx-ring-ref of every queue but queue 0',
    frontend: {
      queueKeys(queue) {
        const keys = Object.entries(correct.queueKeys(queue));
        return Object.fromEntries(keys.filter(([key]) => queue.index === 0 || key !== KEY.txRingRef));
      },
    },
  },
  {
    id: 'frontend.queues.notifies-all',
    breaks: 'MQ-20',
    fault: 'notifies every queue of the buffers of one',
    frontend: {
      serveRx(vif, queue) {
        correct.serveRx(vif, queue);
        for (const { rxPort } of vif.queues) vif.domain.events.notify(rxPort);
      },
    },
  },
  {
    id: 'frontend.queues.directory-for-one',
    breaks: 'MQ-06',
    fault: 'creates a queue-0 directory for its only queue',
    seen: 'win-xenvif before d53d093 and 16002b8',
    frontend: {
      async connect(vif) {
        await correct.connect(vif);
        const [only, second] = vif.queues;
        if (!only || second) return;
        await vif.domain.store.write(`${vif.path}/queue-0/${KEY.eventChannel}`, String(only.rxPort));
      },
    },
  },
  {
    id: 'frontend.queues.half-split',
    breaks: 'SEC-03',
    fault: 'omits event-channel-rx of every queue but queue 0',
    frontend: {
      queueKeys(queue) {
        const keys = Object.entries(correct.queueKeys(queue));
        return Object.fromEntries(keys.filter(([key]) => queue.index === 0 || key !== KEY.eventChannelRx));
      },
    },
  },
  {
    id: 'frontend.queues.one-channel-twice',
    breaks: 'SEC-03',
    fault: 'writes the tx channel of every queue but queue 0 as its rx channel, too',
    frontend: {
      queueKeys(queue) {
        const keys = correct.queueKeys(queue);
        const channel = keys[KEY.eventChannelTx];
        return queue.index === 0 || channel === undefined ? keys : { ...keys, [KEY.eventChannelRx]: channel };
      },
    },
  },
  {
    id: 'frontend.queues.tx-on-rx-channel',
    breaks: 'SEC-08',
    fault: 'notifies the tx requests of every queue but queue 0 on the rx channel',
    frontend: {
      push(vif, ring, port) {
        const queue = vif.queues.find(({ index, tx }) => index > 0 && tx === ring);
        correct.push(vif, ring, queue?.rxPort ?? port);
      },
    },
  },
  {
    id: 'frontend.queues.tx-alone',
    breaks: 'SEC-09',
    fault: 'checks only the tx ring on the event of a single channel',
    frontend: {
      serve(vif, queue) {
        if (queue.txPort === queue.rxPort) vif.steps.serveTx(vif, queue);
        else correct.serve(vif, queue);
      },
    },
  },
  {
    id: 'frontend.queues.three-channels',
    breaks: 'SEC-10',
    fault: 'writes event-channel in addition to the split channels',
    frontend: {
      queueKeys: (queue) => ({ [KEY.eventChannel]: String(queue.txPort), ...correct.queueKeys(queue) }),
    },
  },
  {
    id: 'frontend.queues.counts-from-zero',
    breaks: 'MQ-03',
    fault: 'writes the number of its last queue as multi-queue-num-queues',
    frontend: {
      countKeys: (offered, count) => correct.countKeys(offered, count === 1 ? 0 : count),
    },
  },
  {
    id: 'frontend.queues.unasked',
    breaks: 'MQ-05',
    fault: 'uses two queues with a backend that does not write multi-queue-max-queues',
    frontend: {
      queueCount: (offered) => (offered === undefined ? 2 : correct.queueCount(offered)),
      countKeys: (offered, count) => correct.countKeys(offered ?? '2', count),
    },
  },
  {
    id: 'frontend.queues.top-level-too',
    breaks: 'MQ-08',
    fault: 'writes the keys of queue 0 at the top level, too',
    frontend: {
      publish(vif, keys) {
        const [first, second] = vif.queues;
        return correct.publish(vif, first && second ? { ...keys, ...correct.queueKeys(first) } : keys);
      },
    },
  },
  {
    id: 'frontend.queues.one-directory-more',
    breaks: 'MQ-09',
    fault: 'writes the directory of one queue more than it has',
    frontend: {
      publish(vif, keys) {
        const { length } = vif.queues;
        const extra = { [`queue-${length}/${KEY.eventChannel}`]: String(vif.queues[0]?.rxPort) };
        return correct.publish(vif, length > 1 ? { ...keys, ...extra } : keys);
      },
    },
  },
  {
    id: 'frontend.queues.shared-ring',
    breaks: 'MQ-11',
    fault: 'gives every queue the rx ring of queue 0',
    frontend: {
      publish(vif, keys) {
        const shared = vif.queues.slice(1).map(({ index }) => `queue-${index}/${KEY.rxRingRef}`);
        const ref = String(vif.queues[0]?.rings[1]?.ref);
        return correct.publish(vif, { ...keys, ...Object.fromEntries(shared.map((key) => [key, ref])) });
      },
    },
  },
  {
    id: 'frontend.queues.waits-for-all',
    breaks: 'MQ-16',
    fault: 'posts no buffers on a queue while another queue waits for tx responses',
    frontend: {
      post(vif, queue) {
        if (!vif.queues.some((other) => other !== queue && other.sending.size > 0)) correct.post(vif, queue);
      },
    },
  },
  {
    id: 'frontend.queues.one-table',
    breaks: 'RING-17',
    fault: 'finds the rx buffers of every queue by slot among those of queue 0',
    frontend: {
      takeRx(vif, queue, count) {
        if (queue.index === 0) return correct.takeRx(vif, queue, count);
        for (let n = 0; n < count; n++) {
          const index = queue.rx.rspCons;
          const frame = vif.steps.takeRxSlot(queue, index, queue.rx.take());
          const other = vif.queues[0]?.posted.get(index)?.offer.page.copyOut(0, frame?.length ?? 0);
          if (frame && other) vif.steps.accept(vif, queue, { ...queue.partial, frame: other });
        }
      },
    },
  },
  {
    id: 'frontend.queues.full-stops-all',
    breaks: 'MQ-16',
    fault: 'sends on no queue while one of them has little room',
    frontend: (() => {
      const stopped = new WeakMap<FrontendVif, FrontendQueueState>();
      return {
        transmit(vif, queue, packet) {
          const full = stopped.get(vif);
          if (full && vif.queues.includes(full) && full.tx.free() < LITTLE_ROOM) return;
          stopped.delete(vif);
          correct.transmit(vif, queue, packet);
          if (queue.tx.free() < LITTLE_ROOM) stopped.set(vif, queue);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.queues.divides-by-queues',
    breaks: 'ROB-02',
    fault: 'stops serving every vif at a backend that offers no queue',
    seen: 'win-xenvif before bd4ac4d: multi-queue-max-queues = 0 is accepted, and a divisor',
    frontend: mortalFrontend((die) => ({
      queueCount(offered) {
        if (offered === '0') die();
        return correct.queueCount(offered);
      },
    })),
  },
  {
    id: 'frontend.queues.none',
    breaks: 'XB-08',
    fault: 'connects without a ring to a backend that offers no queue',
    frontend: { queueCount: (offered) => (offered === '0' ? 0 : correct.queueCount(offered)) },
  },
];
