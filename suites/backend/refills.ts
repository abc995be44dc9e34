/** netif.h, "Guest receive": frontends that post exactly as many buffers as a packet needs, one fewer and one more. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { FrontendQueue, QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { GSO_TYPE, KEY } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { newFrame } from '../support/frames.js';
import { LARGE, largeFrame, payloadOf } from '../support/large-packets.js';
import { arrives, sendUntilArrival } from '../support/losses.js';
import { queuesOffered } from './connection-verbs.js';
import { farEnd, inOrder, LARGE_SHAPE, refill, RX_PAD, seenByBackend, through } from './verbs.js';

const { test, tests } = backendChapter('refills');
export const refills = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const GSO = { [KEY.featureGsoTcpv4]: '1' };
const HEADROOM = { [KEY.xdpHeadroom]: '256' };

/** A packet that a frontend with these keys receives in several slots. */
interface Sample {
  readonly what: string;
  readonly gate: readonly string[];
  readonly keys: Readonly<Record<string, string>>;
  /** Bytes of the TCP payload of a large packet; undefined for a plain frame. */
  readonly payload?: number;
  /** Bytes of a plain frame, if it is longer than usual. */
  readonly length?: number;
}

const SAMPLES: Readonly<Record<string, Sample>> = {
  large: { what: 'large packet', gate: [KEY.featureGsoTcpv4], keys: GSO, payload: LARGE },
  headroom: {
    what: 'packet with headroom',
    gate: [KEY.featureXdpHeadroom],
    keys: HEADROOM,
  },
  // A backend without GSO receives several slots in no other way.
  jumbo: { what: 'frame of 9,014 bytes', gate: [KEY.featureSg], keys: { mtu: '9000' }, length: 9014 },
  'large-headroom': {
    what: 'large packet with headroom',
    gate: [KEY.featureGsoTcpv4, KEY.featureXdpHeadroom],
    keys: { ...GSO, ...HEADROOM },
    // With the headroom it needs one page more than without it.
    payload: 8000,
  },
};

/** A packet of this kind, how it is sent, and what recognises it where it comes out in one piece. */
function sampleOf(
  from: FrontendPeer,
  to: FrontendPeer,
  { payload, length = 64 }: Sample,
): { frame: Uint8Array; shape: TxShape; isIt: (packet: QueuePacket) => boolean } {
  if (payload === undefined) {
    const frame = newFrame(from.link.peer, to.link.peer, length);
    return { frame, shape: {}, isIt: (packet) => sameBytes(packet.frame, frame) };
  }
  const frame = largeFrame(from.link.peer, to.link.peer, payload, GSO_TYPE.tcpv4);
  return { frame, shape: LARGE_SHAPE, isIt: (packet) => sameBytes(payloadOf(packet.frame), payloadOf(frame)) };
}

/** Sends a sample until it arrives, and returns it. */
async function delivered([from, to]: readonly FrontendPeer[], sample: Sample): Promise<QueuePacket> {
  if (!from || !to) throw new Error('two vifs were bridged');
  const { frame, shape, isIt } = sampleOf(from, to, sample);
  return sendUntilArrival(
    () => from.send(frame, shape),
    () => to.receive(sample.what, isIt),
  );
}

/** How many buffers a sample takes. Skips the test if the guest segments it. */
async function neededFor(t: BackendTest, sample: Sample): Promise<number> {
  const peers = await t.bridged(offering(sample), { keys: sample.keys });
  const packets: QueuePacket[] = [];
  if (!(await arrives(delivered(peers, sample).then((packet) => packets.push(packet)))))
    t.skip(`the guest does not forward a ${sample.what} in one piece`);
  for (const peer of peers) await t.unplug(peer);
  return packets.reduce((sum, { slots, extraSlots }) => sum + slots.length + extraSlots.length, 0);
}

/** The options of the frontend that sends a sample: the MTU is that of both vifs. */
const offering = ({ keys: { mtu } }: Sample): FrontendOptions => (mtu === undefined ? {} : { keys: { mtu } });

/** The options of a frontend that keeps so many buffers posted: each that returns is posted again. */
const keeping = (rxBuffers: number, { keys }: Sample): FrontendOptions => ({ rxBuffers, keys, rxPad: RX_PAD });

