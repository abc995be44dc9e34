/** What a backend may do with what it need not accept, and what must survive it. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { RSP } from '../../harness/protocol/netif.js';
import { XENBUS_STATE, stateName, stateText } from '../../harness/protocol/xenbus.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { arrives } from '../support/losses.js';
import { expectRsp } from '../support/statuses.js';

/** Milliseconds to wait for a response that the backend may also withhold. */
export const REFUSAL_MS = 400;

/** Milliseconds to wait for the first reply of a backend that is Connected but may not work. */
export const WORK_MS = 1500;

export function statuses(slots: readonly SentSlot[]): (number | undefined)[] {
  return slots.map((slot) => slot.response?.status);
}

/**
 * The statuses of a malformed packet's responses; undefined if the backend gave up the vif instead, as it may. The
 * caller has published the packet.
 */
export async function statusesOrSilence(
  vif: FrontendPeer,
  slots: readonly SentSlot[],
): Promise<(number | undefined)[] | undefined> {
  try {
    await vif.until('response to each tx slot', () => slots.every((slot) => slot.response !== undefined), {
      on: [vif.queue.tx.answered],
      ms: REFUSAL_MS,
    });
    return statuses(slots);
  } catch (error) {
    if (error instanceof Expired && !error.inconclusive) return undefined;
    throw error;
  }
}

const GIVES_UP = 'the backend gives up the vif, as it may';

/** Waits for the responses to a malformed packet. Skips the test if the backend gives up the vif instead, as it may. */
export async function keepsVif(t: BackendTest, vif: FrontendPeer, slots: readonly SentSlot[]): Promise<void> {
  if (!(await statusesOrSilence(vif, slots)) || !(await isConnected(vif))) t.skip(GIVES_UP);
}

/** What comes after a malformed packet. A backend may respond to that packet first and give up the vif then. */
export async function unlessGivenUp<T>(t: BackendTest, vif: FrontendPeer, next: Promise<T>): Promise<T> {
  try {
    return await next;
  } catch (error) {
    if (error instanceof Expired && !(await isConnected(vif))) t.skip(GIVES_UP);
    throw error;
  }
}

/** Whether the backend's state is Connected. */
const isConnected = async (vif: FrontendPeer): Promise<boolean> =>
  (await currentState(vif)) === stateName(XENBUS_STATE.connected);

/**
 * Like {@link statusesOrSilence}; on silence another packet gives a slow backend more time. A backend that responds only
 * to that one fails RING-09.
 */
export async function statusesAtLast(
  t: BackendTest,
  vif: FrontendPeer,
  slots: readonly SentSlot[],
): Promise<(number | undefined)[] | undefined> {
  const seen = await statusesOrSilence(vif, slots);
  if (seen) return seen;
  await t.check('RING-09', () => givenUp(vif, slots));
  return slots.every(({ response }) => response !== undefined) ? statuses(slots) : undefined;
}

/**
 * Fails if the backend still serves a vif on which it never responds to `slots`; a backend that gave up the vif passes.
 */
export async function givenUp(vif: FrontendPeer, slots: readonly SentSlot[]): Promise<void> {
  const works = await arrives(vif.transmit(vif.quietFrame(), {}, vif.queue, { ms: REFUSAL_MS }));
  if (works) await vif.answered(slots);
}

/**
 * Fails if the backend responds to `slots` only after an event that was not due. One that gave up the vif passes: it
 * responds to no event either.
 */
export async function needsNoEvent(t: BackendTest, vif: FrontendPeer, slots: readonly SentSlot[]): Promise<void> {
  if (await arrives(vif.answered(slots))) return;
  const open = (): number => slots.filter(({ response }) => response === undefined).length;
  const before = open();
  t.domain.events.notify(vif.queue.txPort);
  await arrives(vif.until('response', () => open() < before, { on: [vif.queue.tx.answered] }));
  expect(open(), 'requests without response after an event that was not due').to.equal(before);
}

/**
 * Checks the ring after a packet that the backend may refuse. If the backend responds to a later packet, it must also
 * have responded to each of `slots`; with a `requirement`, a ping must then pass. A backend that gave up the vif passes.
 */
export async function continues(
  t: BackendTest,
  vif: FrontendPeer,
  slots: readonly SentSlot[],
  requirement?: string,
): Promise<void> {
  let works = false;
  await t.check(['RING-08', 'RING-09'], async () => {
    // Without a response the ring may have no slot for another packet.
    if (vif.queue.tx.ring.free() === 0) return;
    works = await arrives(vif.transmit(vif.quietFrame(), {}, vif.queue, { ms: REFUSAL_MS }));
    if (works) await vif.answered(slots);
  });
  if (!works) return t.info('the backend gives up the vif, as it may');
  if (requirement !== undefined) await stillPasses(t, requirement, vif);
}

/** The statuses of a packet that the backend did not accept. */
export const REFUSALS: readonly number[] = [RSP.error, RSP.dropped];

