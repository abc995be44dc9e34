/** xenbus.h, enum xenbus_state: what a backend may do in each state of the frontend. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE, type XenbusState, stateName, stateText } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { Patience } from '../../harness/xen/wait.js';
import {
  closes,
  followsBack,
  goOffline,
  happens,
  othersSurvive,
  publishing,
  repeat,
  respondTo,
  seenByFrontend,
  stillPasses,
  TWICE,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('states');
export const states = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
/** States, or packets in a state, that some guests do not survive. */
const ODD = { ...PING, destructive: true } as const;
const CHECKPOINT = { ...ODD, needs: 'checkpoint' } as const;
const CARRIER = { ...PING, needs: 'carrier' } as const;
/** Connections of one vif. */
const MANY = 40;
const { initialising, initWait, connected, closing, closed, reconfiguring, reconfigured } = XENBUS_STATE;

/** A vif whose frontend is in a state before it is connected. */
const REACH = {
  Initialising: async (t: FrontendTest) => {
    const vif = await t.plug();
    // A whole connection of another vif is the sentinel: by then the frontend has seen this one.
    await t.fresh();
    return vif;
  },
  Initialised: publishing,
};

for (const [own, id, to, state, requirement] of [
  ['Initialising', 'closing-initialising', 'Closing', closing, 'XB-15'],
  ['Initialising', 'closed-initialising', 'Closed', closed, 'XB-32'],
  ['Initialised', 'closed-initialised', 'Closed', closed, 'XB-32'],
] as const) {
  test(id, `closes when the backend goes to ${to} while the frontend is ${own}`, PING, async (t) => {
    const vif = await REACH[own](t);
    await goOffline(vif, state);
    await t.check(requirement, () => vif.awaitState([closed]));
    await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
  });
}

test('closing-early-packets', 'closes before it is Connected although packets arrived', ODD, async (t) => {
  const vif = await publishing(t);
  await vif.mapRings();
  const { rx } = vif.queue;
  rx.service();
  t.info(`${rx.buffers.length} packets arrived`);
  while (rx.buffers.length > 0) rx.enqueue(vif.quietFrame());
  vif.queue.pushRx();
  await goOffline(vif, closing);
  await t.check('XB-15', () => vif.awaitState([closed]));
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('answered-when-closed', 'survives responses and events once it is Closed', ODD, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, 24);
  await goOffline(vif, closing);
  await t.check('XB-15', () => vif.awaitState([closed]));
  respondTo(vif, packets);
  for (const port of [vif.queue.txPort, vif.queue.rxPort]) t.domain.events.notify(port);
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('stays-closed', 'stays Closed while the backend is Closed and online = 0', PING, async (t) => {
  const vif = await t.fresh();
  await goOffline(vif, closing);
  const isClosed = (): boolean => vif.other.value === String(closed);
  if (!(await happens(vif, 'state Closed', isClosed, Patience.defaultMs))) t.skip('the frontend does not go to Closed');
  vif.release();
  await vif.setState(closed);
  // A whole connection of another vif is the sentinel: by then the frontend has seen that state.
  await t.fresh();
  const since = vif.other.history.slice(vif.other.history.indexOf(String(closed)) + 1);
  await t.check('XB-33', () => expect(since, 'states after Closed').to.not.include(String(initialising)));
  await t.check('XB-15', () => expect(since, 'states after Closed').to.not.include(String(closing)));
});

test('online-alone', 'stays connected while the online key alone changes', PING, async (t) => {
  const vif = await t.fresh();
  for (const value of ['0', undefined, '1']) {
    await vif.writeKeys({ [KEY.online]: value });
    // A whole connection of another vif is the sentinel: by then the frontend has seen that value.
    await t.fresh();
    await t.check('XB-34', () => staysConnected(vif));
  }
});

test('init-wait-again', 'connects once to a backend that writes InitWait again', PING, async (t) => {
  const vif = await publishing(t);
  await vif.setState(initWait);
  // A whole connection of another vif is the sentinel: by then the frontend has seen that state.
  await t.fresh();
  await t.check('XB-21', async () => {
    await vif.mapRings();
    await vif.setState(connected);
    await vif.awaitState([connected]);
    await t.configure(vif);
    await vif.ping();
  });
});

test('reconfigured', 'keeps packets in flight while the backend reconfigures', ODD, async (t) => {
  const vif = await t.fresh();
  let packets = await withhold(t, vif, 8);
  for (const state of [reconfiguring, reconfigured, connected]) {
    await vif.setState(state);
    // A whole connection of another vif is the sentinel: by then the frontend has seen that state.
    await t.fresh();
    respondTo(vif, packets);
    // The frontend may follow its backend to these states.
    const allowed = [connected, state];
    await t.check('XB-05', () => staysConnected(vif, allowed));
    if (!isIn(vif, allowed)) return;
    packets = await withhold(t, vif, 8);
  }
  respondTo(vif, packets);
});

test('save-cancelled', 'keeps its connection when the save of its guest is cancelled', CHECKPOINT, async (t) => {
  const vif = await t.fresh();
  for (let round = 0; round < TWICE; round++) {
    const packets = await withhold(t, vif, 8);
    await t.checkpoint();
    // A whole connection of another vif is the sentinel: by then the frontend has done what it does after a save.
    await t.fresh();
    respondTo(vif, packets);
    for (let n = 0; n < 20; n++) await t.check('XB-36', () => staysConnected(vif));
  }
});

test('directory-returns', 'survives a backend directory that disappears and is created again', ODD, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh();
  await withhold(t, vif, 24);
  await backendRestarts(t, vif);
  await othersSurvive(t, 'ROB-02', other, [vif]);
});

test('carrier-down', 'has no carrier from the start if the backend connects with carrier = 0', CARRIER, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.carrier]: '0' });
  await vif.connect();
  const hasCarrier = (): Promise<boolean> => t.hasCarrier(vif);
  await t.check('LINK-03', () => vif.until('carrier state 0 in the guest', async () => !(await hasCarrier())));
  await vif.writeKeys({ [KEY.carrier]: '1' });
  await t.check('LINK-03', () => vif.until('carrier state 1 in the guest', hasCarrier));
  await t.configure(vif);
  await stillPasses(t, 'LINK-03', vif);
});

