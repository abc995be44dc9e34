/** Faults that a backend can have in any table of grants that it keeps mapped. */
import { encodeRxResponse } from '../../protocol/rx.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../backend-steps.js';

type Table = 'mapped' | 'rxPool';

/** Claims to have filled a buffer of the table that it may not write. */
export const claimsToFill = (table: Table): Partial<BackendSteps> => ({
  fill(vif, queue, request, piece, flags) {
    const page = queue[table].page(request.gref);
    if (!page || page.writable) return correct.fill(vif, queue, request, piece, flags);
    queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: piece.length }));
  },
});

/** Keeps the table over the end of the connection. */
export const keepsOverClose = (table: Table): Partial<BackendSteps> => ({
  disconnect(vif) {
    for (const queue of vif.queues) queue[table].clear = () => {};
    correct.disconnect(vif);
  },
});
