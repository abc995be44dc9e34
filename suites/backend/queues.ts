/** netif.h, "Event channel split" and "Multiple transmit and receive queues". */
import { expect } from 'chai';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter } from '../../harness/run/suite.js';
import { undisturbed } from '../undisturbed.js';
import { queuesOffered, refusesToConnect, worksOrRefuses } from './verbs.js';

const { test, tests } = backendChapter('queues');
export const queues = tests;

const { initWait, connected } = XENBUS_STATE;
const SPLIT = { gate: KEY.featureSplitEventChannels, fresh: true, reflector: 'icmp' } as const;
const MULTI = { gate: KEY.multiQueueMaxQueues, fresh: true, reflector: 'icmp' } as const;

test('split-value', 'writes feature-split-event-channels as 0 or 1, or not', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureSplitEventChannels);
  await t.check('SEC-01', () => expect(value).to.be.oneOf([undefined, '0', '1']));
});

test('single-channel', 'serves both rings by a single event channel', { ...SPLIT }, async (t) => {
  const vif = await t.fresh({ split: false });
  await t.check(['SEC-06', 'SEC-09'], () => vif.ping());
});

test('split-channels', 'tells of tx by the tx channel and of rx by the rx channel', { ...SPLIT }, async (t) => {
  // Each ring is served by its own channel alone, so a ping is answered only if both events came by the right one.
  await t.check('SEC-07', async () => (await t.fresh({ split: true })).ping());
});

test('max-queues', 'offers a positive decimal number of queues', { gate: KEY.multiQueueMaxQueues }, async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.multiQueueMaxQueues);
  await t.check('MQ-01', () => expect(parseDecimal(value, { min: 1, max: 0xffff }).ok, `"${value}"`).to.equal(true));
});

test('one-of-many', 'reads the flat keys of a frontend that asks for one queue', { ...MULTI }, async (t) => {
  const vif = await t.fresh({ keys: { [KEY.multiQueueNumQueues]: '1' } });
  await t.check('MQ-07', () => vif.ping());
});

for (const count of [2, 3, 4]) {
  test(`queues-${count}`, `passes packets on each of ${count} queues`, { ...MULTI }, async (t) => {
    const max = await queuesOffered(t);
    if (max < count) return t.skip(`the backend offers ${max} queues`);
    const vif = await t.fresh({ queues: count });
    await t.check(['MQ-14', 'RING-17'], async () => {
      for (const queue of vif.queues) await vif.ping({ queue });
    });
  });
}

test('every-count', 'connects every number of queues that it offers', { ...MULTI }, async (t) => {
  // Each queue costs the peer pages and the backend threads: what is beyond is left to the tests of single counts.
  const max = Math.min(await queuesOffered(t), 12);
  if (max < 2) t.skip('the backend offers one queue');
  for (let queues = 2; queues <= max; queues++) {
    await t.check('MQ-19', async () => t.unplug(await t.fresh({ queues, rxBuffers: 4 })));
  }
});

test('one-channel-each', 'serves several queues by a single event channel each', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers one queue');
  await t.check('MQ-12', async () => {
    const vif = await t.fresh({ queues: 2, split: false });
    for (const queue of vif.queues) await vif.ping({ queue });
  });
});

test('independent', 'serves a queue while another one stands still', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers one queue');
  const vif = await t.fresh({ queues: 2 });
  const [still, moving] = vif.queues;
  if (!still || !moving) throw new Error('two queues were asked for');
  still.deaf = true;
  for (let n = 0; n < 64; n++) still.tx.enqueue(vif.quietFrame());
  still.pushTx();
  // Only transmission is watched: a backend may send the answers by either queue.
  await t.check('MQ-16', () => vif.transmit(vif.quietFrame(), {}, moving));
});

test('another-count', 'connects with another number of queues after a close', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers one queue');
  const vif = await t.fresh({ queues: 2 });
  await t.check('MQ-17', async () => {
    await vif.reconnect({ queues: 1, keys: { [KEY.multiQueueNumQueues]: '1' } });
    await t.configure(vif);
    await vif.ping();
  });
});

test('too-many', 'refuses more queues than it offers, all of them', { ...MULTI }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ keys: { [KEY.multiQueueNumQueues]: '4096' } });
  await vif.setState(connected);
  await refusesToConnect(t, 'MQ-13', vif);
});

test('missing-queue', 'refuses a number of queues of which one has no keys', { ...MULTI }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ queues: 2, keys: { [`queue-1/${KEY.txRingRef}`]: undefined } });
  await vif.setState(connected);
  await refusesToConnect(t, 'MQ-13', vif);
});

test('half-split', 'survives one of the two event channels', { ...SPLIT }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ split: true, keys: { [KEY.eventChannelRx]: undefined } });
  await t.check('SEC-11', () => worksOrRefuses(t, vif));
});

test('same-channel-twice', 'survives one event channel by both names', { ...SPLIT }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ split: false });
  const port = String(vif.queue.txPort);
  await vif.writeKeys({ [KEY.eventChannel]: undefined, [KEY.eventChannelTx]: port, [KEY.eventChannelRx]: port });
  await t.check('SEC-12', () => worksOrRefuses(t, vif));
});

test('own-events', 'tells of each queue by the channels of that queue', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers one queue');
  const vif = await t.fresh({ queues: 2 });
  const [used, other] = vif.queues;
  if (!used || !other) throw new Error('two queues were asked for');
  const { pump } = vif.context;
  if (other.txPort === other.rxPort) return t.skip('the event channels are not split');
  const indices = (): string => [other.tx.ring.indices().rspProd, other.rx.ring.indices().rspProd].join();
  const events = await undisturbed({ events: () => pump.count(other.txPort), indices }, async () => {
    for (let n = 0; n < 20; n++) await vif.transmit(vif.quietFrame(), {}, used);
  });
  if (!events) return t.skip('the other queue was never quiet');
  await t.check('MQ-20', () => expect(events.after, 'tx events of the other queue').to.equal(events.before));
});
