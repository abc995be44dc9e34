/** Defects of the reference backend, chapter wakeups. */
import { decoded } from '../../../bytes/codec.js';
import { advance, RING_OFFSET } from '../../../protocol/ring.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { pushByOldIndex } from '../support/indices.js';

export const BACKEND_WAKEUPS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.wakeups.checks-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for requests before it asks for an event, and not after it',
    backend: {
      attach(ring) {
        correct.attach(ring);
        ring.finalCheck = () => {
          const found = ring.unconsumed();
          ring.setReqEvent(advance(ring.reqCons, 1));
          return found.ok ? decoded(found.value > 0) : found;
        };
      },
    },
  },
  {
    id: 'backend.wakeups.reads-index-too-early',
    breaks: 'NOTIFY-03',
    fault: 'reads the event index of the frontend before it publishes its responses',
    backend: {
      push(vif, ring, port) {
        if (pushByOldIndex(ring, RING_OFFSET.rspProd, RING_OFFSET.rspEvent)) vif.domain.events.notify(port);
      },
    },
  },
];
