/** Defects of the reference frontend, chapter places. */
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { Defect } from '../defect.js';

/** Whether a slot is an empty fragment. */
function isEmpty(queue: FrontendQueueState, bytes: Uint8Array): boolean {
  const response = queue.expect === 'extra' ? undefined : decodeRxResponse(bytes);
  return response?.ok === true && response.value.status === 0;
}

export const FRONTEND_PLACES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.places.empty-spoils-next',
    breaks: 'RXW-13',
    fault: 'drops the packet after one whose last fragment is empty',
    frontend: (() => {
      const spoiled = new WeakSet<FrontendQueueState>();
      return {
        takeRxSlot(queue, index, bytes) {
          const isLater = queue.expect === 'more';
          const empty = isEmpty(queue, bytes);
          const frame = correct.takeRxSlot(queue, index, bytes);
          if (isLater && empty && queue.expect === 'first') spoiled.add(queue);
          else if (frame && spoiled.delete(queue)) return undefined;
          return frame;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.places.empty-has-no-flags',
    breaks: 'RXW-16',
    fault: 'ignores the flags of an empty first fragment, and so reads its extra as a response',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const blind = response.ok && queue.expect === 'first' && isEmpty(queue, bytes);
        return correct.takeRxSlot(queue, index, blind ? encodeRxResponse({ ...response.value, flags: 0 }) : bytes);
      },
    },
  },
];
