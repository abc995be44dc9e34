/** Defects of the reference frontend, chapter exposed. */
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';

/** What pages hold that are not cleared. */
const OLD = new Uint8Array(512).fill(0x77);

export const FRONTEND_EXPOSED_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.exposed.uncleared-pools',
    breaks: 'TRUST-01',
    fault: 'offers pages in its pools that it has not cleared',
    frontend: {
      fillPools(queue) {
        correct.fillPools(queue);
        const offers = queue.txPool.refs.map(() => queue.txPool.take());
        for (const offer of offers) {
          offer.page.copyIn(0, OLD);
          queue.txPool.give(offer);
        }
      },
    },
  },
  {
    id: 'frontend.exposed.uncleared-list',
    breaks: 'TRUST-01',
    fault: 'sends its list of grants in a page that it has not cleared',
    frontend: {
      lend: (vif, access, bytes, use) => correct.lend(vif, access, Uint8Array.of(...bytes, ...OLD), use),
    },
  },
];
