/** Ways to connect, close and connect again, for a backend that may connect a device only once. */
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { OPTIONAL } from '../../harness/peer/xenbus-end.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE, queuesIn, stateName } from '../../harness/protocol/xenbus.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { Expired, type WaitOptions, demanded } from '../../harness/xen/wait.js';
import { arrives } from '../support/losses.js';
import { currentState } from './refusal-verbs.js';
import { succeeds } from './verbs.js';

/** The vifs that their backend has connected more than once. */
const returned = new WeakSet<FrontendPeer>();

const CONNECTS_ONCE = 'the backend connects a device only once';
const CLOSED_STATES = [stateName(XENBUS_STATE.closing), stateName(XENBUS_STATE.closed), 'gone'];

/** A vif whose backend waits in InitWait for the frontend. */
export async function waiting(t: BackendTest): Promise<FrontendPeer> {
  const vif = await t.plug();
  await demanded(['XB-02'], vif.awaitState([XENBUS_STATE.initWait]));
  return vif;
}

/**
 * Skips a test whose ring does not start at 0, for a backend that attaches there, as ring.h also allows: for it the ring
 * is overfull, so it may do with it what it likes, but not come to harm.
 */
async function skipAtZero(t: BackendTest, vif: FrontendPeer): Promise<never> {
  for (const queue of vif.queues) queue.deaf = true;
  vif.forgive();
  await t.unplug(vif);
  await t.check('ROB-01', () => t.fresh());
  return t.skip('the backend attaches at index 0, not at the current rsp_prod');
}

/**
 * Skips the test if the backend attaches to rings at index 0 and not at the current index. The ring that it tries is
 * overfull then, but short enough for a backend that responds to each of these requests.
 */
export async function attachesToUsed(t: BackendTest): Promise<void> {
  const vif = await t.plug();
  // From 0 on, a backend finds the same packet in each turn of the ring.
  vif.monitor.lookAway('toBackendStack');
  const attaches = await succeeds(async () => {
    // From 0 on this ring is overfull, and 16 bits hold its index.
    await vif.connect({ start: 0x8000 });
    await t.configure(vif);
    await vif.transmit(vif.quietFrame());
  });
  if (!attaches) await skipAtZero(t, vif);
}

/** Goes to Connected with the keys of a plain connection, whatever else is special about it. */
export async function goesToConnected(vif: FrontendPeer): Promise<void> {
  await vif.setState(XENBUS_STATE.connected);
  await demanded(['XB-10'], vif.awaitState([XENBUS_STATE.connected]));
}

/** The number of queues that the backend offers a vif (default: the one that tests share). */
export async function queuesOffered(t: BackendTest, vif?: FrontendPeer): Promise<number> {
  return queuesIn(await (vif ?? (await t.connect())).otherKey(KEY.multiQueueMaxQueues));
}

/**
 * Closes a vif, starts again and connects once more; skips the test if the backend connects a device only once. What
 * brings it down meanwhile is not what the test is about.
 */
export async function reconnect(t: BackendTest, vif: FrontendPeer, options: FrontendOptions = {}): Promise<void> {
  await t.during(['XB-14'], async () => {
    await returnsToInitWait(t, vif);
    await connectsAgain(t, vif, options);
  });
}

/** Closes a vif and starts again, until the backend is in InitWait; skips the test if it connects a device only once. */
export async function returnsToInitWait(t: BackendTest, vif: FrontendPeer): Promise<void> {
  await closes(t, vif);
  await startsAgain(t, vif);
}

/** Starts again on a vif that is closed, and waits for InitWait. */
async function returnOf(vif: FrontendPeer, options?: WaitOptions): Promise<void> {
  vif.release();
  await vif.setState(XENBUS_STATE.initialising);
  await vif.awaitState([XENBUS_STATE.initWait], options);
}

/** Starts again on a vif that is closed, until the backend is in InitWait; see {@link returnsToInitWait}. */
export async function startsAgain(t: BackendTest, vif: FrontendPeer): Promise<void> {
  if (returned.has(vif)) await demanded(['XB-14'], returnOf(vif));
  else if (!(await arrives(returnOf(vif, OPTIONAL)))) t.skip(CONNECTS_ONCE);
}

/**
 * Connects a vif whose backend is in InitWait again. Skips the test if the backend closes instead, which is a requirement
 * of its own; one that has connected a vif again once must do so each time.
 */
export async function connectsAgain(t: BackendTest, vif: FrontendPeer, options: FrontendOptions = {}): Promise<void> {
  try {
    await demanded(['XB-14'], vif.connect(options));
  } catch (error) {
    const isClosed = CLOSED_STATES.includes(await currentState(vif));
    if (error instanceof Expired && isClosed && !returned.has(vif) && !(await connectsTwice(t))) t.skip(CONNECTS_ONCE);
    throw error;
  }
  returned.add(vif);
}

/** Whether the backend connects a plain vif a second time. */
async function connectsTwice(t: BackendTest): Promise<boolean> {
  const vif = await t.fresh();
  await closes(t, vif);
  return (await arrives(returnOf(vif, OPTIONAL))) && arrives(vif.connect());
}

/** Closes a vif and keeps its rings and buffers. Skips the test if the backend doesn't follow, which another test checks. */
export async function closes(t: BackendTest, vif: FrontendPeer): Promise<void> {
  if (!(await arrives(vif.shut(OPTIONAL)))) t.skip('the backend does not close with its frontend');
}
