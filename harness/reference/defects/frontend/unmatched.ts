/** Defects of the reference frontend, chapter unmatched. */
import { CTRL_TYPE } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { Defect } from '../defect.js';
import { mortalFrontend } from '../support/mortal.js';

/** Entries of a mapping table that a defect asks for. */
const FIXED_SIZE = 128;

export const FRONTEND_UNMATCHED_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.unmatched.dies-of-overflow',
    breaks: 'ROB-02',
    fault: 'serves no vif any more after more control responses than requests',
    frontend: mortalFrontend((die) => ({
      serveControl(vif) {
        if (vif.control && !vif.control.ring.unconsumed().ok) die();
        correct.serveControl(vif);
      },
    })),
  },
  {
    id: 'frontend.unmatched.low-byte-of-id',
    breaks: 'CTRL-24',
    fault: 'finds the request of a control response by the low byte of its id',
    frontend: {
      takeControlResponse(vif, bytes) {
        correct.takeControlResponse(
          vif,
          Uint8Array.from(bytes, (byte, n) => (n === 1 ? 0 : byte)),
        );
      },
    },
  },
  {
    id: 'frontend.unmatched.fixed-table',
    breaks: 'HASH-43',
    fault: 'asks for a mapping table of 128 entries, whatever room the backend has',
    frontend: {
      ask: (vif, type, a = 0, b = 0, c = 0) =>
        correct.ask(vif, type, type === CTRL_TYPE.setHashMappingSize ? FIXED_SIZE : a, b, c),
    },
  },
];
