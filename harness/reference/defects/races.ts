/** Defects that lose a wake-up: only some orders of delivery show them. */
import { BACKEND_STEPS as backend } from '../backend-steps.js';
import { FRONTEND_STEPS as frontend } from '../frontend-steps.js';
import type { Defect } from './defect.js';

export interface Race extends Defect {
  /** The test that some seeds fail and others pass. */
  readonly test: string;
}

/** Vifs that are at something else. */
const busy = new WeakSet<object>();

async function whileBusy(vif: object, work: Promise<void>): Promise<void> {
  busy.add(vif);
  try {
    await work;
  } finally {
    busy.delete(vif);
  }
}

export const RACES: readonly Race[] = [
  {
    id: 'frontend.races.state-before-event',
    test: 'frontend.xenbus.same-state-again',
    breaks: 'XB-21',
    fault: 'drops an event that comes while it looks at a change of state',
    frontend: {
      backendChanged: (vif) => whileBusy(vif, frontend.backendChanged(vif)),
      serve(vif, queue) {
        if (!busy.has(vif)) frontend.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.races.state-before-event',
    test: 'backend.xenbus.same-state-again',
    breaks: 'XB-21',
    fault: 'drops an event that comes while it looks at a change of state',
    backend: {
      frontendChanged: (vif) => whileBusy(vif, backend.frontendChanged(vif)),
      serve(vif, queue) {
        if (!busy.has(vif)) backend.serve(vif, queue);
      },
    },
  },
  {
    id: 'backend.races.data-before-control',
    test: 'backend.control.beside-data',
    breaks: 'CTRL-18',
    fault: 'forgets its first control requests if they come while there are packets to send',
    backend: (() => {
      const asked = new WeakSet();
      return {
        serveControl(vif) {
          const requests = vif.control?.ring.unconsumed();
          const waiting = vif.queues.some(({ tx }) => {
            const ready = tx.unconsumed();
            return ready.ok && ready.value > 0;
          });
          const isFirst = requests?.ok === true && requests.value > 0 && !asked.has(vif);
          if (isFirst) asked.add(vif);
          if (!(isFirst && waiting)) backend.serveControl(vif);
        },
      };
    })(),
  },
];
