import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
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
];
