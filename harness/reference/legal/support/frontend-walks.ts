/** Ways in which correct frontends go through the states of xenbus, and publish their keys. */
import { XENBUS_STATE } from '../../../protocol/xenbus.js';
import type { Clock } from '../../../xen/domain.js';
import { readOther, writeState } from '../../bus.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';

const STATE = Object.fromEntries(Object.entries(XENBUS_STATE).map(([name, state]) => [name, String(state)])) as Record<
  keyof typeof XENBUS_STATE,
  string
>;

export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

const backendState = (vif: FrontendVif): Promise<string | undefined> =>
  readOther(vif.domain.store, `${vif.backendPath}/state`);

const ownState = (vif: FrontendVif): Promise<string | undefined> => vif.domain.store.read(`${vif.path}/state`);

/** Goes from Initialising to Connected, without Initialised. */
export const straight: Partial<FrontendSteps> = {
  invite: (vif) => vif.steps.setState(vif, STATE.connected),
};

/** Goes through Initialised without waiting there. */
export const throughInitialised: Partial<FrontendSteps> = {
  async invite(vif) {
    await vif.steps.setState(vif, STATE.initialised);
    await vif.steps.setState(vif, STATE.connected);
  },
};

/** Waits before it connects. A backend that has moved on by then is looked at again. */
export const connectsLate = (ms: number): Partial<FrontendSteps> => ({
  async follow(vif, state, own) {
    if (state !== STATE.initWait) return correct.follow(vif, state, own);
    await sleep(vif.domain.clock, ms);
    if ((await readOther(vif.domain.store, `${vif.backendPath}/state`)) === state)
      await correct.follow(vif, state, own);
    else vif.seen = undefined;
  },
});

/** Writes the keys and the state Connected in one transaction. */
export const together: Partial<FrontendSteps> = {
  publish: (vif, keys) =>
    vif.domain.store.transaction(async (access) => {
      if ((await access.read(`${vif.path}/state`)) === undefined) return;
      for (const [key, value] of Object.entries({ ...keys, state: STATE.connected })) {
        await access.write(`${vif.path}/${key}`, value);
      }
    }),
};

/** Writes all keys in one transaction and leaves those of an earlier connection. */
export const leavesKeys: Partial<FrontendSteps> = {
  async publish(vif, keys) {
    await vif.domain.store.transaction(async (access) => {
      for (const [key, value] of Object.entries(keys)) await access.write(`${vif.path}/${key}`, value);
    });
    await vif.steps.invite(vif);
  },
};

/** Writes each key separately, in reverse order. */
export const singly: Partial<FrontendSteps> = {
  async publish(vif, keys) {
    for (const [key, value] of Object.entries(keys).reverse())
      await vif.domain.store.write(`${vif.path}/${key}`, value);
    await vif.steps.invite(vif);
  },
};

/** Publishes as soon as it sees its device, whatever the backend's state and features. */
export const unasked: Partial<FrontendSteps> = {
  accepts: () => Promise.resolve(true),
  async backendChanged(vif) {
    if ((await ownState(vif)) === STATE.initialising && vif.queues.length === 0) await vif.steps.connect(vif);
    await correct.backendChanged(vif);
  },
  async follow(vif, state, own) {
    if (state !== STATE.initWait) await correct.follow(vif, state, own);
  },
};

/** Works with any backend that is in InitWait, without a check of feature-rx-copy. */
export const anyBackend: Partial<FrontendSteps> = { accepts: () => Promise.resolve(true) };

/** Goes to Closed without Closing. */
export const closesAtOnce = {
  async closeWith(vif, _, own) {
    vif.steps.disconnect(vif);
    if (own !== STATE.closed) await vif.steps.setState(vif, STATE.closed);
  },
} satisfies Partial<FrontendSteps>;

