/** Defects of the reference frontend, chapter again: right on the first queue and in the first connection only. */
import { decodeRxResponse, encodeRxResponse, type RxResponse } from '../../../protocol/rx.js';
import { RX_RING } from '../../../protocol/ring.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import { KEY } from '../../../protocol/netif.js';
import type { BufferPool } from '../../buffer-pool.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import { fit } from '../../packet.js';
import type { Defect } from '../defect.js';
import { mortalFrontend } from '../support/mortal.js';

/** Reads the rx responses of some queues in another way. */
const reading = (
  isOdd: (queue: FrontendQueueState) => boolean,
  change: (response: RxResponse) => RxResponse,
): Partial<FrontendSteps> => ({
  takeRxSlot(queue, index, bytes) {
    const response = decodeRxResponse(bytes);
    const isData = response.ok && queue.expect !== 'extra';
    const odd = isData && isOdd(queue) ? encodeRxResponse(change(response.value)) : bytes;
    return correct.takeRxSlot(queue, index, odd);
  },
});

/** The queues of a vif that was connected before. */
function ofLaterConnections(): {
  readonly isLater: (queue: FrontendQueueState) => boolean;
  readonly steps: Partial<FrontendSteps>;
} {
  const vifs = new WeakSet<object>();
  const later = new WeakSet<FrontendQueueState>();
  return {
    isLater: (queue) => later.has(queue),
    steps: {
      openQueue(vif, index, split) {
        const queue = correct.openQueue(vif, index, split);
        if (vifs.has(vif)) later.add(queue);
        return queue;
      },
      disconnect(vif) {
        if (vif.queues.length > 0) vifs.add(vif);
        correct.disconnect(vif);
      },
    },
  };
}

const second = ofLaterConnections();

/** Treats keys as offered once they were offered to the same vif. */
function remembering(keys: readonly string[]): Partial<FrontendSteps> {
  const offered = new WeakMap<object, Set<string>>();
  return {
    async isOffered(vif, key) {
      const known = offered.get(vif) ?? new Set();
      offered.set(vif, known);
      if (keys.includes(key) && (await correct.isOffered(vif, key))) known.add(key);
      return known.has(key) || correct.isOffered(vif, key);
    },
  };
}

