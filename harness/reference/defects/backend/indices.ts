/** Defects of the reference backend, chapter indices. */
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';

export const BACKEND_INDICES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.indices.skips-waiting',
    breaks: 'RING-03',
    fault: 'starts at req_prod of a tx ring that was used before, so it skips the requests in it',
    backend: {
      attach(ring) {
        const { reqProd, rspProd } = ring.indices();
        ring.attach(rspProd !== 0 && ring.layout.name === 'tx' ? reqProd : rspProd);
      },
    },
  },
  {
    id: 'backend.indices.16-bits',
    breaks: 'RING-04',
    fault: 'keeps the index of the rx requests in 16 bits',
    backend: {
      drainBacklog(vif, queue) {
        correct.drainBacklog(vif, queue);
        const { reqProd } = queue.rx.indices();
        if (reqProd < 0x20000) queue.rx.reqCons &= 0xffff;
      },
    },
  },
  {
    id: 'backend.indices.control-at-0',
    breaks: 'RING-03',
    fault: 'attaches to the control ring at index 0, and to the other rings where they are',
    backend: {
      openControl(vif, ...rest) {
        correct.openControl(vif, ...rest);
        vif.control?.ring.attach(0);
      },
    },
  },
];