/** Ignores a backend that goes straight to Closed; otherwise it closes as `usual` does. */
export const closesOnClosing = (usual: Pick<FrontendSteps, 'closeWith'>): Partial<FrontendSteps> => ({
  async closeWith(vif, state, own) {
    if (state === STATE.closing || own === STATE.closing) await usual.closeWith(vif, state, own);
  },
});

/** Keeps its connection until its directory is removed. */
export const neverCloses: Partial<FrontendSteps> = { closeWith: () => Promise.resolve() };

/** Closes with a backend that is Closing and no longer online. */
export const closesOffline: Partial<FrontendSteps> = {
  async closeWith(vif, state, own) {
    const online = await readOther(vif.domain.store, `${vif.backendPath}/online`);
    if (online === '0') await correct.closeWith(vif, state, own);
    // The backend may go offline later, and write its state again.
    else vif.seen = undefined;
  },
};

/** Delays each change of its state by `ms`. */
export const slowly = (ms: number): Partial<FrontendSteps> => ({
  async setState(vif, state) {
    await sleep(vif.domain.clock, ms);
    await correct.setState(vif, state);
  },
});

/** Stays in Closing until the backend has responded to all requests, or is gone. */
export const closesWhenAnswered: Partial<FrontendSteps> = {
  async closeWith(vif, _, own) {
    if (own === STATE.closed) return vif.steps.disconnect(vif);
    await vif.steps.setState(vif, STATE.closing);
    const isBusy = (): boolean => vif.queues.some(({ sending }) => sending.size > 0);
    while (isBusy() && (await ownState(vif)) !== undefined && (await backendState(vif)) === STATE.closing) {
      await sleep(vif.domain.clock, 10);
    }
    vif.steps.disconnect(vif);
    await vif.steps.setState(vif, STATE.closed);
  },
};

/** Stays in Closing until the backend is Closed. */
export const closesLast: Partial<FrontendSteps> = {
  async closeWith(vif, state, own) {
    if (own === STATE.closed) return vif.steps.disconnect(vif);
    if (state === STATE.closing) return vif.steps.setState(vif, STATE.closing);
    await correct.closeWith(vif, state, own);
  },
};

/** Goes to InitWait when it sees its device. */
export const viaInitWait: Partial<FrontendSteps> = {
  async backendChanged(vif) {
    if ((await ownState(vif)) === STATE.initialising) {
      vif.seen = undefined;
      await vif.steps.setState(vif, STATE.initWait);
    }
    await correct.backendChanged(vif);
  },
};

/** Removes its keys after Closed. */
export const removesKeys: Partial<FrontendSteps> = {
  async closeWith(vif, state, own) {
    await correct.closeWith(vif, state, own);
    const names = (await vif.domain.store.list(vif.path)) ?? [];
    const ours = names.filter((name) => /^(feature-|request-|multi-queue-|queue-|event-channel|.*-ref$)/.test(name));
    for (const name of ours) await vif.domain.store.remove(`${vif.path}/${name}`);
  },
};

/**
 * Starts again with a backend that is past InitWait when it sees its device: `first` is the state by which it asks the
 * backend to close.
 */
export const startsOver = (first: 'closing' | 'closed'): Partial<FrontendSteps> => {
  const leaving = new WeakSet<FrontendVif>();
  return {
    async backendChanged(vif) {
      const [state, own] = [await backendState(vif), await ownState(vif)];
      const isPast = [STATE.initialised, STATE.connected, STATE.closing].includes(state ?? '');
      if (own === STATE.initialising && vif.queues.length === 0 && isPast) {
        leaving.add(vif);
        return writeState(vif.domain.store, vif.path, STATE[first]);
      }
      if (!leaving.has(vif)) return correct.backendChanged(vif);
      if (state === STATE.closing && own === STATE.closing) return writeState(vif.domain.store, vif.path, STATE.closed);
      if (state === STATE.closed) {
        leaving.delete(vif);
        await writeState(vif.domain.store, vif.path, STATE.initialising);
      }
    },
  };
};
