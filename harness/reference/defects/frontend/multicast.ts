/** Defects of the reference frontend, chapter multicast. */
import { KEY, TXF } from '../../../protocol/netif.js';
import { decodeTxResponse } from '../../../protocol/tx.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { writesLate } from '../support/frontend.js';

export const FRONTEND_MULTICAST_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.multicast.unasked',
    breaks: 'MCAST-18',
    fault: 'sends multicast extras to every backend',
    frontend: {
      start(vif) {
        correct.start(vif);
        for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
      },
    },
  },
  {
    id: 'frontend.multicast.value',
    breaks: 'MCAST-02',
    fault: 'writes request-multicast-control = "true"',
    frontend: { requests: () => ({ [KEY.requestMulticastControl]: 'true' }) },
  },
  {
    id: 'frontend.multicast.shifted-address',
    breaks: 'MCAST-22',
    fault: 'writes the addresses of its groups two bytes later in the extra',
    shownIn: 'frontend.monitor.mcast-22',
    frontend: {
      addGroup(vif, address) {
        correct.addGroup(vif, Uint8Array.of(0, 0, ...address.subarray(0, 4)));
      },
    },
  },
  {
    id: 'frontend.multicast.stops-when-refused',
    breaks: 'TXW-17',
    fault: 'sends nothing more on a queue after a negative status for a multicast request',
    frontend: (() => {
      const dummies = new WeakSet();
      const stopped = new WeakSet();
      return {
        putTx(queue, request, offer) {
          correct.putTx(queue, request, offer);
          if (request.flags === TXF.extraInfo) dummies.add(offer);
        },
        takeTxResponse(queue, bytes) {
          const response = decodeTxResponse(bytes);
          if (response.ok && response.value.status < 0) {
            const offer = queue.sending.get(response.value.id);
            if (offer && dummies.has(offer)) stopped.add(queue);
          }
          correct.takeTxResponse(queue, bytes);
        },
        transmit(vif, queue, packet) {
          if (!stopped.has(queue)) correct.transmit(vif, queue, packet);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.multicast.wrong-channel',
    breaks: 'NOTIFY-02',
    fault: 'sends its multicast requests on its last queue, and the event for them on the channel of the first',
    shownIn: 'frontend.multicast.refused-error',
    frontend: {
      // The events that the reference frontend sends in addition would hide the missing one.
      start(vif) {
        if (vif.offers[KEY.featureMulticastControl])
          for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);
        vif.steps.configure(vif).catch(vif.onError);
      },
      addGroup(vif, address) {
        const [[first], last] = [vif.queues, vif.queues.at(-1)];
        if (!first || !last) return;
        const queues = [{ ...last, txPort: first.txPort }];
        correct.addGroup(Object.create(vif, { queues: { value: queues } }) as FrontendVif, address);
      },
    },
  },
  {
    id: 'frontend.multicast.late',
    breaks: 'MCAST-03',
    fault: 'writes request-multicast-control after the backend is Connected',
    seen: 'win-xenvif before cb424a5',
    frontend: {
      requests: () => ({}),
      ...writesLate(() => ({ [KEY.requestMulticastControl]: '1' })),
    },
  },
];
