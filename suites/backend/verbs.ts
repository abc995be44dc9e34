/** What several chapters do to a backend. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/packet/bytes.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import type { CtrlResponse } from '../../harness/protocol/ctrl.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM, KEY, RSP } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';

/** How long a backend gets to answer what it may as well refuse to answer at all. */
const REFUSAL_MS = 200;

/** How long a backend that has connected gets to answer, where it may well be one that only looks connected. */
const WORK_MS = 1500;

/** The number of queues that the backend offers; one where what it says is no number. */
export async function queuesOffered(t: BackendTest): Promise<number> {
  const max = parseDecimal(await (await t.connect()).otherKey(KEY.multiQueueMaxQueues), { min: 1, max: 0xffff });
  return max.ok ? max.value : 1;
}

/** How the backend uses grants of the peer's; skips the test where the host doesn't tell. */
export async function grantUses(t: BackendTest, refs: readonly number[]): Promise<string[]> {
  const uses = await Promise.all(refs.map((ref) => t.domain.observer.grantUse(t.domain.id, ref)));
  return uses.includes('unknown') ? t.skip('this host does not tell who uses a grant') : uses;
}

export function statuses(slots: readonly SentSlot[]): (number | undefined)[] {
  return slots.map((slot) => slot.response?.status);
}

/**
 * The statuses of a malformed packet's responses, or nothing if the backend gave the vif up instead, as it may. The
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
    if (error instanceof Expired) return undefined;
    throw error;
  }
}

/**
 * The backend refuses the malformed packet, by one of `refusals` or by giving up that vif, and serves its other vifs on.
 */
export async function refuses(
  t: BackendTest,
  requirement: string,
  vif: FrontendPeer,
  slots: readonly SentSlot[],
  refusals: readonly number[] = [RSP.error],
): Promise<void> {
  const seen = await statusesOrSilence(vif, slots);
  if (!seen) t.info('the backend did not answer; it may give the vif up');
  await t.check(requirement, () => {
    const data = slots.filter((slot) => slot.kind === 'request').map((slot) => slot.response?.status);
    for (const status of seen ? data : []) expect(status, 'status of a data slot').to.be.oneOf(refusals);
  });
  await t.check(requirement, async () => {
    await (await t.connect()).ping();
  });
}

/** Sends a frame at one end of a bridge in the guest, and answers the packet that comes out at the other. */
export async function through(
  from: FrontendPeer,
  to: FrontendPeer,
  frame: Uint8Array,
  shape: TxShape = {},
): Promise<QueuePacket> {
  await from.transmit(frame, shape);
  return to.receive('frame that was sent through the guest', (packet) => sameBytes(packet.frame, frame));
}

/**
 * Pings until a buffer comes back with a negative status, in which an answer is lost; gives up when every buffer must
 * have had its turn.
 */
export async function isRefused(vif: FrontendPeer): Promise<boolean> {
  const { errors } = vif.queue.rx;
  for (let n = 0; n < 60 && errors.length === 0; n++) {
    const { frame, isReply } = vif.pingFrame();
    await vif.transmit(frame);
    const replied = (): boolean => vif.received.some((packet) => isReply(packet.frame));
    await vif.until('answer', () => errors.length > 0 || replied(), { on: [vif.arrived] });
  }
  return errors.length > 0;
}

/** The vif passes a ping once more: nothing that went before has hurt it. */
export async function stillPasses(t: BackendTest, requirement: string, vif: FrontendPeer): Promise<void> {
  await t.check(requirement, () => vif.ping());
}

/**
 * The backend ends the attempt of a frontend that has just gone to Connected with bad keys, and serves others on.
 * Another vif that connects from start to end is the sentinel: by then the first one's state is settled.
 */
export async function refusesToConnect(t: BackendTest, requirement: string, vif: FrontendPeer): Promise<void> {
  const { closing, closed, connected } = XENBUS_STATE;
  const settled = await vif.awaitState([closing, closed, connected]);
  await t.check(requirement, async () => (await t.fresh()).ping());
  await t.check(requirement, async () => {
    const state = parseXenbusState(await vif.otherKey('state'));
    expect(state.ok && stateName(state.value), 'state after bad keys').to.be.oneOf([
      stateName(closing),
      stateName(closed),
    ]);
  });
  t.info(`the backend first went to ${stateName(settled)}`);
}

/** A frontend that goes to Connected is refused cleanly or at work then: not half of either. */
export async function worksOrRefuses(t: BackendTest, vif: FrontendPeer): Promise<void> {
  const { closing, closed, connected } = XENBUS_STATE;
  await vif.setState(connected);
  await vif.awaitState([closing, closed, connected]);
  // Another vif's connection comes after whatever it does at last.
  await (await t.fresh()).ping();
  if ((await vif.otherKey('state')) !== String(connected)) return;
  await t.configure(vif, { ms: WORK_MS });
  await vif.ping();
}

/** Sets Toeplitz as the algorithm; skips the test for a backend that doesn't have it. */
export async function algorithm(t: BackendTest, vif: FrontendPeer): Promise<void> {
  const { status } = await vif.control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  if (status !== CTRL_STATUS.success) t.skip(`the backend has no Toeplitz hash: it answers ${status}`);
}

/** Skips the test if a message that it builds on is refused: whether it may be is for a test of its own. */
export async function accepted(t: BackendTest, response: Promise<CtrlResponse>): Promise<void> {
  const { type, status } = await response;
  if (status !== CTRL_STATUS.success) t.skip(`the backend answers ${status} to a message of type ${type}`);
}

/** Has packets hashed by a key (by none, if it's empty); skips the test for a backend that can't do that. */
export async function setHashing(t: BackendTest, vif: FrontendPeer, flags: number, key: Uint8Array): Promise<void> {
  const { control } = vif;
  await algorithm(t, vif);
  const { data: mask } = await control.ask(CTRL_TYPE.getHashFlags);
  if ((flags & ~mask) !== 0) t.skip(`the backend calculates the hash types ${mask} alone`);
  if (key.length > 0) await accepted(t, control.setHashKey(key));
  await accepted(t, control.setHashFlags(flags));
}

/**
 * Whatever was done to `vifs` harms no other: a new one connects and passes a ping, and one that was there before does.
 * The new one is the sentinel as well: by then all that was done has been looked at.
 */
export async function outlives(
  t: BackendTest,
  requirement: string,
  other: FrontendPeer,
  vifs: readonly FrontendPeer[],
): Promise<void> {
  await t.check(requirement, async () => (await t.fresh()).ping());
  await t.check(requirement, () => other.ping());
  await Promise.all(vifs.map((vif) => t.unplug(vif)));
}
