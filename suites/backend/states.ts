/** xenbus.h, states: frontends that stay in a state, leave it early or start again, and what refused ones leave behind. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { KEY } from '../../harness/protocol/netif.js';
import { stateName, stateText, XENBUS_STATE, type XenbusState } from '../../harness/protocol/xenbus.js';
import { leaked } from '../../harness/run/audit.js';
import { EnvironmentError } from '../../harness/run/environment.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import {
  closes,
  goesToConnected,
  queuesOffered,
  reconnect,
  returnsToInitWait,
  startsAgain,
  waiting,
} from './connection-verbs.js';
import { currentState, settledState, statusesOrSilence } from './refusal-verbs.js';
import { grantUses, through } from './verbs.js';

const { test, tests } = backendChapter('states');
export const states = tests;

const { initialising, initWait, initialised, connected, closing, closed } = XENBUS_STATE;
const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const PING = { fresh: true, reflector: 'icmp' } as const;
/** Malformed packets, and writes to xenstore that a backend may make while they arrive. */
const BAD_PACKETS = 100;
const FEW_WRITES = 20;
/** Connections of a vif of which each could leave something behind. */
const RECONNECTS = 3;
/** Frames to a vif that is not connected: fewer than it has buffers. */
const FRAMES = 8;

test('initialised', 'connects a frontend only once that stays in Initialised for some time', PING, async (t) => {
  const vif = await waiting(t);
  await vif.publish();
  await vif.setState(initialised);
  // A whole connection of another vif is the sentinel: the backend has seen each state by then.
  await t.fresh();
  await t.check('XB-09', async () => {
    await vif.setState(connected);
    await vif.awaitState([connected]);
    await t.fresh();
    expect(await currentState(vif), 'state').to.equal(stateName(connected));
    // A backend that connects once more loses nothing if the frontend was quick, but the frontend starts again.
    expect(statesSince(vif, connected), 'states since Connected').to.deep.equal([stateName(connected)]);
    await t.configure(vif);
    await vif.ping();
  });
});

for (const [name, what, path] of [
  ['closing-early', 'Closing', [closing, closed]],
  ['closed-early', 'Closed', [closed]],
] as const) {
  test(name, `follows a frontend that goes to ${what} before it has connected`, { fresh: true }, async (t) => {
    const vif = await waiting(t);
    for (const state of path) {
      await vif.setState(state);
      await t.check('XB-12', () => vif.awaitEnd(state === closing ? [closing, closed] : [closed]));
    }
  });
}

test('at-once', 'ends in InitWait if it sees only the last state of a close and a restart', PING, async (t) => {
  const vif = await t.fresh();
  await reconnect(t, vif);
  vif.release();
  // A backend that looks late finds the last state, while it is Connected itself.
  await vif.setState(initialising);
  await t.check('XB-30', async () => {
    await vif.awaitState([initWait]);
    await vif.connect();
    await t.configure(vif);
    await vif.ping();
  });
});

/** Keys that do not make a connection: those of a plain one with some missing or invalid. */
const WRONG: Readonly<Record<string, FrontendOptions>> = {
  'missing-ring': { keys: { [KEY.txRingRef]: undefined } },
  'invalid-ring': { keys: { [KEY.rxRingRef]: '4294967280' } },
  'invalid-channel': { split: false, keys: { [KEY.eventChannel]: '4095' } },
  'no-queues': { keys: { [KEY.multiQueueNumQueues]: '0' } },
};

/** A plain connection, after one with a number of queues. */
const ONE_QUEUE: FrontendOptions = { keys: { [KEY.multiQueueNumQueues]: undefined } };

for (const [name, options] of Object.entries(WRONG)) {
  test(`after-${name}`, `connects a frontend that it refused before (${name.replace('-', ' ')})`, PING, async (t) => {
    const vif = await waiting(t);
    await vif.publish(options);
    const state = await settledState(t, vif);
    if (state === stateName(connected)) t.skip('the backend connects the frontend');
    await returnsToInitWait(t, vif);
    await t.check('XB-14', async () => {
      await vif.connect(options.keys && KEY.multiQueueNumQueues in options.keys ? ONE_QUEUE : {});
      await t.configure(vif);
      await vif.ping();
    });
  });
}

/** Options of a connection, and a key of it that is invalid. */
const PARTLY_WRONG = [
  { control: true, key: KEY.eventChannelCtrl, value: '4095' },
  { control: true, key: KEY.ctrlRingRef, value: '4294967280' },
  { queues: 2, key: `queue-1/${KEY.rxRingRef}`, value: '4294967280' },
  { queues: 2, split: false, key: `queue-1/${KEY.eventChannel}`, value: '4095' },
  { split: false, key: KEY.eventChannel, value: '4095' },
] as const;

test(
  'refused-released',
  'keeps nothing of a connection with an invalid key once it has closed',
  { ...PING, observer: true },
  async (t) => {
    const queues = await queuesOffered(t);
    for (const { key, value, ...options } of PARTLY_WRONG) {
      if ('queues' in options && options.queues > queues) continue;
      const vif = await waiting(t);
      await vif.publish({ ...options, keys: { [key]: value } });
      const state = await settledState(t, vif);
      await closes(t, vif);
      const control = 'control' in options ? [vif.control.ringRef] : [];
      const rings = vif.queues.flatMap(({ tx, rx }) => [tx.ringRef, rx.ringRef]);
      const what = `whose ${key} is ${value} (${state})`;
      await t.check('CTRL-20', () => released(t, control, `the control ring of a frontend ${what}`));
      await t.check('GNT-08', () => released(t, rings, `the rings of a frontend ${what}`));
    }
  },
);

