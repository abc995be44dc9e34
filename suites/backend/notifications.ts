/** netif.h, "Notifications after enqueuing"; ring.h, the macros that push and check. */
import { expect } from 'chai';
import { KEY } from '../../harness/protocol/netif.js';
import { advance, distance } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { linger } from '../races.js';

const { test, tests } = backendChapter('notifications');
export const notifications = tests;

/** Rounds of the tests that are about something not happening. */
const ROUNDS = 20;
/** An event that was on its way when a round began is counted in it; a driver that doesn't look at the index is early in all. */
const STRAY_ROUNDS = 4;
/** No packet needs more rx slots: 18 of data and what extras there may be. */
const LARGEST_PACKET = 20;

test('first-response', 'notifies of the first response', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.connect();
  // The first message of the connection is the ARP request with which the interface is configured.
  await t.check(['NOTIFY-12', 'NOTIFY-02'], () => t.configure(vif));
});

for (const batch of [1, 17]) {
  const title = `notifies when a batch of ${batch} crosses the event index`;
  test(`crossing-${batch}`, title, { fresh: true }, async (t) => {
    const vif = await t.fresh();
    await t.check('NOTIFY-02', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const slots = Array.from({ length: batch }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
        vif.queue.pushTx();
        await vif.answered(slots);
      }
    });
  });
}

test(
  'event-ahead',
  'keeps quiet before the event index is reached',
  { gate: KEY.featureSplitEventChannels, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { tx, txPort } = vif.queue;
    const { pump } = vif.context;
    await vif.transmit(vif.quietFrame());
    const early = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      vif.queue.deaf = true;
      tx.ring.setRspEvent(advance(tx.ring.rspCons, 4));
      const before = pump.count(txPort);
      for (let n = 1; n <= 4; n++) {
        tx.enqueue(vif.quietFrame());
        vif.queue.pushTx();
        await vif.until('response', () => distance(tx.ring.rspCons, tx.ring.indices().rspProd) >= n);
        if (distance(tx.ring.rspCons, tx.ring.indices().rspProd) < 4 && pump.count(txPort) > before) early.add(round);
      }
      // The fourth response crosses the index: its event ends the round, and would have come after a stray one.
      await t.check('NOTIFY-02', () => vif.until('event at the fourth response', () => pump.count(txPort) > before));
      vif.queue.deaf = false;
      vif.queue.service();
    }
    t.info(`${ROUNDS} rounds of 3 responses before the index`);
    await t.check('NOTIFY-01', () =>
      expect(early.size, `rounds with an early notification, of ${ROUNDS}`).to.be.at.most(STRAY_ROUNDS),
    );
  },
);

test(
  'asks-for-event',
  'asks for an event at the next request when it has nothing to do',
  { reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    await vif.ping();
    const { ring } = vif.queue.tx;
    await t.check('NOTIFY-04', async () => {
      // Further ahead is allowed, to batch (NOTIFY-05); behind means that it is awake, at or behind for ever that it sleeps deaf.
      await vif.until('tx req_event ahead of req_prod', () => {
        const { reqEvent, reqProd } = ring.indices();
        const ahead = distance(reqProd, reqEvent);
        return ahead >= 1 && ahead <= 256;
      });
    });
  },
);

test('one-by-one', 'hears every single request', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const rounds = t.rounds(300);
  await t.check(['NOTIFY-03', 'NOTIFY-04'], async () => {
    for (let n = 0; n < rounds; n++) {
      linger(n);
      await vif.transmit(vif.quietFrame());
    }
  });
});

test('spurious', 'takes events that mean nothing', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { events } = t.domain;
  for (let n = 0; n < 1000; n++) {
    events.notify(vif.queue.txPort);
    events.notify(vif.queue.rxPort);
  }
  await t.check('NOTIFY-07', () => vif.ping());
});

test(
  'spurious-unanswered',
  'does not answer events that mean nothing with as many of its own',
  { fresh: true },
  async (t) => {
    const vif = await t.fresh();
    await vif.transmit(vif.quietFrame());
    const { txPort } = vif.queue;
    const before = vif.context.pump.count(txPort);
    for (let n = 0; n < 200; n++) t.domain.events.notify(txPort);
    await vif.transmit(vif.quietFrame());
    await t.check('NOTIFY-13', () => {
      expect(vif.context.pump.count(txPort) - before, 'events after 200 empty ones').to.be.below(20);
    });
  },
);

test('rx-event', 'asks for an event when it waits for buffers', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxBuffers: 4 });
  const { rx } = vif.queue;
  rx.repost = false;
  for (let n = 0; rx.posted > 0 && n < 8; n++) await vif.transmit(vif.pingFrame().frame);
  await vif.until('last buffer used', () => rx.posted === 0);
  const { frame, isReply } = vif.pingFrame();
  await vif.transmit(frame);
  await t.check('NOTIFY-10', async () => {
    await vif.until('rx req_event within reach', () => {
      const { reqEvent, reqProd } = rx.ring.indices();
      const ahead = distance(reqProd, reqEvent);
      return ahead >= 1 && ahead <= LARGEST_PACKET;
    });
    rx.repost = true;
    vif.queue.post(64);
    await vif.receive('the packet that waited for a buffer', (packet) => isReply(packet.frame));
  });
});

test(
  'no-rx-notify',
  'delivers again to a frontend without feature-rx-notify',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh({ rxBuffers: 4, keys: { [KEY.featureRxNotify]: undefined } });
    const { rx } = vif.queue;
    rx.repost = false;
    for (let n = 0; rx.posted > 0 && n < 8; n++) await vif.transmit(vif.pingFrame().frame);
    await vif.until('last buffer used', () => rx.posted === 0);
    await vif.transmit(vif.pingFrame().frame);
    rx.repost = true;
    rx.enqueue(64);
    // Published without an event, whatever the backend asked for: such a frontend gives none.
    rx.ring.push();
    await t.check('NOTIFY-09', () => vif.ping());
  },
);
