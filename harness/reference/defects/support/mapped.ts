/** Faults in either kind of table of mapped grants: gref mapping and staging pools. */
import { encodeRxResponse } from '../../../protocol/rx.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';

type Table = 'mapped' | 'rxPool';

/** Responds as if it had filled a buffer of the table that is mapped read-only. */
export const claimsToFill = (table: Table): Partial<BackendSteps> => ({
  fill(vif, queue, request, piece, flags) {
    const page = queue[table].page(request.gref);
    if (!page || page.writable) return correct.fill(vif, queue, request, piece, flags);
    queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: piece.length }));
  },
});

/** Keeps the table mapped after the end of the connection. */
export const keepsOverClose = (table: Table): Partial<BackendSteps> => ({
  disconnect(vif) {
    for (const queue of vif.queues) queue[table].clear = () => {};
    correct.disconnect(vif);
  },
});
