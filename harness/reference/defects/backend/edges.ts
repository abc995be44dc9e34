/** Defects of the reference backend, chapter edges. */
import { advance, RING_OFFSET, TX_RING } from '../../../protocol/ring.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import type { TxChain } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';
import { refuses } from '../support/backend.js';

export const BACKEND_EDGES_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.edges.first-slot-alone',
    breaks: 'NOTIFY-02',
    fault: 'notifies of a packet only if the event index is at its first slot',
    backend: {
      push(vif, ring, port) {
        const [published = 0] = ring.ownFields().wrote;
        if (ring.push() && ring.indices().rspEvent === advance(published, 1)) vif.domain.events.notify(port);
      },
    },
  },
  {
    id: 'backend.edges.control-event-unsigned',
    breaks: 'NOTIFY-06',
    fault: 'compares the event index of the control ring without regard to the wrap at 2^32',
    backend: {
      openControl(vif, frontend, ref, channel) {
        correct.openControl(vif, frontend, ref, channel);
        const { ring } = vif.control ?? {};
        if (!ring) return;
        const push = ring.push.bind(ring);
        ring.push = () => {
          const before = ring.page.load32(RING_OFFSET.rspProd);
          const event = ring.indices().rspEvent;
          push();
          return before < event && event <= ring.page.load32(RING_OFFSET.rspProd);
        };
      },
    },
  },
  {
    id: 'backend.edges.no-last-byte',
    breaks: 'TXW-02',
    fault: 'refuses a fragment that begins at the last byte of its page',
    backend: refuses(({ requests }) => requests.some(({ offset }) => offset === PAGE_SIZE - 1)),
  },
  {
    id: 'backend.edges.extra-in-first-slot',
    breaks: 'RING-01',
    fault: 'refuses a packet whose extra is in the first slot of the ring',
    backend: {
      takeChain(queue) {
        const start = queue.tx.reqCons;
        const chain = correct.takeChain(queue);
        const isAcross = start % TX_RING.size === TX_RING.size - 1 && chain?.layout[1] === true;
        return chain && isAcross ? { ...chain, extras: [], fault: 'an extra in the first slot' } : chain;
      },
    },
  },
  {
    id: 'backend.edges.small-first',
    breaks: 'TXW-30',
    fault: 'forwards the packets of one slot in a batch before those of several',
    backend: {
      serveTx(vif, queue) {
        const later: TxChain[] = [];
        for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
          if (chain.layout.length > 1) later.push(chain);
          else vif.steps.serveChain(vif, queue, chain);
        }
        for (const chain of later) vif.steps.serveChain(vif, queue, chain);
        correct.serveTx(vif, queue);
      },
    },
  },
];
