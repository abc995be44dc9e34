/** netif.h, "Event channel split" and "Multiple transmit and receive queues". */
import { expect } from 'chai';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter } from '../../harness/run/suite.js';
import { undisturbed } from '../support/undisturbed.js';
import { MANY_QUEUES, noOthersThan } from '../support/stale-queues.js';
import { closes, queuesOffered, reconnect, waiting } from './connection-verbs.js';
import { settledState, WORK_MS, worksOrRefuses } from './refusal-verbs.js';
import { grantUses, succeeds } from './verbs.js';

const { test, tests } = backendChapter('queues');
export const queues = tests;

const { connected } = XENBUS_STATE;
const SPLIT = { gate: KEY.featureSplitEventChannels, fresh: true, reflector: 'icmp' } as const;
const MULTI = { gate: KEY.multiQueueMaxQueues, fresh: true, reflector: 'icmp' } as const;

test('split-value', 'writes feature-split-event-channels as 0 or 1, or not at all', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureSplitEventChannels);
  await t.check('SEC-01', () => expect(value, KEY.featureSplitEventChannels).to.be.oneOf([undefined, '0', '1']));
});

test('single-channel', 'serves both rings by a single event channel', { ...SPLIT }, async (t) => {
  // A backend that does not support it connects no frontend, or passes nothing.
  await t.check(['SEC-06', 'SEC-09'], async () => (await t.fresh({ split: false })).ping());
});

test('split-channels', 'notifies tx on the tx channel and rx on the rx channel', { ...SPLIT }, async (t) => {
  // The peer serves each ring on its own channel only, so a ping gets a reply only if both events use the right one.
  await t.check('SEC-07', async () => (await t.fresh({ split: true })).ping());
});

test('max-queues', 'offers a positive decimal number of queues', { gate: KEY.multiQueueMaxQueues }, async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.multiQueueMaxQueues);
  await t.check('MQ-01', () =>
    expect(parseDecimal(value, { min: 1, max: 0xffffffff }).ok, `"${value}"`).to.equal(true),
  );
});

test('one-of-many', 'reads the top-level keys of a frontend that requests one queue', { ...MULTI }, async (t) => {
  await t.check('MQ-07', async () => (await t.fresh({ keys: { [KEY.multiQueueNumQueues]: '1' } })).ping());
});

for (const [name, requested] of [
  ['stale-queue-0', undefined],
  ['stale-queue-0-of-1', '1'],
] as const) {
  const title = `connects by the top-level keys or not at all if queue-0/ has keys and multi-queue-num-queues is ${requested ?? 'absent'}`;
  test(name, title, { ...MULTI }, async (t) => {
    const vif = await waiting(t);
    // Keys of an earlier connection with several queues. Their rings exist: a backend that uses them connects.
    await vif.publish({ queues: 2 });
    await vif.publish({ keys: { [KEY.multiQueueNumQueues]: requested } });
    vif.main = -1;
    await worksOrRefuses(t, 'MQ-07', vif);
  });
}

for (const count of [2, 3, 4]) {
  test(`queues-${count}`, `passes packets on each of ${count} queues`, { ...MULTI }, async (t) => {
    const max = await queuesOffered(t);
    if (max < count) return t.skip(`the backend offers only ${max} ${max === 1 ? 'queue' : 'queues'}`);
    const vif = await t.fresh({ queues: count });
    await t.check(['MQ-14', 'RING-17'], async () => {
      for (const queue of vif.queues) await vif.ping({ queue });
    });
  });
}

test('every-count', 'connects every number of queues that it offers', { ...MULTI }, async (t) => {
  // Each queue costs the peer pages and the backend threads, so the test stops at 12.
  const max = Math.min(await queuesOffered(t), 12);
  if (max < 2) t.skip('the backend offers only one queue');
  for (let queues = 2; queues <= max; queues++) {
    await t.check('MQ-19', async () => {
      const vif = await t.fresh({ queues });
      for (const queue of vif.queues) await vif.transmit(vif.quietFrame(), {}, queue);
      await t.unplug(vif);
    });
  }
});

test('one-channel-each', 'serves several queues with a single event channel each', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
  await t.check('MQ-12', async () => {
    const vif = await t.fresh({ queues: 2, split: false });
    for (const queue of vif.queues) await vif.ping({ queue });
  });
});

