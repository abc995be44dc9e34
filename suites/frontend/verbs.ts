/** Actions and checks that several frontend chapters share. */
import { expect } from 'chai';
import { GNTST, gntstName } from '../../harness/protocol/grant.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { echoPayload } from '../../harness/packet/match.js';
import { fragmentLengths } from '../../harness/peer/backend-tx.js';
import type { BackendPeer } from '../../harness/peer/backend.js';
import { BackendRx, type RxShape } from '../../harness/peer/backend-rx.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { KEY, RSP, TXF } from '../../harness/protocol/netif.js';
import { distance } from '../../harness/protocol/ring.js';
import type { BackRing } from '../../harness/protocol/shared-ring.js';
import { XENBUS_STATE, type XenbusState } from '../../harness/protocol/xenbus.js';
import { OPTIONAL } from '../../harness/peer/xenbus-end.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { blamesIut } from '../../harness/run/judge.js';
import { type Grants, PAGE_SIZE } from '../../harness/xen/domain.js';
import { LOST_TRIES } from '../support/losses.js';
import { FAR_AHEAD } from '../support/moments.js';
import { demanded, Expired } from '../../harness/xen/wait.js';

/** Milliseconds for what a frontend does soon, if it does it at all. */
export const SOON_MS = 250;
/** Milliseconds for a repeated action: well below the time limit of a test. */
const REPEAT_MS = 30_000;
/** Rounds of what a driver may do right the first time only. */
export const TWICE = 2;
/** Milliseconds for the replies of a stack that is slow. */
export const LATE_MS = 1000;
/** Bytes of payload of a ping to which every guest that replies to pings replies: its packet has 576 bytes. */
export const SHORT_PING = 548;
/** Pings without a reply after which a frontend sends no more. */
const SILENT_PINGS = 3;

/** A vif whose frontend has published its rings for a backend in InitWait. */
export async function publishing(t: FrontendTest, keys?: Readonly<Record<string, string>>): Promise<BackendPeer> {
  const vif = await t.plug(keys);
  await vif.setState(XENBUS_STATE.initWait);
  await demanded(['XB-08'], vif.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected]));
  return vif;
}

/** Checks that the vif still passes a ping: nothing that went before has broken it. */
export async function stillPasses(t: FrontendTest, requirement: string, vif: BackendPeer): Promise<void> {
  await t.check(requirement, () => vif.ping());
}

/** Checks that the guest survives: its other vif passes a ping, whatever happened to `vif`, which was attacked. */
export async function survives(t: FrontendTest, requirement: string, vif: BackendPeer): Promise<void> {
  try {
    await vif.ping({ ms: 200 });
  } catch (error) {
    if (!blamesIut(error)) throw error;
    t.info('the frontend gave up the vif');
  }
  await t.check(requirement, async () => (await t.connect()).ping());
}

/**
 * Makes the frontend send, and withholds all responses, until it has sent `most` packets or stops: how many packets a
 * frontend has outstanding is its own choice. Returns all of them. Skips the test if there are fewer than `least`.
 *
 * @param ask makes the frames to which the frontend replies
 */
export async function withhold(
  t: FrontendTest,
  vif: BackendPeer,
  most: number,
  least = 1,
  ask = (): { readonly frame: Uint8Array } => vif.pingFrame(),
): Promise<QueuePacket[]> {
  for (const { tx } of vif.queues) tx.respond = false;
  // These have their responses.
  vif.received.length = 0;
  const packets: QueuePacket[] = [];
  const sends = (): boolean => packets.push(...vif.received.splice(0)) > 0;
  // A stack may lose a ping, or limit how many it replies to.
  const { clock } = vif.context.domain;
  const end = clock.now() + REPEAT_MS;
  for (let silent = 0; silent < SILENT_PINGS && packets.length < most && clock.now() < end;) {
    await vif.deliver(ask().frame);
    const before = packets.length;
    silent = (await happens(vif, `packet ${before + 1}`, () => sends() && packets.length > before)) ? 0 : silent + 1;
  }
  t.info(`${packets.length} packets were outstanding`);
  if (packets.length < least) t.skip(`the frontend has ${packets.length} packets outstanding and sends no more`);
  return packets;
}

