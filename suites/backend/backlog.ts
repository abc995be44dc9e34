/** netif.h, "Guest receive": what a backend keeps doing while packets wait for buffers, and packets of the most slots. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { FrontendQueue } from '../../harness/peer/frontend-queue.js';
import { GSO_TYPE, HASH_FLAG, KEY, TX_BLANK, TXF } from '../../harness/protocol/netif.js';
import { distance, RX_RING } from '../../harness/protocol/ring.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import {
  isPart,
  isPiece,
  LARGE,
  LARGE_HEADERS,
  largeFrame,
  LARGEST,
  throughLarge,
  unsegmented,
} from '../support/large-packets.js';
import { arrives } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { queuesOffered } from './connection-verbs.js';
import { BAD_REF, farEnd, LARGE_SHAPE, postsAsked, refill, setHashing, seenByBackend, through } from './verbs.js';

const { test, tests } = backendChapter('backlog');
export const backlog = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const LONG = { ...BRIDGE, long: true } as const;
const MULTI = { ...BRIDGE, gate: KEY.multiQueueMaxQueues } as const;
const GSO = { ...BRIDGE, gate: KEY.featureGsoTcpv4 } as const;
const HEADROOM = { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.featureXdpHeadroom] } as const;
const ACCEPTS_V4 = { [KEY.featureGsoTcpv4]: '1' };

/** Each of these queues costs the peer pages and the backend a thread. */
const MOST_QUEUES = 4;
/** Frames that no backend keeps all: more than a ring has slots, and than the queue of an interface holds. */
const FLOOD = 600;
/** Frames that a backend keeps, if it keeps any. */
const WAITING = 8;
/** Packets of 17 slots that fit into a tx ring. */
const LARGE_WAITING = 14;
/** Milliseconds for which a backend may keep what it cannot deliver: Linux xen-netback drops it after 10 s. */
const SENDER_MS = 30_000;
/** Buffers that end a time without buffers. */
const REFILL = 64;

/** Sends frames on a queue, which fill the far end that posts no more buffers. Their responses may come later. */
async function flood([from, to]: readonly FrontendPeer[], queue: FrontendQueue, count: number): Promise<Uint8Array[]> {
  if (!from || !to) throw new Error('two vifs were bridged');
  const frames: Uint8Array[] = [];
  while (frames.length < count && queue.tx.ring.free() > 0) {
    const group = Array.from({ length: Math.min(32, queue.tx.ring.free()) }, () => from.frameTo(to.link.peer.mac));
    const slots = group.flatMap((frame) => queue.tx.enqueue(frame));
    queue.pushTx();
    frames.push(...group);
    if (!(await arrives(from.answered(slots, queue, { ms: 200 })))) break;
  }
  return frames;
}

/** Whether frames of one queue arrive on several queues. */
async function spreads([from, to]: readonly FrontendPeer[]): Promise<boolean> {
  if (!from || !to) throw new Error('two vifs were bridged');
  const [queue] = from.queues;
  if (!queue) return false;
  const seen = new Set<number>();
  for (let n = 0; n < 4; n++) seen.add((await farEnd(from, to, queue)).index);
  return seen.size > 1;
}

test(
  'single-channel',
  'delivers what waits on any queue when its single event channel announces buffers',
  BRIDGE,
  async (t) => {
    const queues = Math.min(MOST_QUEUES, await queuesOffered(t));
    let peers = await t.bridged({ queues }, { queues, split: false });
    // The backend may use the queues in turn: then it gets a single one.
    if (queues > 1 && (await spreads(peers))) peers = await t.bridged({}, { split: false });
    const [from, to] = peers;
    // What is due to the first vifs must not go to the youngest one.
    const younger = await t.fresh();
    for (const queue of from.queues) {
      const far = await farEnd(from, to, queue);
      const { rx } = far;
      rx.repost = false;
      const frames = await flood(peers, queue, rx.posted + 8);
      const waiting = (): boolean =>
        frames.some((frame) => to.received.some((packet) => isPadded(packet.frame, frame)));
      // Those for which there were buffers have arrived before another vif gets its response.
      await younger.transmit(from.quietFrame());
      to.received.length = 0;
      rx.repost = true;
      const isAsked = postsAsked(far, REFILL);
      const isSoon = await arrives(to.until('a packet that waited', waiting, { on: [to.arrived] }));
      if (!isAsked && !isSoon) await to.transmit(to.quietFrame(), {}, far);
      await t.check('RXW-27', () => farEnd(from, to, queue));
      const isLate = !isSoon && waiting();
      if (!isSoon && !isLate) t.info('the backend drops packets for which there are no buffers');
      if (!isAsked) t.info('the backend asks for no event');
      else
        await t.check('SEC-09', () =>
          expect(isLate, `packet waits in spite of an event, queue ${far.index}`).to.equal(false),
        );
    }
  },
);