for (const [name, sample] of Object.entries(SAMPLES)) {
  const options = { ...BRIDGE, gate: sample.gate };
  test(
    `exact-${name}`,
    `delivers a ${sample.what} to a frontend that posts just enough buffers`,
    options,
    async (t) => {
      const needed = await neededFor(t, sample);
      for (const count of [needed, needed + 1]) {
        const peers = await t.bridged(offering(sample), keeping(count, sample));
        await t.check('RXW-31', () => delivered(peers, sample));
      }
    },
  );

  test(
    `short-${name}`,
    `delivers a ${sample.what} once the last buffer that it needs is posted`,
    options,
    async (t) => {
      const needed = await neededFor(t, sample);
      const [from, to] = await t.bridged(offering(sample), keeping(needed - 1, sample));
      const { frame, shape, isIt } = sampleOf(from, to, sample);
      from.queue.tx.enqueue(frame, shape);
      from.queue.pushTx();
      // By the response on another vif the backend has seen the packet, for which there are too few buffers.
      await t.check('RING-08', async () => {
        await seenByBackend(t);
        to.queue.service();
        to.raise();
      });
      to.queue.post(1);
      const isSoon = await arrives(to.receive(sample.what, isIt));
      // The backend may have dropped the packet. If it kept it, a later packet makes it look at the buffers.
      await t.check('RXW-31', () => through(from, to, from.frameTo(to.link.peer.mac)));
      // A bridge may duplicate it, and there is no buffer for a second one.
      const isLate = !isSoon && to.received.some(isIt);
      if (!isSoon && !isLate) t.info('the backend drops packets for which there are too few buffers');
      await t.check('NOTIFY-10', () =>
        expect(isLate, 'packet that waited arrives only with a later one').to.equal(false),
      );
    },
  );

  test(`order-${name}`, `lets no packet overtake a ${sample.what} that waits for a buffer`, options, async (t) => {
    const needed = await neededFor(t, sample);
    const [from, to] = await t.bridged(offering(sample), keeping(needed - 1, sample));
    const { frame, shape, isIt } = sampleOf(from, to, sample);
    const small = from.frameTo(to.link.peer.mac);
    from.queue.tx.enqueue(frame, shape);
    from.queue.tx.enqueue(small);
    from.queue.pushTx();
    await seenByBackend(t);
    to.queue.post(1);
    await demanded(['RXW-31'], through(from, to, from.frameTo(to.link.peer.mac)));
    // The packet may also come last.
    await arrives(to.until(sample.what, () => to.received.some(isIt), { on: [to.arrived] }));
    const places = [isIt, (packet: QueuePacket) => sameBytes(packet.frame, small)].map((each) =>
      to.received.findIndex(each),
    );
    if (places.includes(-1)) return t.skip('the backend dropped one of the packets');
    await t.check('RXW-20', () =>
      expect(places, 'places of the packets').to.deep.equal([...places].sort((a, b) => a - b)),
    );
  });
}

test('order', 'delivers packets that waited for buffers in their order', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, { rxBuffers: 2 });
  to.queue.rx.repost = false;
  const frames = Array.from({ length: 6 }, () => from.frameTo(to.link.peer.mac));
  const slots = frames.flatMap((frame) => from.queue.tx.enqueue(frame));
  from.queue.pushTx();
  // The backend may respond to the packets only when they are delivered.
  await arrives(from.answered(slots));
  to.queue.rx.repost = true;
  await refill(to, 64);
  await inOrder(t, 'RXW-20', [from, to], frames);
});

test(
  'other-queue',
  'delivers on a queue while another one has no buffers',
  { ...BRIDGE, gate: KEY.multiQueueMaxQueues },
  async (t) => {
    if ((await queuesOffered(t)) < 2) return t.skip('the backend offers only one queue');
    const [from, to] = await t.bridged({ queues: 2 }, { queues: 2 });
    const [first, second] = from.queues;
    if (!first || !second) throw new Error('two queues were requested');
    const arrival = async (queue: FrontendQueue): Promise<number> => (await farEnd(from, to, queue)).index;
    const ends = [await arrival(first), await arrival(second), await arrival(first), await arrival(second)];
    if (ends[0] === ends[1] || ends[0] !== ends[2] || ends[1] !== ends[3])
      t.skip('the backend does not keep the frames of two queues on two queues');
    const starved = to.queues[ends[0] ?? 0];
    if (!starved) throw new Error('netifspec bug: a packet arrived on a queue that does not exist');
    starved.rx.repost = false;
    for (let left = starved.rx.posted + 8; left > 0; left--) {
      await arrives(from.transmit(from.frameTo(to.link.peer.mac), {}, first, { ms: 200 }));
    }
    await t.check('MQ-16', () => arrival(second));
  },
);