/** Responds to packets in the order given, and to later ones at once. */
export function respondTo(vif: BackendPeer, packets: readonly QueuePacket[], status: number = RSP.okay): void {
  answer(vif, [...packets, ...vif.received.splice(0)], status);
  for (const { tx } of vif.queues) tx.respond = true;
}

/** States in which a frontend that was Connected keeps its grants. */
const KEEPING: readonly string[] = [XENBUS_STATE.connected, XENBUS_STATE.reconfiguring, XENBUS_STATE.reconfigured].map(
  String,
);

/** Responds to packets in the order given. */
export function answer(vif: BackendPeer, packets: readonly QueuePacket[], status: number = RSP.okay): void {
  const { history } = vif.other;
  // A frontend that closes ends its grants, and may use the references again.
  const since = history.slice(history.indexOf(String(XENBUS_STATE.connected)));
  if (since.some((state) => !KEEPING.includes(state ?? ''))) vif.monitor.lookAway('withheld');
  for (const packet of packets) packet.queue.tx.answer(packet, status);
  for (const queue of vif.queues) queue.pushTx();
}

/**
 * Repeats an action `rounds` times, or as often as possible in `ms`: a guest may be slow to reply, which no header
 * forbids.
 */
export async function repeat(
  t: FrontendTest,
  { context }: BackendPeer,
  rounds: number,
  body: (round: number) => Promise<unknown>,
  ms = REPEAT_MS,
): Promise<void> {
  const end = context.domain.clock.now() + ms;
  for (let round = 0; round < rounds; round++) {
    if (context.domain.clock.now() > end) return t.info(`${round} of ${rounds} rounds in ${ms} ms`);
    await body(round);
  }
}

/** Waits for `count` rx buffers; skips the test where the frontend keeps fewer, as no header forbids. */
export async function hasBuffers(
  t: Pick<FrontendTest, 'skip'>,
  vif: BackendPeer,
  count: number,
  queue = vif.queue,
): Promise<void> {
  try {
    await vif.buffers(count, queue);
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    t.skip(`the frontend keeps ${queue.rx.buffers.length} rx buffers posted: the test needs ${count}`);
  }
}

/**
 * Waits until the frontend has seen all rx responses of a queue. A frontend that polls, or asks for a later event, gives
 * no sign and has looked by the end of the wait.
 */
export async function seenByFrontend(vif: BackendPeer, { rx: { ring } } = vif.queue): Promise<void> {
  await happens(
    vif,
    'sign that the frontend has seen the responses',
    () => distance(ring.rspProdPvt, ring.indices().rspEvent) === 1,
  );
}

/** Whether the frontend asks for an event at a response beyond `index`. */
export function isAhead(ring: BackRing, index: number): boolean {
  const ahead = distance(index, ring.indices().rspEvent);
  return ahead > 0 && ahead <= FAR_AHEAD;
}

/** Whether a packet is flagged csum_blank. */
export function saysBlank(packet: QueuePacket): boolean {
  return packet.requests.some(({ flags }) => (flags & TXF.csumBlank) !== 0);
}

/** A ping of a burst. */
export interface Asked {
  readonly name: string;
  readonly length?: number;
  readonly shape?: RxShape;
  readonly queue?: BackendPeer['queue'];
  /** Whether the ping is spoiled, so that no reply is due. */
  readonly spoiled?: boolean;
}

/**
 * Publishes the pings of a burst with a single update of each ring, and returns those without a reply. A stack may lose
 * a ping, so the burst is repeated for the pings without a reply. Each repetition begins with one of them, because a
 * guest may have room for the first few only.
 */
