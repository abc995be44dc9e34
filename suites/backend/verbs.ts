/** Actions and checks that several backend chapters share. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { OPTIONAL } from '../../harness/peer/peer.js';
import type { FrontendQueue, QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import { Violation } from '../../harness/peer/violation.js';
import type { CtrlResponse } from '../../harness/protocol/ctrl.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  GSO_TYPE,
  HASH_ALGORITHM,
  HASH_FLAG,
  KEY,
  RSP,
  RXF,
  TXF,
} from '../../harness/protocol/netif.js';
import { distance } from '../../harness/protocol/ring.js';
import { queuesIn, stateName, stateText, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { demanded, Expired, type WaitOptions } from '../../harness/xen/wait.js';
import { gsoExtra } from '../support/large-packets.js';
import { arrives, LOST_TRIES, sendUntilArrival } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { ctrlStatusName, ctrlTypeName, expectRsp } from '../support/statuses.js';

/** A reference that no frontend uses: references below 8 are reserved, and no grant table is this long. */
export const BAD_REF = 0xfffffff0;
/** How a large packet of TCP over IPv4 is sent. */
export const LARGE_SHAPE: TxShape = { flags: TXF.csumBlank | TXF.dataValidated, extras: [gsoExtra(GSO_TYPE.tcpv4)] };

/** Milliseconds to wait for a response that the backend may also withhold. */
export const REFUSAL_MS = 400;

/** If this many pings in a row use no rx buffer, the backend has stopped using buffers. */
const IDLE_PINGS = 20;

/** If this many frames through a bridge in a row use no rx buffer, the backend has stopped using buffers. */
const IDLE_FRAMES = 4;

/** The vifs that their backend has connected more than once. */
const returned = new WeakSet<FrontendPeer>();

const CONNECTS_ONCE = 'the backend connects a device only once';
const CLOSED_STATES = [stateName(XENBUS_STATE.closing), stateName(XENBUS_STATE.closed), 'gone'];