export const FRONTEND_AGAIN_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.again.last-slot',
    breaks: 'TXW-17',
    fault: 'stops serving every vif when it uses the last slot of its tx ring for a backend without feature-sg',
    seen: 'OpenBSD if_xnf.c 1.68, xnf_encap: KASSERT(sc->sc_tx_avail > used)',
    frontend: mortalFrontend((die) => ({
      hasRoom: ({ tx }, slots) => tx.free() >= slots,
      transmit(vif, queue, packet) {
        correct.transmit(vif, queue, packet);
        if (queue.tx.free() === 0 && !vif.offers[KEY.featureSg]) die();
      },
    })),
  },
  {
    id: 'frontend.again.offset-on-first-queue',
    breaks: 'RXW-08',
    fault: 'ignores the offset of rx responses on all queues but the first',
    frontend: reading(
      ({ index }) => index > 0,
      (response) => ({ ...response, offset: 0 }),
    ),
  },
  {
    id: 'frontend.again.offset-in-first-connection',
    breaks: 'RXW-08',
    fault: 'ignores the offset of rx responses in a second connection',
    frontend: { ...second.steps, ...reading(second.isLater, (response) => ({ ...response, offset: 0 })) },
  },
  {
    id: 'frontend.again.remembers-gso',
    breaks: 'GSO-01',
    fault: 'sends GSO extras on a vif whose backend offered GSO in an earlier connection',
    frontend: remembering([KEY.featureGsoTcpv4, KEY.featureGsoTcpv6, KEY.featureSg]),
  },
  {
    id: 'frontend.again.remembers-csum',
    breaks: 'CSUM-04',
    fault: 'sends blank IPv6 checksums on a vif whose backend offered to complete them in an earlier connection',
    frontend: remembering([KEY.featureIpv6CsumOffload]),
  },
  {
    id: 'frontend.again.remembers-opting-out',
    breaks: 'CSUM-15',
    fault: 'sends blank checksums on all vifs once a backend has not opted out',
    frontend: (() => {
      let isOut: boolean | undefined;
      return {
        isOffered: async (vif, key) =>
          key === KEY.featureNoCsumOffload
            ? (isOut ??= await correct.isOffered(vif, key))
            : correct.isOffered(vif, key),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.shares-features',
    breaks: 'GSO-01',
    fault: 'sends on all vifs what the backend of the vif that connected last offers',
    frontend: (() => {
      let last: FrontendVif['offers'] | undefined;
      return {
        async connect(vif) {
          await correct.connect(vif);
          if (vif.queues.length > 0) last = { ...vif.offers };
        },
        fitting: (vif, packet) => fit(packet, last ?? vif.offers),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.stale-offsets',
    breaks: 'RXW-09',
    fault: 'reads a fragment at offset 0 where the last one of the same slot began',
    frontend: (() => {
      const offsets = new WeakMap<FrontendQueueState, number[]>();
      return {
        takeRxSlot(queue, index, bytes) {
          const response = decodeRxResponse(bytes);
          if (queue.expect === 'extra' || !response.ok) return correct.takeRxSlot(queue, index, bytes);
          const known = offsets.get(queue) ?? [];
          offsets.set(queue, known);
          const slot = index % RX_RING.size;
          const offset = response.value.offset || (known[slot] ?? 0);
          known[slot] = response.value.offset;
          return correct.takeRxSlot(queue, index, encodeRxResponse({ ...response.value, offset }));
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.rx-decides',
    breaks: 'NOTIFY-02',
    fault: 'notifies its only channel if the rx requests of a round ask for an event, whatever its tx requests ask for',
    frontend: (() => {
      const due = new Map<FrontendQueueState, boolean>();
      return {
        serve(vif, queue) {
          if (queue.txPort !== queue.rxPort) return correct.serve(vif, queue);
          due.set(queue, false);
          correct.serve(vif, queue);
          const notifies = due.get(queue) === true;
          due.delete(queue);
          if (notifies) vif.domain.events.notify(queue.txPort);
        },
        push(vif, ring, port) {
          const queue = [...due.keys()].find(({ tx, rx }) => ring === tx || ring === rx);
          if (queue) due.set(queue, ring.push());
          else correct.push(vif, ring, port);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.stale-tables',
    breaks: 'STAG-04',
    fault: 'lists in its pools the entries of its first connection',
    frontend: (() => {
      const first = new WeakMap<FrontendVif, Map<string, Pick<BufferPool, 'refs'>>>();
      return {
        poolTable(vif, queue, pool, flags) {
          const known = first.get(vif) ?? new Map<string, Pick<BufferPool, 'refs'>>();
          first.set(vif, known);
          const key = `${queue.index}/${flags}`;
          const entries = known.get(key) ?? { refs: pool.refs };
          known.set(key, entries);
          return correct.poolTable(vif, queue, entries, flags);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.ends-list-early',
    breaks: 'GREF-33',
    fault: 'ends the grant of its list of entries at once in a second connection',
    frontend: (() => {
      const { isLater, steps } = ofLaterConnections();
      return {
        ...steps,
        lend: (vif, access, bytes, use) =>
          vif.queues.some(isLater)
            ? correct.lend(vif, access, bytes, (ref) => Promise.resolve(void use(ref)))
            : correct.lend(vif, access, bytes, use),
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.again.gso-size-once',
    breaks: 'GSO-04',
    fault: 'asks for segments as long as the whole packet in a second connection',
    frontend: (() => {
      const { isLater, steps } = ofLaterConnections();
      return {
        ...steps,
        fitting: (vif, packet) =>
          fit(packet, vif.offers).map(({ gso, ...rest }) => ({
            ...rest,
            gso: gso && vif.queues.some(isLater) ? { ...gso, size: rest.frame.length } : gso,
          })),
      } satisfies Defect['frontend'];
    })(),
  },
];
