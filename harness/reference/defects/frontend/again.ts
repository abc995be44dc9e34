/** Defects of the reference frontend, chapter again: right on the first queue and in the first connection only. */
import { decodeRxResponse, encodeRxResponse, type RxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { Defect } from '../defect.js';

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

export const FRONTEND_AGAIN_DEFECTS: readonly Defect[] = [
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
];