/** Milliseconds to wait for the first reply of a backend that is Connected but may not work. */
export const WORK_MS = 1500;

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
export async function skipAtZero(t: BackendTest, vif: FrontendPeer): Promise<never> {
  for (const queue of vif.queues) queue.deaf = true;
  vif.forgive();
  await t.unplug(vif);
  await t.check('ROB-01', () => t.fresh());
  return t.skip('the backend attaches at index 0, not at the current rsp_prod');
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

/** How the backend uses grants of the peer; skips the test if the host can't observe that. */
export async function grantUses(t: BackendTest, refs: readonly number[]): Promise<string[]> {
  const uses = await Promise.all(refs.map((ref) => t.domain.observer.grantUse(t.domain.id, ref)));
  return uses.includes('unknown') ? t.skip('this host cannot observe the use of grants') : uses;
}

/** Whether a slot of a packet is flagged csum_blank. */
export function saysBlank(packet: QueuePacket): boolean {
  return packet.slots.some(({ response }) => (response.flags & RXF.csumBlank) !== 0);
}

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

/**
 * Sends a frame into one end of a bridge in the guest and returns the packet that leaves at the far end. Sends it again
 * if the guest loses it.
 */
export async function through(
  from: FrontendPeer,
  to: FrontendPeer,
  frame: Uint8Array,
  shape: TxShape = {},
  { queue, what = 'frame' }: { readonly queue?: FrontendQueue | undefined; readonly what?: string } = {},
): Promise<QueuePacket> {
  const layout = shape.fragments ? ` in fragments of ${shape.fragments.join(', ')} bytes` : '';
  const isIt = (packet: QueuePacket): boolean => isPadded(packet.frame, frame);
  // A guest may duplicate a packet: what is there already is of an earlier one with the same bytes.
  to.received.splice(0, Infinity, ...to.received.filter((packet) => !isIt(packet)));
  return sendUntilArrival(
    () => from.transmit(frame, shape, queue),
    () => to.receive(`${what} of ${frame.length} bytes${layout} that was sent through the guest`, isIt),
  );
}

/** Checks that those of some frames that come through a bridge, into which they were sent, come in their order. */
export async function inOrder(
  t: BackendTest,
  requirement: string,
  [from, to]: readonly [FrontendPeer, FrontendPeer],
  frames: readonly Uint8Array[],
): Promise<void> {
  // When this one arrives, all those have arrived that were not dropped.
  await through(from, to, from.frameTo(to.link.peer.mac));
  const places = to.received.map((packet) => frames.findIndex((frame) => isPadded(packet.frame, frame)));
  // A bridge may duplicate a frame.
  const order = [...new Set(places.filter((place) => place >= 0))];
  if (order.length < 2) t.skip(`${order.length} of ${frames.length} frames came through the guest`);
  await t.check(requirement, () => {
    expect(order, 'order of the frames').to.deep.equal([...order].sort((a, b) => a - b));
  });
}

/** Sends a frame on a queue and returns the queue on which it arrives. Its response may come later. */
export async function farEnd(from: FrontendPeer, to: FrontendPeer, queue: FrontendQueue): Promise<FrontendQueue> {
  const frame = from.frameTo(to.link.peer.mac);
  const packet = await sendUntilArrival(
    () => {
      queue.tx.enqueue(frame);
      queue.pushTx();
      return Promise.resolve();
    },
    () => to.receive('frame that was sent through the guest', (each) => isPadded(each.frame, frame)),
  );
  return packet.queue;
}

/**
 * Pings until a buffer is returned with a negative status, which loses the reply; gives up when every buffer must have
 * been used, or when several pings in a row have got no reply: a stack may lose a ping, but not each of these. Returns
 * whether a buffer was returned in this way.
 */
async function isRefused(vif: FrontendPeer): Promise<boolean> {
  const { errors } = vif.queue.rx;
  for (let n = 0, silent = 0; n < 60 && errors.length === 0 && silent < LOST_TRIES; n++) {
    const { frame, isReply } = vif.pingFrame();
    await vif.transmit(frame);
    const replied = (): boolean => vif.received.some((packet) => isReply(packet.frame));
    const isSeen = await arrives(
      vif.until('ping reply or refused buffer', () => errors.length > 0 || replied(), { on: [vif.arrived] }),
    );
    silent = isSeen ? 0 : silent + 1;
  }
  return errors.length > 0;
}

/** Expects that the backend returns a buffer with a negative status. See {@link isRefused}. */
export async function expectRefusedBuffer(vif: FrontendPeer): Promise<void> {
  if (!(await isRefused(vif))) expect.fail('no buffer came back with a negative status');
}

/**
 * Uses up the posted rx buffers of a vif: pings until the backend uses no more of them, and posts no new ones. A
 * backend may keep some in reserve.
 */
export async function useBuffers(vif: FrontendPeer): Promise<void> {
  const { rx } = vif.queue;
  rx.repost = false;
  for (let idle = 0, left = rx.posted; left > 0 && idle < IDLE_PINGS; left = rx.posted) {
    await vif.transmit(vif.pingFrame().frame);
    idle = rx.posted < left ? 0 : idle + 1;
  }
}

/**
 * Sends frames through a bridge, at first `batch` at once, until they have used up so many buffers of the far end, or
 * some in a row have used none. A backend may drop frames of a batch: then they are sent one by one.
 */
export async function useUp(from: FrontendPeer, to: FrontendPeer, count: number, batch = 1): Promise<void> {
  const { ring } = to.queue.rx;
  let left = count;
  let size = batch;
  for (let idle = 0; left > 0 && idle < IDLE_FRAMES;) {
    const before = ring.rspCons;
    const used = (): number => distance(before, ring.rspCons);
    const slots = Array.from({ length: size }, () => from.queue.tx.enqueue(from.frameTo(to.link.peer.mac))).flat();
    from.queue.pushTx();
    await from.answered(slots);
    const isUsed = await arrives(to.until('use of buffers', () => used() >= size, { on: [to.arrived], ms: 200 }));
    left -= used();
    idle = used() > 0 ? 0 : idle + 1;
    if (!isUsed) size = 1;
  }
}

/** Lets so many milliseconds pass in which the peer does nothing. The test declares `long`. */
export function idle(t: BackendTest, ms: number): Promise<void> {
  return new Promise((resolve) => void t.domain.clock.after(ms, resolve));
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

/** Whether the backend reported an error in its directory, or below `error/` in its domain as Linux xenbus_dev_error does. */
async function hasErrorNode(t: BackendTest, vif: FrontendPeer): Promise<boolean> {
  const below = vif.otherPath.replace(/^\/local\/domain\/\d+/, '$&/error');
  const found = [await vif.otherKey('error'), await t.domain.store.read(`${below}/error`)];
  return found.some((error) => error !== undefined);
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

/** Whether a connection works, as opposed to one whose ends disagree on indices or event channels. */
export async function succeeds(use: () => Promise<unknown>): Promise<boolean> {
  try {
    await use();
    return true;
  } catch (error) {
    if (error instanceof Violation || (error instanceof Expired && !error.inconclusive)) return false;
    throw error;
  }
}

/** Closes a vif, starts again and connects once more; skips the test if the backend connects a device only once. */
export async function reconnect(t: BackendTest, vif: FrontendPeer, options: FrontendOptions = {}): Promise<void> {
  await returnsToInitWait(t, vif);
  await connectsAgain(t, vif, options);
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

/** Sets Toeplitz as the hash algorithm; skips the test if the backend doesn't support it. */
export async function setToeplitz(t: BackendTest, vif: FrontendPeer): Promise<void> {
  const { status } = await vif.control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  if (status !== CTRL_STATUS.success)
    t.skip(`the backend does not support Toeplitz hashing: status ${ctrlStatusName(status)}`);
}

/** Skips the test if the backend refuses a message that the test builds on; another test checks the refusal. */
export async function accepted(t: BackendTest, response: Promise<CtrlResponse>): Promise<void> {
  const { type, status } = await response;
  if (status !== CTRL_STATUS.success)
    t.skip(`the backend responds with ${ctrlStatusName(status)} to ${ctrlTypeName(type)}`);
}

/** Octets of a key that a hash of TCP over IPv4 uses: as many as its input has, and 4. */
export const IPV4_KEY = 16;

/**
 * Sets a hash key; skips the test if the backend refuses it. The header leaves the largest size of a key to the backend:
 * if it is too long, and only hashes of IPv4 are asked for, the octets are set that these use.
 */
export async function setKey(t: BackendTest, { control }: FrontendPeer, flags: number, key: Uint8Array): Promise<void> {
  const first = await control.setHashKey(key);
  const isShortEnough = (flags & (HASH_FLAG.ipv6 | HASH_FLAG.ipv6Tcp)) === 0;
  if (first.status !== CTRL_STATUS.bufferOverflow || !isShortEnough) return accepted(t, Promise.resolve(first));
  await accepted(t, control.setHashKey(key.subarray(0, IPV4_KEY)));
}

/** Enables hashing with a key (without one if `key` is empty); skips the test if the backend can't do that. */
export async function setHashing(t: BackendTest, vif: FrontendPeer, flags: number, key: Uint8Array): Promise<void> {
  const { control } = vif;
  await setToeplitz(t, vif);
  const { data: mask } = await control.ask(CTRL_TYPE.getHashFlags);
  if ((flags & ~mask) !== 0) t.skip(`the backend calculates only the hash types ${mask}`);
  if (key.length > 0) await setKey(t, vif, flags, key);
  await accepted(t, control.setHashFlags(flags));
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