export async function unanswered(t: FrontendTest, vif: BackendPeer, burst: readonly Asked[]): Promise<Asked[]> {
  let left = burst.filter(({ spoiled }) => !spoiled);
  for (let lost = 0; lost < LOST_TRIES && left.length > 0;) {
    const pings = burst.map((asked) => ({ asked, queue: asked.queue ?? vif.queue, ...vif.pingFrame(asked.length) }));
    for (const queue of vif.queues) {
      const own = pings.filter((ping) => ping.queue === queue);
      const slots = own.reduce((sum, { frame, asked }) => sum + BackendRx.slotsFor(frame, asked.shape), 0);
      if (own.length > 0) await hasBuffers(t, vif, slots, queue);
      const first = own.findIndex(({ asked }) => left.includes(asked));
      // A packet that follows a spoiled one follows it in each repetition.
      const start = Math.max(0, own[first - 1]?.asked.spoiled ? first - 1 : first);
      for (const { frame, asked } of [...own.slice(start), ...own.slice(0, start)])
        queue.rx.enqueue(first < 0 ? vif.quietFrame(frame.length) : frame, asked.shape);
    }
    for (const queue of vif.queues) queue.pushRx();
    const replied = new Set<Asked>();
    const look = (): void => {
      for (const { frame } of vif.received.splice(0)) {
        const ping = pings.find(
          ({ isReply, payload }) => isReply(frame) && sameBytes(echoPayload(frame) ?? frame, payload),
        );
        if (ping) replied.add(ping.asked);
      }
    };
    await happens(vif, 'reply to every ping', () => (look(), left.every((asked) => replied.has(asked))), LATE_MS);
    const before = left.length;
    left = left.filter((asked) => !replied.has(asked));
    lost = left.length < before ? 0 : lost + 1;
  }
  return left;
}

/** Whether an event occurs that a frontend may cause soon or not at all. */
export async function happens(
  vif: BackendPeer,
  what: string,
  probe: () => boolean,
  ms: number = SOON_MS,
): Promise<boolean> {
  try {
    await vif.until(what, probe, { ms, on: [vif.arrived] });
    return true;
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    return false;
  }
}

/**
 * Waits until the frontend has seen that it is connected, and has done what it then does without a request. The
 * sentinel is a whole connection of another vif: drivers handle xenbus events one after the other.
 */
export async function awaitSettled(t: FrontendTest, vif: BackendPeer): Promise<void> {
  await t.configure(vif);
  await (await t.fresh()).ping();
}

/** Whether a page that the frontend granted can be read. */
export function readable(t: FrontendTest, vif: BackendPeer, ref: number): boolean {
  return t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref, offset: 0, length: 1 }])[0]?.status === 0;
}

/** Whether a page that the frontend granted can be written; writes its byte at `offset` back unchanged. */
export function writable(t: FrontendTest, vif: BackendPeer, ref: number, offset = 0): boolean {
  const at = { domain: vif.iutDomain, ref, offset };
  const [first] = t.domain.grants.copyFrom([{ ...at, length: 1 }]);
  return first?.status === 0 && t.domain.grants.copyTo([{ ...at, bytes: first.bytes }])[0] === 0;
}

/** The whole of a page that the frontend granted. */
export function grantedPage(t: FrontendTest, vif: BackendPeer, ref: number): Uint8Array {
  const [copy] = t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref, offset: 0, length: PAGE_SIZE }]);
  return copied(copy, `grant ${ref} cannot be read`);
}

/** What a failed copy from the page of a request without a response means. */
export const GRANT_ENDED = 'the grant of a request without a response was ended';

/** The bytes of a copy from a page that the frontend granted; `problem` is what a failed copy means. */
export function copied(copy: ReturnType<Grants['copyFrom']>[number] | undefined, problem: string): Uint8Array {
  if (copy?.status === GNTST.okay) return copy.bytes;
  return expect.fail(`${problem}: ${copy ? gntstName(copy.status) : 'no status'}`);
}

/**
 * Expects that the pages of a packet are still granted and hold the bytes that it had when it was read.
 *
 * @param answered requests that have their responses, and whose pages are the frontend's again
 */
export function expectUnchanged(
  t: FrontendTest,
  vif: BackendPeer,
  { requests, frame }: QueuePacket,
  answered: QueuePacket['requests'] = [],
): void {
  const lengths = fragmentLengths(requests);
  let at = 0;
  for (const [n, request] of requests.entries()) {
    const bytes = frame.subarray(at, (at += lengths[n] ?? 0));
    if (answered.includes(request)) continue;
    const { gref: ref, offset } = request;
    const [copy] = t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref, offset, length: bytes.length }]);
    expect(sameBytes(copied(copy, GRANT_ENDED), bytes), 'bytes are unchanged').to.equal(true);
  }
}

