/** netif.h, "Guest receive": how packets are spread over buffers, and good packets next to spoiled ones. */
import { expect } from 'chai';
import { LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import type { RxShape } from '../../harness/peer/backend-rx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { GSO_TYPE, KEY, RSP, RX_BLANK } from '../../harness/protocol/netif.js';
import { TX_RING } from '../../harness/protocol/ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { CUTS, frameOf, KINDS, TAGGED } from '../support/frame-shapes.js';
import { gsoExtra, LARGE, largeFrame } from '../support/large-packets.js';
import { arrives, sendUntilArrival } from '../support/losses.js';
import { allCross, crossings, expectNone, forwarded } from './bridge-verbs.js';
import { type Asked, happens, hasBuffers, LATE_MS, repeat, survives, unanswered } from './verbs.js';

const { test, tests } = frontendChapter('layouts');
export const layouts = tests;

const SG = { gate: KEY.featureSg, reflector: 'icmp' } as const;
const FRESH = { ...SG, fresh: true } as const;
const PING = { fresh: true, reflector: 'icmp' } as const;
const HOSTILE = { ...FRESH, destructive: true } as const;
const BRIDGE = { gate: KEY.featureSg, fresh: true, needs: 'bridge' } as const;
/** Frames of the usual MTU. */
const FULL = { 'a full frame': frameOf(LARGEST_FRAME) };
const TWO_QUEUES = { ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' };

for (const first of [14, 15, 20, 33, 34, 41]) {
  test(`first-of-${first}`, `accepts a packet whose first slot holds ${first} bytes`, SG, async (t) => {
    const vif = await t.connect();
    await hasBuffers(t, vif, 4);
    await t.check('RXW-32', async () => {
      await vif.ping({ length: 500, shape: { fragments: [first, 500 + PING_HEADERS - first] } });
      await vif.ping({ length: 500, shape: { fragments: [first, 1, 20, 500 + PING_HEADERS - first - 21] } });
    });
  });
}

test('headers', 'accepts packets of every kind whose headers are spread over slots', BRIDGE, async (t) => {
  const peers = await t.bridged();
  await hasBuffers(t, peers[0], 4);
  const table = await forwarded(peers, { ...KINDS, ...TAGGED });
  const all = CUTS.flatMap((first) => crossings(peers, table, first));
  await t.check('RXW-32', () => allCross(peers, all));
});

test('joined', 'sends packets of several slots in one slot to a backend without feature-sg', BRIDGE, async (t) => {
  const peers = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureSg]: '0' });
  await hasBuffers(t, peers[0], 3);
  const all = [[60], [60, 20], [400]].flatMap((first) => crossings(peers, FULL, first));
  await t.check('TXW-32', async () => {
    const out = await allCross(peers, all);
    expectNone(
      'came out in several slots',
      all.filter((each) => (out.get(each)?.requests.length ?? 1) > 1),
    );
  });
});

test(
  'large-without-sg',
  'sends a large packet in single slots, or not at all, to a backend with GSO and without feature-sg',
  { ...BRIDGE, gate: [KEY.featureSg, KEY.featureGsoTcpv4] },
  async (t) => {
    const peers = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureSg]: '0', [KEY.featureGsoTcpv4]: '1' });
    const [from, to] = peers;
    await hasBuffers(t, from, 5);
    const flags = RX_BLANK;
    await t.check('TXW-32', async () => {
      const large = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
      await from.send(large, { flags, extras: [gsoExtra(GSO_TYPE.tcpv4)] });
      // Frames keep their order: nothing more comes of the large one after another frame.
      await allCross(peers, [{ name: 'a small frame', frame: from.frameTo(to.link.peer.mac) }]);
      const slots = to.received.map(({ requests }) => requests.length);
      expect(Math.max(1, ...slots), 'slots of a packet').to.equal(1);
    });
  },
);