/** The states of the backend since it was first in `state`. */
function statesSince(vif: FrontendPeer, state: XenbusState): string[] {
  const { history } = vif.other;
  return history.slice(history.indexOf(String(state))).map(stateText);
}

/** Expects that the backend maps none of some pages. */
async function released(t: BackendTest, refs: readonly number[], what: string): Promise<void> {
  const kept = (await grantUses(t, refs)).filter((use) => use !== 'unused');
  expect(kept, `uses of ${what}`).to.deep.equal([]);
}

test('bad-packets', 'writes little to xenstore while malformed packets arrive', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  let writes = 0;
  const watch = await t.domain.store.watch(vif.otherPath, () => writes++);
  // A whole connection of another vif is the sentinel: the backend has written all by then.
  const writesDuring = async (size: number): Promise<number> => {
    const before = writes;
    for (let n = 0; n < BAD_PACKETS; n++) {
      const slots = vif.queue.tx.enqueue(vif.quietFrame(), { alter: (request) => ({ ...request, size }) });
      vif.queue.pushTx();
      if (!(await statusesOrSilence(vif, slots))) break;
    }
    await t.fresh();
    return writes - before;
  };
  try {
    // A backend may write by itself, for example a counter every second.
    const usual = await writesDuring(vif.quietFrame().length);
    const seen = await writesDuring(1);
    const most = 2 * usual + FEW_WRITES;
    await t.check('XB-23', () => expect(seen, `writes during ${BAD_PACKETS} packets`).to.be.at.most(most));
  } finally {
    await watch.close();
  }
});

/** Bridges vifs that are not all connected; skips the test if the guest has no interface for such a vif, as with Linux. */
async function bridgeEarly(t: BackendTest, vifs: readonly [FrontendPeer, FrontendPeer]): Promise<void> {
  try {
    await t.bridge(vifs);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    t.skip('the guest has no interface for a vif that is not connected');
  }
}

/** Sends frames through a bridge. Their responses may come later, and what is not connected gets none of them. */
function sendAll(from: FrontendPeer, to: FrontendPeer): SentSlot[] {
  const slots = Array.from({ length: FRAMES }, () => from.queue.tx.enqueue(from.frameTo(to.link.peer.mac))).flat();
  from.queue.pushTx();
  return slots;
}

/** Sends frames through a bridge to a vif that is not connected, until the backend has seen them; checks that it survives. */
async function sendInVain(t: BackendTest, from: FrontendPeer, to: FrontendPeer): Promise<void> {
  const other = await t.connect();
  await t.check('ROB-01', async () => {
    await from.answered(sendAll(from, to));
    await other.transmit(other.quietFrame());
  });
}

/** What the backend has used of the rx buffers of a vif: responses and buffers that it wrote to. */
function used({ queue: { rx } }: FrontendPeer): { responses: number; written: number } {
  return { responses: rx.ring.indices().rspProd, written: rx.written };
}

test('frames-early', 'uses no buffer of a frontend before it is connected', BRIDGE, async (t) => {
  const from = await waiting(t);
  const to = await waiting(t);
  await from.connect();
  await bridgeEarly(t, [from, to]);
  await sendInVain(t, from, to);
  await to.publish();
  const before = used(to);
  await sendInVain(t, from, to);
  await t.check('XB-10', () => expect(used(to), 'use of buffers').to.deep.equal(before));
  await goesToConnected(to);
  await to.announce();
  await t.check('RXW-27', () => through(from, to, from.frameTo(to.link.peer.mac)));
});

test(
  'frames-late',
  'uses no buffer of a frontend that has closed, and delivers when it connects again',
  BRIDGE,
  async (t) => {
    const [from, to] = await t.bridged();
    await through(from, to, from.frameTo(to.link.peer.mac));
    const slots = sendAll(from, to);
    await closes(t, to);
    await t.check('RING-09', () => from.answered(slots));
    const before = used(to);
    await sendInVain(t, from, to);
    await t.check('XB-12', () => expect(used(to), 'use of buffers').to.deep.equal(before));
    await startsAgain(t, to);
    await sendInVain(t, from, to);
    await t.check('XB-14', async () => {
      await to.connect();
      // A guest may have lost the interface, and the bridge with it.
      await t.bridge([from, to]);
      await to.announce();
      await through(from, to, from.frameTo(to.link.peer.mac));
    });
  },
);

test('held', 'holds no more in a later connection of a vif than in its second one', { fresh: true }, async (t) => {
  if (!t.held()) t.skip('this host cannot count what a driver holds');
  const control = (await (await t.connect()).otherKey(KEY.featureCtrlRing)) === '1';
  const options = { queues: Math.min(2, await queuesOffered(t)), control };
  const vif = await t.fresh(options);
  if (!(await arrives(reconnect(t, vif, options)))) t.skip('the backend connects a device only once');
  const before = t.held();
  for (let n = 0; n < RECONNECTS; n++) await reconnect(t, vif, options);
  const more = (): string | undefined => {
    const now = t.held();
    return before && now && leaked(before, now);
  };
  await t.check('XB-12', async () => {
    // Closed resources may disappear with a delay.
    await arrives(vif.until('end of the earlier connections', () => more() === undefined));
    expect(more(), `held in addition after ${RECONNECTS} reconnects`).to.equal(undefined);
  });
});
