/** What correct frontends advertise, request and use. */
import { KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';

type Keys = Readonly<Record<string, string>>;

/** The keys of a frontend: those of the reference driver with `change` applied; undefined removes a key. */
export const keys = (change: Readonly<Record<string, string | undefined>>): Partial<FrontendSteps> => ({
  features: () => defined({ ...correct.features(), ...change }),
});

/** Only these keys. */
export const onlyKeys = (all: Keys): Partial<FrontendSteps> => ({ features: () => ({ ...all }) });

/** Does not use the backend's features in `unused`. */
export const without = (...unused: readonly string[]): Partial<FrontendSteps> => ({
  wanted: () => correct.wanted().filter((key) => !unused.includes(key)),
});

/** Uses the backend's features in `used`, and no others. */
export const only = (...used: readonly string[]): Partial<FrontendSteps> => ({ wanted: () => used });

/** Uses at most `most` queues. */
export const queues = (most: number): Partial<FrontendSteps> => ({
  queueCount(offered) {
    const max = Number(offered ?? '1');
    return /^[0-9]+$/.test(offered ?? '1') && max >= 1 ? Math.min(max, most) : 1;
  },
});

/** Does not support several queues. */
export const oneQueue: Partial<FrontendSteps> = { queueCount: () => 1, countKeys: () => ({}) };

/** Writes its number of queues if it has several. */
export const countIfSeveral: Partial<FrontendSteps> = {
  countKeys: (_, count): Record<string, string> => (count > 1 ? { [KEY.multiQueueNumQueues]: String(count) } : {}),
};

/** Writes its number of queues to every backend. */
export const countAlways: Partial<FrontendSteps> = {
  countKeys: (_, count) => ({ [KEY.multiQueueNumQueues]: String(count) }),
};

/** Writes its features as soon as it sees its device, and the rest when the backend is in InitWait. */
export const featuresEarly = (): Partial<FrontendSteps> => {
  const done = new WeakSet<FrontendVif>();
  return {
    async backendChanged(vif) {
      if (!done.has(vif)) {
        done.add(vif);
        for (const [key, value] of Object.entries(vif.steps.features())) {
          await vif.domain.store.write(`${vif.path}/${key}`, value);
        }
      }
      await correct.backendChanged(vif);
    },
  };
};

function defined(all: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