test('carrier-removed', 'has a carrier again once the carrier node is gone', CARRIER, async (t) => {
  // Without a carrier the guest may send nothing, so its interface is configured later.
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.carrier]: '0' });
  await vif.connect();
  await t.check('LINK-03', () => vif.until('carrier state 0 in the guest', async () => !(await t.hasCarrier(vif))));
  await vif.writeKeys({ [KEY.carrier]: undefined });
  await t.check('LINK-02', () => vif.until('carrier state 1 in the guest', () => t.hasCarrier(vif)));
  await t.configure(vif);
  await stillPasses(t, 'LINK-02', vif);
});

test('connected-often', 'connects a vif dozens of times', PING, async (t) => {
  const vif = await t.fresh();
  await followsBack(t, vif);
  await t.check('XB-14', async () => {
    await repeat(t, vif, MANY, () => connectedAgain(t, vif));
    await vif.ping();
  });
});

test('carrier-again', 'follows the carrier node on each queue, in later connections too', CARRIER, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.carrier]: '1', [KEY.multiQueueMaxQueues]: '3' });
  for (let round = 0; round < TWICE; round++) {
    await followsBack(t, vif);
    for (const value of ['0', '1']) {
      await vif.writeKeys({ [KEY.carrier]: value });
      await t.check('LINK-03', () =>
        vif.until(`carrier state ${value} in the guest`, async () => (await t.hasCarrier(vif)) === (value === '1')),
      );
      if (value === '1') await t.check('LINK-03', () => passesOnEach(vif));
      // Whatever the guest does with these without a carrier, it sends on each queue later.
      else for (const queue of vif.queues) await vif.deliver(vif.pingFrame().frame, {}, queue);
      for (const queue of vif.queues) await seenByFrontend(vif, queue);
    }
  }
});

/** Passes a ping on each queue. */
async function passesOnEach(vif: BackendPeer): Promise<void> {
  for (const queue of vif.queues) await vif.ping({ queue });
}

/** Has a frontend that follows its backend connect once more. */
async function connectedAgain(t: FrontendTest, vif: BackendPeer): Promise<void> {
  const { history } = vif.other;
  // One that goes to Initialising by itself, as mini-os and iPXE do, may wait until it has seen its backend Closed.
  const startsItself = history.lastIndexOf(String(initialising)) > 0;
  if (!(await closes(vif))) t.skip('the frontend does not close with its backend');
  if (startsItself) await happens(vif, 'state Initialising', () => isIn(vif, [initialising]));
  await vif.setState(initWait);
  await vif.connect();
  await t.configure(vif);
}

const isIn = (vif: BackendPeer, states: readonly XenbusState[]): boolean =>
  states.map(String).includes(vif.other.value ?? '');

/**
 * Expects that the frontend is Connected, or in another state with a connection, and passes a ping. Without a
 * connection, its grants may have ended.
 */
async function staysConnected(vif: BackendPeer, states: readonly XenbusState[] = [connected]): Promise<void> {
  expect(stateText(vif.other.value), 'state of the frontend').to.be.oneOf(states.map(stateName));
  await vif.ping();
}

/** Acts as a driver domain that restarts: the directory disappears, and a new one has no connection. */
async function backendRestarts(t: FrontendTest, vif: BackendPeer): Promise<void> {
  const { store } = t.domain;
  const names = (await store.list(vif.path)) ?? [];
  const keys = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await store.read(`${vif.path}/${name}`)) ?? ''] as const)),
  );
  const permissions = (await store.permissions(vif.path)) ?? [];
  vif.release();
  await store.remove(vif.path);
  // A whole connection of another vif is the sentinel: by then the frontend has seen that the directory is gone.
  await t.fresh();
  await store.transaction(async (access) => {
    await access.write(vif.path, '');
    await access.setPermissions(vif.path, permissions);
  });
  for (const state of [initialising, initWait]) {
    await vif.writeKeys({ ...keys, state: String(state) });
    await t.fresh();
  }
}
