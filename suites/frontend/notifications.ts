/** netif.h, "Notifications after enqueuing"; ring.h, the macros that push and check. */
import { expect } from 'chai';
import { KEY } from '../../harness/protocol/netif.js';
import { advance, distance } from '../../harness/protocol/ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { linger } from '../races.js';

const { test, tests } = frontendChapter('notifications');
export const notifications = tests;

const ROUNDS = 20;
/** An event that was on its way when a round began is counted in it; a driver that doesn't look at the index is early in all. */
const STRAY_ROUNDS = 4;

test('first-request', 'notifies of the first request', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.plug();
  await vif.connect();
  await t.check('NOTIFY-02', () => t.configure(vif));
});

test(
  'one-by-one',
  'hears every single response and tells of every single request',
  { reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    const rounds = t.rounds(300);
    await t.check(['NOTIFY-02', 'NOTIFY-03', 'NOTIFY-04'], async () => {
      for (let n = 0; n < rounds; n++) {
        linger(n);
        await vif.ping();
      }
    });
  },
);

test('event-ahead', 'keeps quiet before the event index is reached', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { tx, txPort, rxPort } = vif.queue;
  const { pump } = vif.context;
  if (txPort === rxPort) return t.skip('tx and rx share an event channel');
  await vif.ping();
  const early = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    vif.queue.deaf = true;
    tx.ring.setReqEvent(advance(tx.ring.reqCons, 4));
    const before = pump.count(txPort);
    for (let n = 1; n <= 4; n++) {
      vif.queue.rx.service();
      await vif.deliver(vif.pingFrame().frame);
      await vif.until('tx request', () => distance(tx.ring.reqCons, tx.ring.indices().reqProd) >= n);
      const sent = distance(tx.ring.reqCons, tx.ring.indices().reqProd);
      if (sent < 4 && pump.count(txPort) > before) early.add(round);
    }
    // The fourth request crosses the index: its event ends the round, and would have come after a stray one.
    await t.check('NOTIFY-02', () => vif.until('event at the fourth request', () => pump.count(txPort) > before));
    vif.queue.deaf = false;
    vif.queue.service();
  }
  t.info(`${ROUNDS} rounds of 3 requests before the index`);
  await t.check('NOTIFY-01', () =>
    expect(early.size, `rounds with an early notification, of ${ROUNDS}`).to.be.at.most(STRAY_ROUNDS),
  );
});

test(
  'asks-for-event',
  'asks for an event at the next response when it has nothing to do',
  { reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    await vif.ping();
    const { ring } = vif.queue.rx;
    await t.check('NOTIFY-04', () =>
      vif.until('rx rsp_event ahead of rsp_prod', () => {
        const { rspEvent, rspProd } = ring.indices();
        const ahead = distance(rspProd, rspEvent);
        return ahead >= 1 && ahead <= 256;
      }),
    );
  },
);

test('spurious', 'takes events that mean nothing', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  for (let n = 0; n < 1000; n++) {
    t.domain.events.notify(vif.queue.txPort);
    t.domain.events.notify(vif.queue.rxPort);
  }
  await t.check('NOTIFY-07', () => vif.ping());
});

test(
  'rx-notify',
  'tells by feature-rx-notify that it notifies of new buffers',
  { about: KEY.featureRxNotify },
  async (t) => {
    const vif = await t.connect();
    const value = await vif.otherKey(KEY.featureRxNotify);
    if ((value ?? '0') === '0') return t.skip('the frontend does not claim to notify of new buffers');
    await t.check('NOTIFY-08', () => expect(value).to.equal('1'));
  },
);

test(
  'rx-refill',
  'notifies of new buffers when the backend asks for it',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    if ((await vif.otherKey(KEY.featureRxNotify)) !== '1')
      return t.skip('the frontend does not claim to notify of new buffers');
    const { rx } = vif.queue;
    // More pings than the ring has buffers: each delivery past the first ring waits for a refill that an event told of.
    await t.check(['NOTIFY-02', 'RXW-17'], async () => {
      for (let n = 0; n < rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame());
      await vif.ping();
    });
  },
);
