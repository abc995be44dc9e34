/** Defects of the reference backend, chapter layouts. */
import { RSP } from '../../../protocol/netif.js';
import { encodeTxResponse } from '../../../protocol/tx.js';
import { responsesTo } from '../../transmit-steps.js';
import type { Defect } from '../defect.js';

export const BACKEND_LAYOUTS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.layouts.one-of-each-id',
    breaks: 'RING-09',
    fault: 'finds the slots of a packet by their ids, so it responds once to several with the same id',
    backend: {
      respond(vif, queue, chain, status) {
        const seen = new Set<number>();
        for (const response of responsesTo(chain, status)) {
          if (response.status !== RSP.null && seen.has(response.id)) continue;
          seen.add(response.id);
          queue.tx.put(encodeTxResponse(response));
        }
        vif.steps.push(vif, queue.tx, queue.txPort);
      },
    },
  },
];
