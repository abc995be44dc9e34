/** Defects of the reference backend, chapter mapped. */
import { CTRL_STATUS, CTRL_TYPE } from '../../../protocol/netif.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { MAX_MAPPED } from '../../mapped-grants.js';
import type { TxChain } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';
import { INVALID_PARAMETER, SUCCESS } from '../support/control.js';
import { Counts } from '../support/counts.js';

/** Cannot read such packets in mapped grants. */
const cannotRead = (isIt: (chain: TxChain, queue: BackendQueueState) => boolean): Partial<BackendSteps> => ({
  fetch(vif, queue, chain) {
    const isMapped = chain.requests.some(({ gref }) => queue.mapped.has(gref));
    return isMapped && isIt(chain, queue) ? undefined : correct.fetch(vif, queue, chain);
  },
});

/** The references in the list of an ADD or DEL request. */
function refsIn(vif: BackendVif, [, ref, size]: readonly [number, number, number]): number[] {
  return (vif.steps.readGrefList(vif, ref, size) ?? []).map((entry) => entry.ref);
}

export const BACKEND_MAPPED_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.mapped.one-queue-too-many',
    breaks: 'GREF-03',
    fault: 'reports a table size for the queue after the last one',
    backend: {
      getGrefMappingSize: (vif, [queue, ...rest]) =>
        correct.getGrefMappingSize(vif, [queue === vif.queues.length ? 0 : queue, ...rest]),
    },
  },
  {
    id: 'backend.mapped.signed-queue',
    breaks: 'GREF-19',
    fault: 'uses queue 0 for a queue number that is negative as a signed number',
    backend: {
      addGrefMapping: (vif, [index, ...rest]) => correct.addGrefMapping(vif, [index >= 2 ** 31 ? 0 : index, ...rest]),
    },
  },
  {
    id: 'backend.mapped.count-of-8-bits',
    breaks: 'GREF-20',
    fault: 'keeps the number of removed entries in 8 bits',
    backend: {
      delGrefMapping(vif, data) {
        const answer = correct.delGrefMapping(vif, data);
        return answer.data === undefined ? answer : { ...answer, data: answer.data & 0xff };
      },
    },
  },
  {
    id: 'backend.mapped.last-entry-decides',
    breaks: 'GREF-12',
    fault: 'responds with the result of the last entry alone',
    backend: {
      mapEntries: (table, list) => list.map((each) => correct.mapEntries(table, [each])).at(-1) ?? true,
    },
  },
  {
    id: 'backend.mapped.fills-up',
    breaks: 'GREF-16',
    fault: 'adds the entries of a list that fit in the table and ignores the others',
    backend: {
      addGrefMapping(vif, [index, ref, size]) {
        const room = MAX_MAPPED - (vif.queues[index]?.mapped.size ?? 0);
        return correct.addGrefMapping(vif, [index, ref, room > 0 ? Math.min(size, room) : size]);
      },
    },
  },
  {
    id: 'backend.mapped.one-entry-less',
    breaks: 'GREF-04',
    fault: 'refuses the last entry of the table size that it reports',
    backend: {
      addGrefMapping: (vif, data) =>
        data[2] < 4 && (vif.queues[data[0]]?.mapped.size ?? 0) + data[2] === MAX_MAPPED
          ? INVALID_PARAMETER
          : correct.addGrefMapping(vif, data),
    },
  },
  {
    id: 'backend.mapped.room-not-freed',
    breaks: 'GREF-24',
    fault: 'does not free the places of removed entries',
    backend: (() => {
      const used = new WeakMap<object, number>();
      return {
        addGrefMapping(vif, data) {
          const queue = vif.queues[data[0]];
          const count = (queue ? (used.get(queue) ?? 0) : 0) + data[2];
          if (data[2] === 32 && count > MAX_MAPPED) return INVALID_PARAMETER;
          const answer = correct.addGrefMapping(vif, data);
          if (queue && answer.status === CTRL_STATUS.success) used.set(queue, count);
          return answer;
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.counts-references',
    breaks: 'GREF-30',
    fault: 'accepts a reference that is already mapped, and reports it as removed as often as it was added',
    backend: (() => {
      const extra = new Map<number, number>();
      return {
        addGrefMapping(vif, data) {
          const [ref = -1] = refsIn(vif, data);
          if (data[2] !== 1 || vif.queues[data[0]]?.mapped.has(ref) !== true) return correct.addGrefMapping(vif, data);
          extra.set(ref, (extra.get(ref) ?? 0) + 1);
          return SUCCESS;
        },
        delGrefMapping(vif, data) {
          const [ref = -1] = refsIn(vif, data);
          const count = extra.get(ref) ?? 0;
          if (data[2] !== 1 || count === 0) return correct.delGrefMapping(vif, data);
          extra.set(ref, count - 1);
          return { ...SUCCESS, data: 1 };
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.first-queue-alone',
    breaks: 'GREF-27',
    fault: 'refuses packets in mapped grants on all queues but queue 0',
    backend: cannotRead((_, queue) => queue.index > 0),
  },
  {
    id: 'backend.mapped.busy-after-close',
    breaks: 'GREF-29',
    fault: 'ends a connection without resetting its table, which is then busy on the next one',
    backend: (() => {
      const busy = new WeakSet();
      return {
        disconnect(vif) {
          if (vif.queues.some((queue) => queue.mapped.size > 0)) busy.add(vif);
          correct.disconnect(vif);
        },
        addGrefMapping: (vif, data) => (busy.has(vif) ? INVALID_PARAMETER : correct.addGrefMapping(vif, data)),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.unmaps-ring',
    breaks: 'GREF-27',
    fault: 'unmaps its tx ring when the grant of the ring is removed from the table',
    backend: (() => {
      const rings = new WeakMap<object, number>();
      return {
        openQueue(vif, frontend, index, refs, channels) {
          const queue = correct.openQueue(vif, frontend, index, refs, channels);
          rings.set(queue, refs[0] ?? 0);
          return queue;
        },
        delGrefMapping(vif, data) {
          const queue = vif.queues[data[0]];
          if (queue && refsIn(vif, data).includes(rings.get(queue) ?? -1)) {
            queue.tx.unconsumed = () => ({ ok: false, reason: 'unmapped' });
          }
          return correct.delGrefMapping(vif, data);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.silent-about-list',
    breaks: 'CTRL-07',
    fault: 'does not respond to a DEL whose list it cannot write',
    backend: (() => {
      const failed = new WeakSet();
      return {
        writeMessage(vif, ref, bytes) {
          const [status] = vif.domain.grants.copyTo([{ domain: vif.control?.frontend ?? 0, ref, offset: 0, bytes }]);
          if (status !== 0) failed.add(vif);
        },
        respondControl(vif, request, answer) {
          if (request.type === CTRL_TYPE.delGrefMapping && failed.delete(vif)) return;
          correct.respondControl(vif, request, answer);
        },
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.refuses-removed',
    breaks: 'GREF-25',
    fault: 'refuses packets in pages that were removed from the table',
    backend: (() => {
      const removed = new WeakMap<object, Set<number>>();
      const of = (vif: object): Set<number> => removed.get(vif) ?? removed.set(vif, new Set()).get(vif) ?? new Set();
      return {
        addGrefMapping(vif, data) {
          for (const ref of refsIn(vif, data)) of(vif).delete(ref);
          return correct.addGrefMapping(vif, data);
        },
        delGrefMapping(vif, data) {
          for (const ref of refsIn(vif, data)) of(vif).add(ref);
          return correct.delGrefMapping(vif, data);
        },
        fetch: (vif, queue, chain) =>
          chain.requests.some(({ gref }) => of(vif).has(gref)) ? undefined : correct.fetch(vif, queue, chain),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.mapped.whole-pages',
    breaks: 'GREF-27',
    fault: 'reads a mapped page from its start, whatever the offset',
    backend: {
      fetch: (vif, queue, chain) =>
        correct.fetch(vif, queue, {
          ...chain,
          requests: chain.requests.map((each) => (queue.mapped.has(each.gref) ? { ...each, offset: 0 } : each)),
        }),
    },
  },
  {
    id: 'backend.mapped.no-extras',
    breaks: 'GREF-27',
    fault: 'refuses large packets in mapped grants after the third one',
    backend: (() => {
      const counts = new Counts();
      return cannotRead((chain, queue) => chain.extras.length > 0 && counts.next(queue) > 3);
    })(),
  },
];