test('transmits', 'responds to a frontend for which many packets wait', BRIDGE, async (t) => {
  const peers = await t.bridged();
  const [from, to] = peers;
  to.queue.rx.repost = false;
  await flood(peers, from.queue, FLOOD);
  await t.check('RING-09', async () => {
    for (let n = 0; n < 8; n++) await to.transmit(to.quietFrame());
  });
  to.queue.rx.repost = true;
  await refill(to, REFILL);
  // It may drop what comes before it has seen the buffers.
  await arrives(through(from, to, from.frameTo(to.link.peer.mac)));
  await t.check('RXW-27', () => through(from, to, from.frameTo(to.link.peer.mac)));
});

test('refill-of-all', 'delivers what waits when a whole ring of buffers is posted at once', BRIDGE, async (t) => {
  const isLarge = (await t.connect().then((vif) => vif.otherKey(KEY.featureGsoTcpv4))) === '1';
  for (const large of isLarge ? [false, true] : [false]) {
    const peers = await t.bridged({}, { keys: ACCEPTS_V4, rxBuffers: 0 });
    const [from, to] = peers;
    if (large) {
      const frame = largeFrame(from.link.peer, to.link.peer, LARGEST, GSO_TYPE.tcpv4);
      // A backend may respond to them once they are delivered.
      for (let n = 0; n < LARGE_WAITING; n++) from.queue.tx.enqueue(frame, LARGE_SHAPE);
      from.queue.pushTx();
      await seenByBackend(t);
    } else await flood(peers, from.queue, FLOOD);
    await refill(to, RX_RING.size);
    // It may drop what comes before it has seen the buffers.
    await arrives(through(from, to, from.frameTo(to.link.peer.mac)));
    t.info(`${distance(0, to.queue.rx.ring.rspCons)} buffers were used`);
    await t.check('RXW-27', () => through(from, to, from.frameTo(to.link.peer.mac)));
  }
});

test('sender', 'responds to a frontend whose packets wait for the buffers of another vif', LONG, async (t) => {
  const [from, to] = await t.bridged({}, { rxBuffers: 0 });
  const slots = Array.from({ length: WAITING }, () => from.queue.tx.enqueue(from.frameTo(to.link.peer.mac))).flat();
  from.queue.pushTx();
  await t.check('TXW-40', () => from.answered(slots, from.queue, { ms: SENDER_MS }));
});

test('other-queues', 'delivers on a queue while another one can keep no more packets', MULTI, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers only one queue');
  const peers = await t.bridged({ queues: 2 }, { queues: 2 });
  const [from, to] = peers;
  const [first, second] = from.queues;
  if (!first || !second) throw new Error('two queues were requested');
  const ends: number[] = [];
  for (const queue of [first, second, first, second]) ends.push((await farEnd(from, to, queue)).index);
  if (ends[0] === ends[1] || ends[0] !== ends[2] || ends[1] !== ends[3])
    t.skip('the backend does not keep the frames of two queues on two queues');
  const starved = to.queues[ends[0] ?? 0];
  if (!starved) throw new Error('netifspec bug: a packet arrived on a queue that does not exist');
  starved.rx.repost = false;
  await flood(peers, first, FLOOD);
  await t.check('MQ-16', () => farEnd(from, to, second));
});

test('fewer-queues', 'forwards from each queue to a vif with fewer queues', MULTI, async (t) => {
  const queues = Math.min(MOST_QUEUES, await queuesOffered(t));
  if (queues < 2) return t.skip('the backend offers only one queue');
  for (const [near, far] of [
    [queues, 1],
    [1, queues],
  ] as const) {
    const [from, to] = await t.bridged({ queues: near }, { queues: far });
    for (const queue of from.queues) await t.check('MQ-14', () => farEnd(from, to, queue));
  }
});

