/** Defects of the reference backend, chapter positions: at one place of a ring, for some ids, flags or sizes only. */
import { EXTRA_FLAG_MORE, RSP, RXF } from '../../../protocol/netif.js';
import { RX_RING, TX_RING } from '../../../protocol/ring.js';
import { encodeTxResponse } from '../../../protocol/tx.js';
import { BACKEND_STEPS as correct } from '../../backend-steps.js';
import { responsesTo } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';

/** Bytes up to which a packet is copied; larger ones are forwarded later. */
const COPIED = 2048;

export const BACKEND_POSITIONS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.positions.extra-after-end',
    breaks: 'TXW-09',
    fault: 'refuses a packet whose extra is in the first slot of the ring',
    backend: {
      takeChain(queue) {
        const start = queue.tx.reqCons;
        const chain = correct.takeChain(queue);
        const isFirst = chain?.layout.some((isExtra, n) => isExtra && (start + n) % TX_RING.size === 0);
        return chain && isFirst ? { ...chain, fault: 'an extra in the first slot' } : chain;
      },
    },
  },
  {
    id: 'backend.positions.more-data-at-end',
    breaks: 'RXW-09',
    fault: 'clears more_data of a fragment in the last slot of the rx ring',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const isLast = queue.rx.rspProdPvt % RX_RING.size === RX_RING.size - 1;
        correct.fill(vif, queue, request, piece, isLast ? flags & ~RXF.moreData : flags);
      },
    },
  },
  {
    id: 'backend.positions.ids-modulo-256',
    breaks: 'TXW-11',
    fault: 'keeps the ids of a packet in a table of 256, where ids that are equal modulo 256 replace each other',
    backend: {
      respond(vif, queue, chain, status) {
        const ids = new Map(chain.requests.map(({ id }) => [id % 256, id]));
        for (const response of responsesTo(chain, status)) {
          const id = response.status === RSP.null ? response.id : (ids.get(response.id % 256) ?? response.id);
          queue.tx.put(encodeTxResponse({ ...response, id }));
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
  {
    id: 'backend.positions.exact-more-flag',
    breaks: 'EXTRA-11',
    fault: 'ignores all extras after one that has other flags next to the more flag',
    backend: {
      takeChain(queue) {
        const chain = correct.takeChain(queue);
        if (!chain) return undefined;
        const last = chain.extras.findIndex(({ flags }) => flags !== EXTRA_FLAG_MORE);
        return { ...chain, extras: last < 0 ? chain.extras : chain.extras.slice(0, last + 1) };
      },
    },
  },
  {
    id: 'backend.positions.large-later',
    breaks: 'TXW-30',
    fault: 'copies small packets at once and forwards large ones a millisecond later',
    backend: {
      accept(vif, queue, packet) {
        if (packet.frame.length <= COPIED) return correct.accept(vif, queue, packet);
        vif.domain.clock.after(1, () => {
          if (vif.queues.includes(queue)) correct.accept(vif, queue, packet);
        });
      },
    },
  },
];