/** Expects that no two packets in flight have an id in common on a queue. */
export function expectUniqueIds(vif: BackendPeer, packets: readonly QueuePacket[]): void {
  for (const queue of vif.queues) {
    const own = packets.filter((packet) => packet.queue === queue);
    const ids = own.flatMap(({ requests }) => requests.map(({ id }) => id));
    expect(new Set(ids).size, `different ids among ${ids.join(' ')}`).to.equal(ids.length);
  }
}

/**
 * Checks that what was done to `vifs` harms no other vif: a new one connects and passes a ping, and `other`, which was
 * connected before, passes one too. The new vif is also the sentinel: by then the frontend has seen all that was done.
 * Unplugs `vifs`.
 */
export async function othersSurvive(
  t: FrontendTest,
  requirement: string | readonly string[],
  other: BackendPeer,
  vifs: readonly BackendPeer[],
): Promise<void> {
  await t.check(requirement, async () => (await t.fresh()).ping());
  await t.check(requirement, () => other.ping());
  await Promise.all(vifs.map((vif) => t.unplug(vif)));
}

/** Goes to Closing or Closed as a backend does when the toolstack removes the vif: with online = 0. */
export async function goOffline(vif: BackendPeer, state: XenbusState): Promise<void> {
  await vif.writeKeys({ [KEY.online]: '0', state: String(state) });
}

/** Closes a backend that stays online; whether the frontend closes with it, as it may. */
export async function closes(vif: BackendPeer): Promise<boolean> {
  try {
    await vif.disconnect(OPTIONAL);
    return true;
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    return false;
  }
}

/** Acts as a backend that was connected before: closes with the frontend, then waits for it to start again. */
export async function startAgain(vif: BackendPeer): Promise<void> {
  const { initialising, initWait, closing, closed } = XENBUS_STATE;
  const states = [initialising, initWait, closing, closed];
  let state = await vif.awaitState(states);
  // At most Closing and Closed come before Initialising.
  for (let steps = 0; steps < 2 && state !== initialising && state !== initWait; steps++) {
    await vif.setState(state);
    const seen = state;
    state = await vif.awaitState(states.filter((other) => other !== seen));
  }
  await vif.connect();
}

/**
 * Closes as a backend that stays online, and has the frontend connect again when it is back in InitWait; `keys` are what
 * it then offers otherwise. Skips the test if the frontend does not follow, as it need not.
 *
 * @param configure what is done once it is connected (default: configures its interface)
 */
export async function followsBack(
  t: FrontendTest,
  vif: BackendPeer,
  keys: Readonly<Record<string, string | undefined>> = {},
  configure = (): Promise<unknown> => t.configure(vif),
): Promise<void> {
  await publishesAgain(t, vif, keys);
  await vif.connect();
  await configure();
}

/** The first part of {@link followsBack}: afterwards the frontend has published its rings for a backend in InitWait. */
export async function publishesAgain(
  t: FrontendTest,
  vif: BackendPeer,
  keys: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  if (!(await closes(vif))) t.skip('the frontend does not close with its backend');
  await vif.writeKeys(keys);
  // A frontend that starts again by itself, as iPXE does, may wait until it has seen Closed. A backend is back in InitWait
  // when its frontend is Initialising.
  const starts = (): boolean => vif.other.value === String(XENBUS_STATE.initialising);
  await happens(vif, 'state Initialising', starts);
  await vif.setState(XENBUS_STATE.initWait);
  try {
    await vif.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected], { ms: SOON_MS });
  } catch (error) {
    // Whatever kept it from doing so is no error.
    if (error instanceof Expired) t.skip('the frontend does not connect again by itself');
    throw error;
  }
}

/**
 * Has the driver give up a vif and take it again; `keys` are what the backend then offers otherwise. Skips the test if the
 * frontend does not close with its backend, as it need not.
 */
export async function connectAgain(
  t: FrontendTest,
  vif: BackendPeer,
  keys: Readonly<Record<string, string | undefined>> = {},
): Promise<void> {
  if (!(await closes(vif))) t.skip('the frontend does not close with its backend');
  await t.unbind(vif);
  await vif.writeKeys(keys);
  // A driver may wait in its probe for a backend that isn't Closed.
  const ended = await Promise.allSettled([t.bind(vif), startAgain(vif)]);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  await t.configure(vif);
}
