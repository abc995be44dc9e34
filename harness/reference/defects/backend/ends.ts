/** Defects of the reference backend, chapter ends. */
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { STATE } from '../../bus.js';
import type { MappedGrants } from '../../mapped-grants.js';
import type { Defect } from '../defect.js';

type Table = 'mapped' | 'txPool' | 'rxPool';

/** Keeps the tables of some queues mapped at some ends of a connection. */
const keeping = (
  isKept: (vif: BackendVif, queue: BackendQueueState) => boolean,
  tables: readonly Table[],
): Pick<BackendSteps, 'disconnect'> => ({
  disconnect(vif) {
    for (const queue of vif.queues.filter((each) => isKept(vif, each))) {
      for (const table of tables) queue[table].clear = (): void => {};
    }
    correct.disconnect(vif);
  },
});

const isEmpty = ({ size }: MappedGrants): boolean => size === 0;

export const BACKEND_ENDS_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.ends.closing-one-table',
    breaks: 'GNT-08',
    fault: 'unmaps the pools of a queue that closes only if it has no other grants mapped',
    backend: keeping(({ seen }, { mapped }) => seen === STATE.closing && !isEmpty(mapped), ['txPool', 'rxPool']),
  },
  {
    id: 'backend.ends.closed-keeps-grants',
    breaks: 'GNT-08',
    fault: 'unmaps the grants that a frontend added in Closing, but not if that goes to Closed at once',
    backend: keeping(({ seen }) => seen === STATE.closed, ['mapped']),
  },
  {
    id: 'backend.ends.restart-keeps-grants',
    breaks: 'GNT-08',
    fault: 'keeps the grants that a frontend added mapped when that starts again without a close',
    backend: keeping(({ seen }) => seen === STATE.initialising, ['mapped']),
  },
  {
    id: 'backend.ends.vanished-keeps-control',
    breaks: 'XB-37',
    fault: 'keeps the control ring of a frontend whose directory is removed',
    backend: {
      closeControl(vif) {
        if (vif.seen !== undefined) correct.closeControl(vif);
      },
    },
  },
  {
    id: 'backend.ends.removed-keeps-grants',
    breaks: 'XB-38',
    fault: 'keeps the grants that a frontend added mapped when its own directory is removed',
    backend: keeping(({ seen }) => seen === STATE.connected, ['mapped']),
  },
  {
    id: 'backend.ends.pools-in-pairs',
    breaks: 'GNT-08',
    fault: 'unmaps the rx pool of a queue only if it has a tx pool',
    backend: keeping((_, { txPool }) => isEmpty(txPool), ['rxPool']),
  },
];
