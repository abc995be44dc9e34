/** ring.h, RING_FINAL_CHECK_FOR_REQUESTS and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: no order of accesses loses a wake-up. */
import { expect } from 'chai';
import type { SentMessage } from '../../harness/peer/frontend-control.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, KEY } from '../../harness/protocol/netif.js';
import { advance, distance, RING_OFFSET } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { isFrom } from '../support/flows.js';
import { arrives } from '../support/losses.js';
import { atStore, FAR_AHEAD, storesTo } from '../support/moments.js';
import { entry } from './gref-verbs.js';
import { through, useBuffers } from './verbs.js';

const { test, tests } = backendChapter('wakeups');
export const wakeups = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
/** Most buffers that are posted as the backend asks for them. */
const BUFFERS = 128;
/** Packets of each of which the page is used again as soon as it has its response. */
const PACKETS = 8;
/** Where they begin in their pages. */
const START = 64;
/** What the peer writes over the data after the response. */
const OTHER = 0xee;
test('final-check-tx', 'finds a tx request that came while it asked for an event', PING, async (t) => {
  const vif = await t.fresh();
  const { queue } = vif;
  const stores = storesTo(t, queue.tx.ring.page);
  // A whole connection of another vif is the sentinel: an earlier event would wake the backend once more.
  await (await t.fresh()).ping();
  const first = queue.tx.enqueue(vif.quietFrame());
  queue.pushTx();
  let second: readonly SentSlot[] = [];
  // To the peer the backend has not asked yet, so it sends no event.
  const asks = atStore(stores, RING_OFFSET.reqEvent, () => {
    second = queue.tx.enqueue(vif.quietFrame());
    queue.tx.ring.push();
    return true;
  });
  await vif.answered(first);
  if (!(await arrives(vif.until('request for an event', asks)))) t.skip('the backend asks for no event');
  await t.check('NOTIFY-04', () => vif.answered(second));
});

for (const isMapped of [false, true]) {
  const what = isMapped ? 'a packet in a page that it has mapped' : 'a packet';
  const options = { fresh: true, needs: 'bridge', gate: isMapped ? KEY.featureCtrlRing : [] } as const;
  const name = isMapped ? 'mapped-after-response' : 'after-response';
  test(name, `reads nothing of ${what} after its response`, options, async (t) => {
    const [from, to] = await t.bridged({ control: isMapped }, {});
    const { tx } = from.queue;
    if (isMapped) {
      const list = from.control.list(tx.prepare(2).map((ref) => entry(ref, GREF_FLAG.readonly)));
      if ((await from.control.addGrefMapping(0, list)).status !== CTRL_STATUS.success)
        t.skip('the backend maps no such page');
    }
    const stores = storesTo(t, tx.ring.page);
    for (let n = 0; n < PACKETS; n++) {
      const frame = from.frameTo(to.link.peer.mac);
      const [slot] = tx.enqueue(frame, { offset: START });
      if (!slot) throw new Error('a packet has a slot');
      // A frontend may use the page again from now on.
      atStore(stores, RING_OFFSET.rspProd, () => {
        const isAnswered = distance(slot.index, tx.ring.indices().rspProd) === 1;
        if (isAnswered) tx.overwrite(slot, START + ETHERNET_HEADER, OTHER);
        return isAnswered;
      });
      from.queue.pushTx();
      await from.answered([slot]);
      // When this frame arrives, the first one has arrived or was dropped.
      await through(from, to, from.frameTo(to.link.peer.mac));
      const altered = to.received.filter(
        (packet) =>
          isFrom(packet.frame, from.link.peer.mac) &&
          packet.frame.subarray(ETHERNET_HEADER, frame.length).every((byte) => byte === OTHER),
      );
      await t.check('TXW-15', () =>
        expect(altered.length, 'packets with bytes that were written after the response').to.equal(0),
      );
    }
  });
}

test('final-check-rx', 'finds rx buffers that came while it asked for an event', PING, async (t) => {
  const vif = await t.fresh();
  const { rx } = vif.queue;
  const stores = storesTo(t, rx.ring.page);
  await useBuffers(vif);
  // A whole connection of another vif is the sentinel: an earlier event would wake the backend once more.
  await (await t.fresh()).ping();
  vif.received.length = 0;
  const waiting = vif.pingFrame();
  let posted = 0;
  // Posts exactly the buffers that the backend asks for. To the peer it has not asked yet, so there is no event.
  atStore(stores, RING_OFFSET.reqEvent, () => {
    const count = distance(rx.ring.reqProdPvt, rx.ring.indices().reqEvent);
    if (count === 0 || posted + count > BUFFERS) return false;
    posted += count;
    rx.enqueue(count);
    rx.ring.push();
    return false;
  });
  await vif.transmit(waiting.frame);
  if (!(await arrives(vif.until('request for an event', () => posted > 0)))) t.skip('the backend asks for no event');
  const isReply = ({ frame }: QueuePacket): boolean => waiting.isReply(frame);
  // Packets that wait for longer come first, and may use up all buffers.
  const isSoon = await arrives(vif.receive('packet that waited for a buffer', () => true));
  rx.repost = true;
  // A backend may drop packets without a buffer. If it kept the packet, the next event of any kind delivers it.
  if (!isSoon) await t.check('RXW-27', () => vif.ping());
  const isLate = !isSoon && vif.received.some(isReply);
  await t.check('NOTIFY-04', () => expect(isLate, 'packet that waited needs a later event').to.equal(false));
});

test('final-check-control', 'finds a control request that came while it asked for an event', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  const stores = storesTo(t, control.ring.page);
  // A whole connection of another vif is the sentinel: an earlier event would wake the backend once more.
  await t.fresh();
  const first = control.put(CTRL_TYPE.getHashFlags);
  control.push();
  const second: SentMessage[] = [];
  const asks = atStore(stores, RING_OFFSET.reqEvent, () => {
    second.push(control.put(CTRL_TYPE.getHashFlags));
    control.ring.push();
    return true;
  });
  await vif.replied([first]);
  if (!(await arrives(vif.until('request for an event', asks)))) t.skip('the backend asks for no event');
  await t.check('NOTIFY-04', () => vif.replied(second));
});

for (const half of ['tx', 'rx'] as const) {
  const title = `notifies a response on the ${half} ring if the event is requested while it is published`;
  test(`event-index-${half}`, title, PING, async (t) => {
    const vif = await t.fresh();
    const { queue, context } = vif;
    const { ring } = queue[half];
    const stores = storesTo(t, ring.page);
    if (queue.txPort === queue.rxPort) t.skip('the backend does not split its event channels');
    // A whole connection of another vif is the sentinel: an earlier event may still be on its way.
    await (await t.fresh()).ping();
    const port = half === 'tx' ? queue.txPort : queue.rxPort;
    queue.deaf = true;
    ring.setRspEvent(advance(ring.rspCons, FAR_AHEAD));
    const { rspProd: before } = ring.indices();
    let events = Infinity;
    const publishes = atStore(stores, RING_OFFSET.rspProd, () => {
      const { rspProd } = ring.indices();
      events = context.pump.count(port);
      ring.setRspEvent(rspProd);
      return rspProd !== before;
    });
    queue.tx.enqueue(vif.pingFrame().frame);
    queue.pushTx();
    if (!(await arrives(vif.until('response', publishes)))) t.skip('the backend publishes no response');
    await t.check('NOTIFY-03', () =>
      vif.until(`event on the ${half} channel`, () => context.pump.count(port) > events),
    );
  });
}
