/** Defects of the reference frontend, chapter pieces: what it makes of the slots after an error. */
import { EXTRA_FLAG_MORE, RSP, RXF } from '../../../protocol/netif.js';
import { decodeRxResponse, encodeRxResponse, type RxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState, FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';

/** Misses flags of the responses for which `isOdd`. */
const missing = (flags: number, isOdd: (response: RxResponse) => boolean): Partial<FrontendSteps> => ({
  takeRxSlot(queue, index, bytes) {
    const response = decodeRxResponse(bytes);
    if (queue.expect === 'extra' || !response.ok || !isOdd(response.value))
      return correct.takeRxSlot(queue, index, bytes);
    return correct.takeRxSlot(
      queue,
      index,
      encodeRxResponse({ ...response.value, flags: response.value.flags & ~flags }),
    );
  },
});

/** Collects the fragments of all queues with the same `owner` in one list. */
function sharing(owner: (vif: FrontendVif) => object): Partial<FrontendSteps> {
  const shared = new WeakMap<object, FrontendQueueState['partial']>();
  return {
    openQueue(vif, index, split) {
      const queue = correct.openQueue(vif, index, split);
      const partial = shared.get(owner(vif)) ?? queue.partial;
      shared.set(owner(vif), partial);
      return Object.assign(queue, { partial });
    },
    disconnect(vif) {
      if (vif.queues.length > 0) shared.delete(owner(vif));
      correct.disconnect(vif);
    },
  };
}

export const FRONTEND_PIECES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.pieces.error-ends-packet',
    breaks: 'RXW-34',
    fault: 'begins a new packet after a fragment with status ERROR',
    seen: 'Linux xen-netfront before 503bcd598c',
    frontend: missing(RXF.moreData, ({ status }) => status === RSP.error),
  },
  {
    id: 'frontend.pieces.dropped-ends-packet',
    breaks: 'RXW-34',
    fault: 'begins a new packet after a fragment with status DROPPED',
    frontend: missing(RXF.moreData, ({ status }) => status === RSP.dropped),
  },
  {
    id: 'frontend.pieces.empty-ends-packet',
    breaks: 'RXW-13',
    fault: 'begins a new packet after an empty fragment',
    frontend: missing(RXF.moreData, ({ status }) => status === 0),
  },
  {
    id: 'frontend.pieces.beyond-page-ends-packet',
    breaks: 'RXW-14',
    fault: 'begins a new packet after a fragment that reaches beyond its page',
    frontend: missing(RXF.moreData, ({ offset, status }) => offset + status > PAGE_SIZE),
  },
  {
    id: 'frontend.pieces.error-hides-extra',
    breaks: 'RXW-16',
    fault: 'reads the extra of a packet with an error as a response',
    frontend: missing(RXF.extraInfo, ({ status }) => status < 0),
  },
  {
    id: 'frontend.pieces.more-by-value',
    breaks: 'RXW-16',
    fault: 'finds another extra only if no other flag is set',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (queue.expect !== 'extra' || bytes[1] === EXTRA_FLAG_MORE) return correct.takeRxSlot(queue, index, bytes);
        const last = Uint8Array.from(bytes);
        last[1] = 0;
        return correct.takeRxSlot(queue, index, last);
      },
    },
  },
  {
    id: 'frontend.pieces.one-list-for-all-vifs',
    breaks: 'ROB-02',
    fault: 'collects the fragments of all vifs in one list',
    frontend: sharing(({ domain }) => domain),
  },
  {
    id: 'frontend.pieces.one-list-for-all-queues',
    breaks: 'RING-17',
    fault: 'collects the fragments of all queues of a vif in one list',
    frontend: sharing((vif) => vif),
  },
];
