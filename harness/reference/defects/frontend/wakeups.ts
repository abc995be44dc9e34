/** Defects of the reference frontend, chapter wakeups. */
import { decoded } from '../../../bytes/codec.js';
import { advance, RING_OFFSET } from '../../../protocol/ring.js';
import type { FrontRing } from '../../../protocol/shared-ring.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';
import { pushByOldIndex } from '../support/indices.js';

/** Looks for responses first, and asks for an event then. */
function checksTooEarly(ring: FrontRing): ReturnType<FrontRing['finalCheck']> {
  const found = ring.unconsumed();
  ring.setRspEvent(advance(ring.rspCons, 1));
  return found.ok ? decoded(found.value > 0) : found;
}

export const FRONTEND_WAKEUPS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.wakeups.checks-tx-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for tx responses before it asks for an event, and not after it',
    frontend: { checkTx: ({ tx }) => checksTooEarly(tx) },
  },
  {
    id: 'frontend.wakeups.checks-rx-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for rx responses before it asks for an event, and not after it',
    frontend: { checkRx: ({ rx }) => checksTooEarly(rx) },
  },
  {
    id: 'frontend.wakeups.checks-control-too-early',
    breaks: 'NOTIFY-04',
    fault: 'looks for control responses before it asks for an event, and not after it',
    frontend: {
      openControl(vif) {
        const keys = correct.openControl(vif);
        const ring = vif.control?.ring;
        if (ring) ring.finalCheck = () => checksTooEarly(ring);
        return keys;
      },
    },
  },
  {
    id: 'frontend.wakeups.reads-index-too-early',
    breaks: 'NOTIFY-03',
    fault: 'reads the event index of the backend before it publishes its requests',
    frontend: {
      push(vif, ring, port) {
        if (pushByOldIndex(ring, RING_OFFSET.reqProd, RING_OFFSET.reqEvent)) vif.domain.events.notify(port);
      },
    },
  },
];