test(
  'three-extras',
  'uses no buffer that is not posted for a packet with three extras',
  { ...HEADROOM, gate: [...HEADROOM.gate, KEY.featureCtrlRing] },
  async (t) => {
    const queues = Math.min(2, await queuesOffered(t));
    const keys = { ...ACCEPTS_V4, [KEY.xdpHeadroom]: '256' };
    const pair = async (options: FrontendOptions = {}): Promise<[FrontendPeer, FrontendPeer]> => {
      const peers = await t.bridged({}, { keys, control: true, queues, ...options });
      await setHashing(t, peers[1], HASH_FLAG.ipv4Tcp, VERIFICATION_KEY);
      return peers;
    };
    const packet = unsegmented(t, await throughLarge(...(await pair()), TXF.csumBlank, GSO_TYPE.tcpv4, LARGE));
    if (packet.extras.length < 3) t.skip(`the packet has ${packet.extras.length} extras`);
    const needed = packet.slots.length + packet.extraSlots.length;
    for (const rxBuffers of [needed - 1, needed - 2]) {
      const [from, to] = await pair({ rxBuffers });
      from.queue.tx.enqueue(largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4), LARGE_SHAPE);
      from.queue.pushTx();
      await t.check('RING-08', async () => {
        await seenByBackend(t);
        for (const queue of to.queues) queue.service();
        to.raise();
      });
    }
  },
);

for (const headroom of [256, 1024]) {
  const title = `sends no packet of several slots to a frontend with a headroom of ${headroom} and without feature-sg`;
  test(`one-slot-${headroom}`, title, HEADROOM, async (t) => {
    const keys = { ...ACCEPTS_V4, [KEY.xdpHeadroom]: String(headroom), [KEY.featureSg]: undefined };
    const [from, to] = await t.bridged({}, { keys });
    const room = PAGE_SIZE - headroom;
    for (const bytes of [room - 1, room, room + 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1]) {
      const frame = largeFrame(from.link.peer, to.link.peer, bytes - LARGE_HEADERS, GSO_TYPE.tcpv4);
      await from.transmit(frame, LARGE_SHAPE);
      // The backend may segment the packet or drop it.
      await through(from, to, from.frameTo(to.link.peer.mac));
      const pieces = to.received.splice(0).filter((packet) => isPiece(packet.frame, frame));
      await t.check('RXW-22', () =>
        expect(
          pieces.map(({ slots }) => slots.length),
          `slots of a packet of ${bytes} bytes`,
        ).to.deep.equal(pieces.map(() => 1)),
      );
    }
  });
}

test('largest', 'delivers packets of 65,535 bytes with headroom', HEADROOM, async (t) => {
  const keys = { ...ACCEPTS_V4, [KEY.xdpHeadroom]: '256' };
  const [from, to] = await t.bridged({}, { keys, rxBuffers: 40 });
  await t.check('GSO-06', () => throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGEST));
});

for (const place of [0, 2, 3]) {
  const title = `continues a packet whose buffer ${place} it may not write as it announced`;
  test(`bad-buffer-${place}`, title, GSO, async (t) => {
    // No id looks like an extra: where one is missing, the next response is not taken for it.
    const [from, to] = await t.bridged({}, { keys: ACCEPTS_V4, rxBuffers: 0, rxIds: (n) => ((n & 0xff) << 8) | 0xf0 });
    const { queue } = to;
    const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    for (let round = 0; round < 2; round++) {
      queue.post(place);
      queue.rx.nextRef = () => BAD_REF;
      queue.post(1);
      queue.rx.nextRef = undefined;
      queue.post(30);
      await t.check(['EXTRA-04', 'RXW-09'], async () => {
        await from.send(frame, LARGE_SHAPE);
        // What follows the packet begins as a packet does.
        await throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGE - 4);
        const part = to.received.find((packet) => isPart(packet.frame, frame));
        expect(part?.frame.length, 'length of a packet that is a part of another').to.equal(undefined);
      });
      if (queue.rx.errors.length === 0) t.info('an extra info used the slot of the bad buffer');
    }
  });
}

test('bad-among-good', 'fills each good buffer when good and bad ones come at once', BRIDGE, async (t) => {
  const peers = await t.bridged({}, { rxBuffers: 0 });
  const [from, to] = peers;
  const { rx } = to.queue;
  await flood(peers, from.queue, WAITING);
  const bad: number[] = [];
  for (const ref of [BAD_REF, undefined, undefined, BAD_REF]) {
    if (ref !== undefined) bad.push(rx.ring.reqProdPvt);
    rx.nextRef = ref === undefined ? undefined : () => ref;
    rx.enqueue(1);
  }
  rx.nextRef = undefined;
  await refill(to, REFILL);
  // A backend that keeps no packets has dropped those: these come at once too.
  await flood(peers, from.queue, WAITING);
  // Two buffers may cost this packet two tries.
  await demanded(['GNT-10'], through(from, to, from.frameTo(to.link.peer.mac)));
  const places = rx.errors.map(({ index }) => index);
  if (places.length === 0) t.info('the backend has used no bad buffer');
  await t.check('RXW-05', () =>
    expect(
      places.filter((index) => !bad.includes(index)),
      'good buffers with a negative status',
    ).to.deep.equal([]),
  );
});
