/** What correct frontends choose for their keys and states in addition to the ways of frontend-walks.ts. */
import { readOther, STATE } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';

/** Writes the keys that match `late` when the backend is Connected, before it goes to Connected itself. */
export const keysBeforeConnected = (late: RegExp): Partial<FrontendSteps> => {
  const held = new WeakMap<FrontendVif, [string, string][]>();
  return {
    async publish(vif, keys) {
      const all = Object.entries(keys);
      held.set(
        vif,
        all.filter(([key]) => late.test(key)),
      );
      await correct.publish(vif, Object.fromEntries(all.filter(([key]) => !late.test(key))));
    },
    async follow(vif, state, own) {
      if (state === STATE.connected && own === STATE.initialised)
        for (const [key, value] of held.get(vif) ?? []) await vif.domain.store.write(`${vif.path}/${key}`, value);
      await correct.follow(vif, state, own);
    },
  };
};

/** Notifies, sends and sends control requests before it goes to Connected. */
export const startsBeforeConnected: Partial<FrontendSteps> = {
  async follow(vif, state, own) {
    if (state !== STATE.connected || own !== STATE.initialised) return correct.follow(vif, state, own);
    vif.steps.start(vif);
    await vif.steps.setState(vif, STATE.connected);
  },
};

/** Goes from Closed to Initialising while its backend is online, if `isTime` after a step of its close. */
const initialisingAgain = (isTime: (state: string | undefined, own: string | undefined) => boolean) => {
  const again = new WeakSet<FrontendVif>();
  return {
    async connect(vif) {
      again.delete(vif);
      await correct.connect(vif);
    },
    async closeWith(vif, state, own) {
      if (again.has(vif) && own === STATE.initialising) return;
      await correct.closeWith(vif, state, own);
      if (!isTime(state, own)) return;
      const online = await readOther(vif.domain.store, `${vif.backendPath}/online`);
      if (online === undefined || online === '0') return;
      again.add(vif);
      await vif.steps.setState(vif, STATE.initialising);
    },
  } satisfies Partial<FrontendSteps>;
};

/** Goes from Closed to Initialising while its backend is online. */
export const initialisingAfterClosed = (): Partial<FrontendSteps> =>
  initialisingAgain((_, own) => own !== STATE.closed);

/** Milliseconds from an event of xenstore until a slow guest reads what has changed. */
const SLOW_MS = 20;

/**
 * Goes from Closed to Initialising once it has seen that its backend is Closed too, and online. Reads the state of its
 * backend some time after an event: it misses a state that does not last.
 */
export const initialisingOnceBothClosed = (): Partial<FrontendSteps> => ({
  ...initialisingAgain((state) => state === STATE.closed),
  async backendChanged(vif) {
    await new Promise<void>((resolve) => vif.domain.clock.after(SLOW_MS, resolve));
    await correct.backendChanged(vif);
  },
  async follow(vif, state, own) {
    if (state === STATE.initWait && own !== STATE.initialising) return;
    await correct.follow(vif, state, own);
  },
});

/** Goes to Reconfiguring and Reconfigured with its backend. */
export const followsReconfiguring: Partial<FrontendSteps> = {
  async follow(vif, state, own) {
    const isConnected = own === STATE.connected || own === STATE.reconfiguring || own === STATE.reconfigured;
    const states: readonly (string | undefined)[] = [STATE.reconfiguring, STATE.reconfigured, STATE.connected];
    if (isConnected && state !== undefined && own !== state && states.includes(state))
      return vif.steps.setState(vif, state);
    await correct.follow(vif, state, own);
  },
};

/** Writes the references of its rings and its event channels with leading zeros. */
export const leadingZeros: Partial<FrontendSteps> = {
  publish(vif, keys) {
    const padded = Object.entries(keys).map(([key, value]) => {
      return [key, /-ref$|event-channel/.test(key) ? value.padStart(8, '0') : value] as const;
    });
    return correct.publish(vif, Object.fromEntries(padded));
  },
};

/** Uses another number of queues for each connection. */
export const queuesVary = (): Partial<FrontendSteps> => {
  let connections = 0;
  return {
    queueCount(offered) {
      const most = correct.queueCount(offered);
      return most - (connections++ % most);
    },
  };
};
