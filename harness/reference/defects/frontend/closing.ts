import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import { KEY } from '../../../protocol/netif.js';
import { resending } from '../../legal/support/frontend-resending.js';
import { fillsRings } from '../../legal/support/frontend-pages.js';
import type { Defect } from '../defect.js';

export const FRONTEND_CLOSING_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.closing.keeps-rings',
    breaks: 'XB-15',
    fault: 'keeps its rings granted after its device is gone',
    frontend: {
      disconnect(vif) {
        for (const queue of vif.queues) Object.assign(queue, { rings: [] });
        correct.disconnect(vif);
      },
    },
  },
  {
    id: 'frontend.closing.uses-ring-pages',
    breaks: 'GNT-03',
    fault: 'uses the pages of its rings for other data as soon as it disconnects',
    seen: 'Linux before XSA-396: a page whose grant is in use is freed at the end of a connection',
    frontend: fillsRings(0x5a),
  },
  {
    id: 'frontend.closing.keeps-part',
    breaks: 'RXW-15',
    fault: 'continues a packet that was incomplete when it closed with the first packet of the next connection',
    frontend: (() => {
      const parts = new WeakMap<FrontendVif, Pick<FrontendQueueState, 'partial' | 'expect'>>();
      return {
        openQueue(vif, index, split) {
          return Object.assign(correct.openQueue(vif, index, split), index === 0 ? parts.get(vif) : {});
        },
        disconnect(vif) {
          const [first] = vif.queues;
          if (first) parts.set(vif, { partial: first.partial, expect: first.expect });
          correct.disconnect(vif);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.closing.resends-unchanged',
    breaks: 'GSO-01',
    fault: 'sends packets without a response again in the next connection, in the form of the last one',
    frontend: resending((vif, queue, packet) => {
      const asBefore = { ...vif.steps, fitting: () => [packet] };
      const offers = { ...vif.offers, [KEY.featureSg]: true };
      const former = Object.create(vif, { steps: { value: asBefore }, offers: { value: offers } }) as FrontendVif;
      correct.transmit(former, queue, packet);
    }),
  },
];
