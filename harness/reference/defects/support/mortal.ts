/** Faults with which one vif takes down all other vifs of its driver. Vifs that are connected afterwards are served. */
import { BACKEND_STEPS, type BackendSteps } from '../../backend-steps.js';
import type { BackendVif } from '../../backend.js';
import { readOther, STATE } from '../../bus.js';
import { FRONTEND_STEPS, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import { Counts } from './counts.js';

/** Ends service for every vif that was served so far, and for `also`. */
type Die = (also?: object) => void;

/** Each defect has its own: a vif that is dead for one defect is alive for the others. */
function mortality(): { readonly die: Die; readonly serves: (vif: object) => boolean } {
  const dead = new WeakSet();
  let served: object[] = [];
  return {
    die: (also) => {
      for (const vif of also ? [...served, also] : served) dead.add(vif);
      served = [];
    },
    serves: (vif) => {
      if (dead.has(vif)) return false;
      if (!served.includes(vif)) served.push(vif);
      return true;
    },
  };
}

/** A backend with the steps that `stepsOf` returns, one of which calls `die`. */
export function mortalBackend(stepsOf: (die: Die) => Partial<BackendSteps>): Partial<BackendSteps> {
  const { die, serves } = mortality();
  const steps = stepsOf(die);
  return {
    ...steps,
    serve(vif, queue) {
      if (serves(vif)) (steps.serve ?? BACKEND_STEPS.serve)(vif, queue);
    },
  };
}

/** A backend that ends service at the first packet for which `bad` returns true. */
export const diesOf = (bad: (chain: Parameters<BackendSteps['serveChain']>[2]) => boolean): Partial<BackendSteps> =>
  mortalBackend((die) => ({
    serveChain(vif, queue, chain) {
      if (bad(chain)) die();
      BACKEND_STEPS.serveChain(vif, queue, chain);
    },
  }));

/** A frontend with the steps that `stepsOf` returns, one of which calls `die`. */
export function mortalFrontend(stepsOf: (die: Die) => Partial<FrontendSteps>): Partial<FrontendSteps> {
  const { die, serves } = mortality();
  const steps = stepsOf(die);
  return {
    ...steps,
    serve(vif, queue) {
      if (serves(vif)) (steps.serve ?? FRONTEND_STEPS.serve)(vif, queue);
    },
  };
}

/** Spurious events in a row that a vif tolerates. */
const MAX_SPURIOUS = 12;

/** Counts the spurious events of each vif; the function returns whether there were too many in a row. */
export function countSpurious(): (vif: object, isSpurious: boolean) => boolean {
  const counts = new Counts();
  return (vif, isSpurious) => {
    if (isSpurious) return counts.next(vif) > MAX_SPURIOUS;
    counts.clear(vif);
    return false;
  };
}

/** Whether the peer's state is missing or invalid while this driver is Connected. */
export async function isLost(vif: BackendVif | FrontendVif, otherPath: string): Promise<boolean> {
  const own = await readOther(vif.domain.store, `${vif.path}/state`);
  const other = await readOther(vif.domain.store, `${otherPath}/state`);
  return own === STATE.connected && (other === undefined || !/^[1-8]$/.test(other));
}
