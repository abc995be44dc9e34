/** Ways of legal backends through the xenbus states. */
import type { BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { readOther, STATE } from '../../bus.js';

type Changed = BackendSteps['frontendChanged'];
/** Replaces the transition at some states; `next` handles all others. */
type Walk = (next: Changed) => Changed;

/** A backend with these ways; any other transition is that of the reference driver. */
export function walking(...walks: readonly Walk[]): Pick<BackendSteps, 'frontendChanged'> {
  return {
    frontendChanged: walks.reduceRight<Changed>(
      (next, walk) => walk(next),
      (vif) => correct.frontendChanged(vif),
    ),
  };
}

/** The states of a vif's frontend and of the vif itself; undefined for a removed directory. */
async function states(vif: BackendVif): Promise<{ frontend: string | undefined; own: string | undefined }> {
  const { store } = vif.domain;
  return {
    frontend: await readOther(store, `${vif.frontendPath}/state`),
    own: await readOther(store, `${vif.path}/state`),
  };
}

/** Goes to InitWait `ms` milliseconds after it saw the device. */
export const lateInitWait =
  (ms: number): Walk =>
  (next) =>
  async (vif) => {
    const { own } = await states(vif);
    if (own === STATE.initialising) await passed(vif, ms);
    await next(vif);
  };

/** Connects `ms` milliseconds after the frontend's state requests it. */
export const lateConnected =
  (ms: number): Walk =>
  (next) =>
  async (vif) => {
    const { frontend, own } = await states(vif);
    if (own === STATE.initWait && (frontend === STATE.initialised || frontend === STATE.connected))
      await passed(vif, ms);
    await next(vif);
  };

/** Follows a frontend in Closing `ms` milliseconds later. */
export const lateClosing =
  (ms: number): Walk =>
  (next) =>
  async (vif) => {
    const { frontend, own } = await states(vif);
    if (frontend === STATE.closing && own === STATE.connected) await passed(vif, ms);
    await next(vif);
  };

/** Connects only a frontend in Connected, and waits for one in Initialised. */
export const connectedAlone: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (frontend === STATE.initialised && own !== STATE.initialising) return;
  await next(vif);
};

/** Passes through Initialised on its way to Connected. */
export const throughInitialised: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (own === STATE.initWait && (frontend === STATE.initialised || frontend === STATE.connected))
    await vif.steps.setState(vif, STATE.initialised);
  await next(vif);
};

/** Connects once per device: a frontend that starts again after a close gets no connection. */
export const connectsOnce: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (own === STATE.closed || (frontend === STATE.initialising && own !== STATE.initialising)) return;
  await next(vif);
};

/** Treats Reconfiguring and Reconfigured as errors. */
export const reconfiguringFatal: Walk = (next) => async (vif) => {
  const { frontend } = await states(vif);
  if (frontend !== '7' && frontend !== '8') return next(vif);
  if (vif.queues.length === 0) return;
  vif.steps.disconnect(vif);
  await vif.steps.refuse(vif, `saw state ${frontend} at frontend`);
};

/** Goes straight to Closed when the frontend is Closing. */
export const closedAtOnce: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (frontend !== STATE.closing) return next(vif);
  vif.seen = frontend;
  vif.steps.disconnect(vif);
  if (own !== STATE.closed) await vif.steps.setState(vif, STATE.closed);
};

/** Goes through Closing to Closed, however its frontend closes. */
export const closingFirst: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (frontend === STATE.closed && own === STATE.connected) await vif.steps.setState(vif, STATE.closing);
  await next(vif);
};

/** Waits in Closing, with all resources, until the frontend is Closed. */
export const releasesLate: Walk = (next) => async (vif) => {
  const { frontend } = await states(vif);
  if (frontend !== STATE.closing) return next(vif);
  if (vif.seen === frontend) return;
  vif.seen = frontend;
  await vif.steps.setState(vif, STATE.closing);
};

/** Removes its own directory when the frontend closes. */
export const removesItself: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (own === undefined) return;
  if (frontend !== STATE.closing && frontend !== STATE.closed) return next(vif);
  vif.steps.disconnect(vif);
  await vif.domain.store.remove(vif.path);
};

/** Does nothing when the directory of its frontend disappears. */
export const waitsForToolstack: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (frontend !== undefined || own === undefined) await next(vif);
};

/** Goes from Closing to Closed without waiting for the frontend. */
export const closedAlone: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  await next(vif);
  if (frontend === STATE.closing && own !== STATE.closed) await vif.steps.setState(vif, STATE.closed);
};

/** Returns to InitWait as soon as both ends are Closed, unless the toolstack has removed the device. */
export const reopensAlone: Walk = (next) => async (vif) => {
  const { frontend } = await states(vif);
  const isNew = frontend !== vif.seen;
  await next(vif);
  if (frontend !== STATE.closed || !isNew) return;
  const online = await readOther(vif.domain.store, `${vif.path}/online`);
  if (online !== undefined && online !== '0') await vif.steps.setState(vif, STATE.initWait);
};

/** Passes through Closing and Closed when a connected frontend starts again. */
export const reinitByClosed: Walk = (next) => async (vif) => {
  const { frontend, own } = await states(vif);
  if (frontend === STATE.initialising && own === STATE.connected) {
    vif.steps.disconnect(vif);
    for (const state of [STATE.closing, STATE.closed]) await vif.steps.setState(vif, state);
  }
  await next(vif);
};

function passed({ domain }: BackendVif, ms: number): Promise<void> {
  return new Promise((resolve) => domain.clock.after(ms, resolve));
}
