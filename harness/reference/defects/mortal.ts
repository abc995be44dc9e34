/** Faults by which one vif takes all others of its driver with it. Those that come after are served again. */

export interface Mortality {
  /** Ends service for every vif that was served so far. */
  readonly die: () => void;
  /** Whether a vif is still served. */
  readonly serves: (vif: object) => boolean;
}

/** A fault of its own: what dies of one doesn't die of another. */
export function mortality(): Mortality {
  const dead = new WeakSet();
  let served: object[] = [];
  return {
    die: () => {
      for (const vif of served) dead.add(vif);
      served = [];
    },
    serves: (vif) => {
      if (dead.has(vif)) return false;
      if (!served.includes(vif)) served.push(vif);
      return true;
    },
  };
}