/**
 * Checks that the backend refuses the malformed packet, with ERROR or DROPPED or by giving up that vif, and keeps
 * serving its other vifs and, if it responded, this one.
 *
 * @param isReply recognizes the reply to a packet that is a ping: none may come, since a refused packet goes nowhere
 */
export async function refuses(
  t: BackendTest,
  requirement: string,
  vif: FrontendPeer,
  slots: readonly SentSlot[],
  isReply?: (frame: Uint8Array) => boolean,
): Promise<void> {
  const seen = await statusesAtLast(t, vif, slots);
  if (!seen) t.info('the backend did not respond; it may give up the vif');
  await t.check(requirement, () => {
    const data = slots.filter((slot) => slot.kind === 'request').map((slot) => slot.response?.status);
    for (const status of seen ? data : []) expectRsp(status, REFUSALS, 'a data slot');
  });
  await survivesElsewhere(t);
  if (seen) await continues(t, vif, slots, requirement);
  if (!isReply) return;
  await t.check('TXW-14', () => {
    expect(
      vif.received.some(({ frame }) => isReply(frame)),
      'a reply to the refused packet',
    ).to.equal(false);
  });
}

/** Checks that the vif that tests share is as it was and still passes a ping, whatever was done to another one. */
export async function survivesElsewhere(t: BackendTest): Promise<void> {
  await t.check('ROB-01', async () => {
    const other = await t.connect();
    await expectUntouched(other);
    await other.ping();
  });
}

/**
 * Expects that what was done to another vif costs this one not even its next packet: the backend responds to it as to
 * the one after it. A ping alone is sent again if it is lost.
 */
async function expectUntouched(vif: FrontendPeer): Promise<void> {
  const slots = [0, 1].flatMap(() => vif.queue.tx.enqueue(vif.quietFrame()));
  vif.queue.pushTx();
  await vif.answered(slots);
  const [next, later] = statuses(slots);
  if (later === RSP.okay) expectRsp(next, RSP.okay, 'the next packet of another vif');
}

/** Checks that the vif still passes a ping: nothing that went before has broken it. */
export async function stillPasses(t: BackendTest, requirement: string, vif: FrontendPeer): Promise<void> {
  await t.check(requirement, () => vif.ping());
}

/**
 * Goes to Connected with wrong keys, and returns the name of the state in which the backend settles, or "gone" for a
 * directory that it removed. The sentinel is another vif that connects from start to end; it is checked to work, as is
 * the vif that tests share.
 */
export async function settledState(t: BackendTest, vif: FrontendPeer): Promise<string> {
  await vif.setState(XENBUS_STATE.connected);
  await t.check('ROB-01', async () => (await t.fresh()).ping());
  await survivesElsewhere(t);
  const name = await currentState(vif);
  const reported = (await hasErrorNode(t, vif)) ? 'with' : 'without';
  t.info(`the backend is ${name === 'gone' ? name : `in ${name}`}, ${reported} an error node`);
  return name;
}

/** The name of the backend's state now, or "gone" if it has removed its directory. */
export async function currentState(vif: FrontendPeer): Promise<string> {
  const text = await vif.otherKey('state');
  return text === undefined ? 'gone' : stateText(text);
}

/** Goes to Connected and checks that the backend then either doesn't connect the frontend or works with it. */
export async function worksOrRefuses(t: BackendTest, requirement: string, vif: FrontendPeer): Promise<void> {
  const state = await settledState(t, vif);
  await t.check(requirement, async () => {
    if (state !== stateName(XENBUS_STATE.connected)) return;
    await t.configure(vif, { ms: WORK_MS });
    await vif.ping();
  });
}

/**
 * Checks that what was done to `vifs` harms no other vif: a new one connects and passes a ping, and `other`, which was
 * connected before, is as it was. The new vif is also the sentinel: by then the backend has seen all that was done. It
 * sends its first packet after `other` does, which must see what is left behind. Unplugs `vifs`.
 */
export async function othersSurvive(
  t: BackendTest,
  requirement: string,
  other: FrontendPeer,
  vifs: readonly FrontendPeer[],
): Promise<void> {
  const newcomer = await t.plug();
  await t.check(requirement, async () => {
    await newcomer.connect();
    await expectUntouched(other);
    await t.configure(newcomer);
    await newcomer.ping();
  });
  await t.check(requirement, () => other.ping());
  await Promise.all(vifs.map((vif) => t.unplug(vif)));
}

/** Whether the backend reported an error in its directory, or below `error/` in its domain as Linux xenbus_dev_error does. */
async function hasErrorNode(t: BackendTest, vif: FrontendPeer): Promise<boolean> {
  const below = vif.otherPath.replace(/^\/local\/domain\/\d+/, '$&/error');
  const found = [await vif.otherKey('error'), await t.domain.store.read(`${below}/error`)];
  return found.some((error) => error !== undefined);
}