test('next-to-spoiled', 'accepts the good packets between spoiled ones', FRESH, async (t) => {
  const vif = await t.fresh();
  const whole = { length: 200 };
  const parts: RxShape = { fragments: [100, 100, 200 + PING_HEADERS - 200] };
  const burst: Asked[] = [
    { name: 'the first', ...whole },
    { name: 'an error', ...whole, ...spoiledAt(0) },
    { name: 'one after an error', ...whole },
    { name: 'one in three slots', ...whole, shape: parts },
    { name: 'an error in three slots', ...whole, ...spoiledAt(1, parts) },
    { name: 'one in three slots after an error', ...whole, shape: parts },
    { name: 'an error in the last slot', ...whole, ...spoiledAt(2, parts) },
    { name: 'the last', ...whole },
  ];
  await t.check('RXW-12', async () => expectNone('got no reply', await unanswered(t, vif, burst)));
});

test('after-many-slots', 'accepts the packet after one of 18, 19 or 24 slots', HOSTILE, async (t) => {
  const vif = await t.fresh();
  for (const slots of [18, 19, 24]) {
    const many = { fragments: Array.from({ length: slots }, () => 30) };
    await hasBuffers(t, vif, slots + 1);
    // No header says how many slots a frontend has to accept, and what it does with a backend that uses more.
    await vif.deliver(vif.quietFrame(30 * slots), many);
    if (!(await arrives(vif.ping()))) t.skip(`the frontend gives up the vif after a packet of ${slots} slots`);
    let next = vif.pingFrame();
    const sendBoth = async (): Promise<void> => {
      next = vif.pingFrame();
      await hasBuffers(t, vif, slots + 1);
      vif.queue.rx.enqueue(vif.quietFrame(30 * slots), many);
      vif.queue.rx.enqueue(next.frame);
      vif.queue.pushRx();
    };
    const what = `reply to the ping after a packet of ${slots} slots`;
    const arrival = (): Promise<QueuePacket> => vif.receive(what, ({ frame }) => next.isReply(frame));
    await t.check('RXW-09', () => sendUntilArrival(sendBoth, arrival));
  }
  await survives(t, 'ROB-02', vif);
});

test('every-queue', 'reassembles the packets of each queue, published on all at once', FRESH, async (t) => {
  const vif = await t.fresh(TWO_QUEUES);
  if (vif.queues.length < 2) return t.skip('the frontend uses a single queue');
  const burst = vif.queues.flatMap((queue) =>
    [[542], [100, 442], [60, 28, 454], [500, 1, 41]].map((fragments): Asked => ({
      name: `${fragments.join(' + ')} bytes on queue ${queue.index}`,
      length: 500,
      shape: { fragments, offset: 7 * (queue.index + 1) },
      queue,
    })),
  );
  await t.check('MQ-15', async () => expectNone('got no reply', await unanswered(t, vif, burst)));
});

test('one-event', 'handles packets and tx responses that arrive in one event', PING, async (t) => {
  const vif = await t.fresh({ [KEY.featureRxCopy]: '1' });
  const { queue, context } = vif;
  for (const { tx } of vif.queues) tx.respond = false;
  // These have their responses.
  vif.received.length = 0;
  let replies = 0;
  // More packets than the tx ring has slots: a frontend that leaves responses alone can send no more.
  await t.check('SEC-09', async () => {
    await repeat(t, vif, TX_RING.size + 20, async () => {
      await vif.buffers(1);
      const { frame, isReply } = vif.pingFrame();
      for (const packet of vif.received.splice(0)) packet.queue.tx.answer(packet);
      const isDue = queue.tx.ring.push();
      queue.rx.enqueue(frame);
      queue.pushRx();
      if (isDue) context.domain.events.notify(queue.txPort);
      const isReplied = (): boolean => vif.received.some((packet) => isReply(packet.frame));
      if (await happens(vif, 'reply', isReplied, LATE_MS)) replies++;
      else vif.received.push(await vif.ping());
    });
    expect(replies, 'replies to pings that came with tx responses').to.be.above(0);
  });
});

test('short-first', 'survives a first slot shorter than an Ethernet header', HOSTILE, async (t) => {
  const vif = await t.fresh();
  await hasBuffers(t, vif, 4);
  for (const first of [13, 1]) await vif.deliver(vif.quietFrame(), { fragments: [first, 64 - first] });
  await survives(t, 'ROB-02', vif);
});

/** A ping whose slot `at` has the status ERROR. */
function spoiledAt(at: number, shape: RxShape = {}): Pick<Asked, 'shape' | 'spoiled'> {
  return {
    spoiled: true,
    shape: { ...shape, alter: (response, n) => (n === at ? { ...response, status: RSP.error } : response) },
  };
}