test('independent', 'serves a queue while another stands still', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers only one queue');
  const vif = await t.fresh({ queues: 2 });
  const [still, moving] = vif.queues;
  if (!still || !moving) throw new Error('two queues were requested');
  still.deaf = true;
  for (let n = 0; n < 64; n++) still.tx.enqueue(vif.quietFrame());
  still.pushTx();
  // Only transmission is checked: a backend may send the replies on either queue.
  await t.check('MQ-16', async () => {
    for (let n = 0; n < 20; n++) await vif.transmit(vif.quietFrame(), {}, moving);
  });
});

test('another-count', 'connects with a different number of queues after a close', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers only one queue');
  const vif = await t.fresh({ queues: 2 });
  await t.check('MQ-17', async () => {
    await reconnect(t, vif, { queues: 1, keys: { ...noOthersThan(1), [KEY.multiQueueNumQueues]: '1' } });
    await t.configure(vif);
    await vif.ping();
  });
});

test(
  'keys-removed',
  'keeps no queue of a frontend that removes its keys before it closes',
  { gate: KEY.multiQueueMaxQueues, fresh: true, observer: true },
  async (t) => {
    const vif = await t.fresh({ queues: Math.min(MANY_QUEUES, await queuesOffered(t)) });
    const keys = [KEY.multiQueueNumQueues, KEY.txRingRef, KEY.rxRingRef, KEY.requestRxCopy];
    await vif.writeKeys({ ...noOthersThan(1), ...Object.fromEntries(keys.map((key) => [key, undefined])) });
    await closes(t, vif);
    await t.check('XB-12', async () => {
      const kept = (await grantUses(t, vif.refs)).filter((use) => use !== 'unused');
      expect(kept, `uses of grants of ${vif.queues.length} queues`).to.deep.equal([]);
    });
  },
);

for (const [name, what, requested] of [
  ['zero', '0 queues', () => 0],
  ['one-too-many', 'one queue more than it offers', (max: number) => max + 1],
  ['too-many', '4096 queues', () => 4096],
] as const) {
  const title = `connects no queue, or one that works, if the frontend requests ${what}`;
  test(name, title, { ...MULTI }, async (t) => {
    const max = await queuesOffered(t);
    const vif = await waiting(t);
    await vif.publish({ keys: { [KEY.multiQueueNumQueues]: String(requested(max)) } });
    await worksOrRefuses(t, 'MQ-13', vif);
  });
}

test('missing-queue', 'connects no queue if one of them has no keys', { ...MULTI }, async (t) => {
  const vif = await waiting(t);
  await vif.publish({ queues: 2, keys: { [`queue-1/${KEY.txRingRef}`]: undefined } });
  const state = await settledState(t, vif);
  await t.check('MQ-13', () => expect(state, 'state').not.to.equal(stateName(connected)));
});

test('half-split', 'survives a frontend that writes only one of the two event channels', { ...SPLIT }, async (t) => {
  const vif = await waiting(t);
  // Such a frontend can't demand its events on a certain channel.
  vif.monitor.lookAway();
  await vif.publish({ split: true, keys: { [KEY.eventChannelRx]: undefined } });
  const state = await settledState(t, vif);
  await t.check('SEC-11', async () => {
    if (state !== stateName(connected)) return;
    const works = await succeeds(async () => {
      await t.configure(vif, { ms: WORK_MS });
      await vif.ping();
    });
    if (!works) expect.fail('the backend is Connected, but passes no packets');
  });
});

test('same-channel-twice', 'survives a frontend that uses one event channel for tx and rx', { ...SPLIT }, async (t) => {
  const vif = await waiting(t);
  await vif.publish({ split: false });
  const port = String(vif.queue.txPort);
  await vif.writeKeys({ [KEY.eventChannel]: undefined, [KEY.eventChannelTx]: port, [KEY.eventChannelRx]: port });
  await worksOrRefuses(t, 'SEC-12', vif);
});

test('own-events', 'notifies each queue on the channels of that queue', { ...MULTI }, async (t) => {
  if ((await queuesOffered(t)) < 2) return t.skip('the backend offers only one queue');
  const vif = await t.fresh({ queues: 2 });
  const [used, other] = vif.queues;
  if (!used || !other) throw new Error('two queues were requested');
  const { pump } = vif.context;
  if (other.txPort === other.rxPort) return t.skip('the event channels are not split');
  const indices = (): string => [other.tx.ring.indices().rspProd, other.rx.ring.indices().rspProd].join();
  const events = await undisturbed({ events: () => pump.count(other.txPort), indices }, async () => {
    for (let n = 0; n < 20; n++) await vif.transmit(vif.quietFrame(), {}, used);
  });
  if (!events) return t.skip('the other queue was never quiet');
  await t.check('MQ-20', () => expect(events.after, 'tx events of the other queue').to.equal(events.before));
});
