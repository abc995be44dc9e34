/** Actions and checks that several backend chapters share. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { FrontendQueue, QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { Violation } from '../../harness/peer/violation.js';
import type { CtrlResponse } from '../../harness/protocol/ctrl.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  GSO_TYPE,
  HASH_ALGORITHM,
  HASH_FLAG,
  RXF,
  TX_BLANK,
} from '../../harness/protocol/netif.js';
import { distance } from '../../harness/protocol/ring.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { gsoExtra } from '../support/large-packets.js';
import { LOST_TRIES, arrives, sendUntilArrival } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { ctrlStatusName, ctrlTypeName } from '../support/statuses.js';

/** A reference that no frontend uses: references below 8 are reserved, and no grant table is this long. */
export const BAD_REF = 0xfffffff0;
/** How a large packet of TCP over IPv4 is sent. */
export const LARGE_SHAPE: TxShape = { flags: TX_BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4)] };

/** If this many pings in a row use no rx buffer, the backend has stopped using buffers. */
const IDLE_PINGS = 20;

/** If this many frames through a bridge in a row use no rx buffer, the backend has stopped using buffers. */
const IDLE_FRAMES = 4;

/** How the backend uses grants of the peer; skips the test if the host can't observe that. */
export async function grantUses(t: BackendTest, refs: readonly number[]): Promise<string[]> {
  const uses = await Promise.all(refs.map((ref) => t.domain.observer.grantUse(t.domain.id, ref)));
  return uses.includes('unknown') ? t.skip('this host cannot observe the use of grants') : uses;
}

/** Whether a slot of a packet is flagged csum_blank. */
export function saysBlank(packet: QueuePacket): boolean {
  return packet.slots.some(({ response }) => (response.flags & RXF.csumBlank) !== 0);
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

/** Posts buffers. Returns whether the backend has asked for the event of them (ring.h, req_event). */
export function postsAsked(queue: FrontendQueue, count: number): boolean {
  const { reqProd, reqEvent } = queue.rx.ring.indices();
  queue.post(count);
  const ahead = distance(reqProd, reqEvent);
  return ahead > 0 && ahead <= distance(reqProd, queue.rx.ring.reqProdPvt);
}

/**
 * Posts buffers for packets that may wait. A backend that keeps packets should ask for the event of the buffers
 * (NOTIFY-10); if it has not, it gets one that concerns the tx ring, at which it may look at them.
 */
export async function refill(vif: FrontendPeer, count: number): Promise<void> {
  if (!postsAsked(vif.queue, count)) await vif.transmit(vif.quietFrame());
}

/** In the pad of an rx request, which is where the offset of its response is: a backend that writes none shows. */
export const RX_PAD = 0x5a5a;

/** Packets of another vif whose responses show that the backend has had time to see what was sent before them. */
const TURNS = 8;

/** Lets a backend, which may serve its vifs in any order, see what was sent, by the responses on another vif. */
export async function seenByBackend(t: BackendTest): Promise<void> {
  const vif = await t.connect();
  for (let n = 0; n < TURNS; n++) await vif.transmit(vif.quietFrame());
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
