/** Defects of the reference backend, chapter jumbo. */
import { RXF } from '../../../protocol/netif.js';
import { RX_RING } from '../../../protocol/ring.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import { endingAtError } from '../support/backend.js';

/** Whether a frame is plain and has several slots. */
const isJumbo = (flags: number): boolean => (flags & (RXF.moreData | RXF.extraInfo)) === RXF.moreData;

export const BACKEND_JUMBO_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.jumbo.ends-at-error',
    breaks: 'RXW-09',
    fault: 'clears more_data in the response to a buffer that it may not write, unless the packet has extras',
    backend: endingAtError(isJumbo),
  },
  {
    id: 'backend.jumbo.lost-at-the-end',
    breaks: 'TXW-36',
    shownIn: 'backend.jumbo.around',
    fault: 'drops a frame of several slots without extras that crosses the end of the ring',
    backend: {
      deliver(vif, queue, packet) {
        const slots = vif.steps.pieces(vif, packet.frame).length;
        const isCrossing = (queue.rx.reqCons % RX_RING.size) + slots > RX_RING.size;
        if (packet.gso || !isCrossing || slots === 1) correct.deliver(vif, queue, packet);
      },
    },
  },
];
