/** netif.h, "Event channel split" and "Multiple transmit and receive queues". */
import { expect } from 'chai';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { KEY, queueDirectory } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { undisturbed } from '../undisturbed.js';
import { awaitSettled } from './verbs.js';

const { test, tests } = frontendChapter('queues');
export const queues = tests;

const FLAT = [KEY.txRingRef, KEY.rxRingRef, KEY.eventChannel, KEY.eventChannelTx, KEY.eventChannelRx];
const FRESH = { fresh: true, reflector: 'icmp' } as const;

for (const value of [undefined, '0']) {
  const title = `uses one event channel where feature-split-event-channels is ${value ?? 'absent'}`;
  test(`no-split-${value ?? 'absent'}`, title, { ...FRESH }, async (t) => {
    const plain = { [KEY.featureRxCopy]: '1', [KEY.featureSg]: '1' };
    const vif = await t.fresh(value === undefined ? plain : { ...plain, [KEY.featureSplitEventChannels]: value });
    const keys = await vif.otherKeys();
    await t.check('SEC-04', () => {
      expect(keys[KEY.eventChannel], KEY.eventChannel).to.match(/^\d+$/);
      expect(keys[KEY.eventChannelTx], KEY.eventChannelTx).to.equal(undefined);
    });
    await t.check('SEC-09', () => vif.ping());
  });
}

test('split', 'tells of each ring by the channel of its own', { ...FRESH }, async (t) => {
  const vif = await t.fresh();
  if (vif.queue.txPort === vif.queue.rxPort) return t.skip('the frontend does not split its event channels');
  const keys = await vif.otherKeys();
  await t.check('SEC-03', () => {
    expect(keys[KEY.eventChannelTx], KEY.eventChannelTx).to.match(/^\d+$/);
    expect(keys[KEY.eventChannelRx], KEY.eventChannelRx).to.match(/^\d+$/);
  });
  await t.check('SEC-10', () => expect(keys[KEY.eventChannel], KEY.eventChannel).to.equal(undefined));
  // Each ring is served by its own channel alone, so a ping is answered only if both events came by the right one.
  await t.check('SEC-08', () => vif.ping());
});

test('no-multi-queue', 'uses flat keys where the backend offers no queues', { ...FRESH }, async (t) => {
  const vif = await t.fresh();
  const keys = await vif.otherKeys();
  await t.check('MQ-05', () => expect(keys[KEY.multiQueueNumQueues] ?? '1', KEY.multiQueueNumQueues).to.equal('1'));
  await t.check('MQ-06', () => expect(keys['queue-0'], 'queue-0').to.equal(undefined));
});

for (const max of [1, 2, 3, 8]) {
  test(`max-queues-${max}`, `uses no more than the ${max} queues that are offered`, { ...FRESH }, async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: String(max) });
    const keys = await vif.otherKeys();
    await t.check(['MQ-03', 'MQ-04'], () => expect(vif.queues.length, 'queues').to.be.within(1, max));
    await t.check(vif.queues.length > 1 ? 'MQ-08' : 'MQ-06', () => {
      const flat = FLAT.filter((key) => keys[key] !== undefined);
      if (vif.queues.length > 1) expect(flat, 'keys of a single queue').to.deep.equal([]);
      else expect(flat, 'keys of a single queue').to.include(KEY.txRingRef);
    });
    await t.check('MQ-15', async () => {
      for (const queue of vif.queues) await vif.ping({ queue });
    });
  });
}

test('queue-keys', 'gives each queue a directory of its own', { ...FRESH }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
  if (vif.queues.length < 2) return t.skip('the frontend uses a single queue');
  const keys = await vif.otherKeys();
  const directories = Object.keys(keys).filter((key) => key.startsWith('queue-'));
  await t.check('MQ-09', () => expect(directories.sort()).to.deep.equal(['queue-0', 'queue-1']));
  await t.check('MQ-11', async () => {
    for (const directory of directories) {
      expect(Object.keys(await vif.otherKeys(directory)), directory).to.include.members([KEY.txRingRef, KEY.rxRingRef]);
    }
  });
});

test('independent', 'serves a queue while another one stands still', { ...FRESH }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
  const [still, moving] = vif.queues;
  if (!still || !moving) return t.skip('the frontend uses a single queue');
  still.deaf = true;
  await t.check('MQ-16', async () => {
    // The answers may come by the queue that stands still, so only buffers are counted: more than the ring holds.
    for (let n = 0; n < moving.rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame(), {}, moving);
  });
});

test('all-keys-at-once', 'has the keys of all queues in place at Connected', { fresh: true }, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
  // The queues are read at the moment that the frontend's state allows it.
  await t.check('MQ-18', () => vif.connect());
  if (vif.queues.length < 2) t.skip('the frontend uses one queue');
  const values = await Promise.all(vif.queues.map(({ index }) => vif.otherKey(queueDirectory(index))));
  await t.check('MQ-10', () => expect(values, 'values of the queue nodes').to.deep.equal(values.map(() => '')));
});

test('own-events', 'tells of each queue by the channels of that queue', { ...FRESH }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
  const [used, other] = vif.queues;
  if (!used || !other) return t.skip('the frontend uses one queue');
  // By then it has kicked each queue once, as drivers do when they are connected.
  await awaitSettled(t, vif);
  const { pump } = vif.context;
  if (other.txPort === other.rxPort) return t.skip('the event channels are not split');
  const seen = { events: () => pump.count(other.rxPort), indices: () => String(other.rx.ring.indices().reqProd) };
  const events = await undisturbed(seen, async () => {
    // More than it posts at first: it must have posted again, and told of that, to get them all.
    for (let n = 0; n < 300; n++) await vif.deliver(vif.quietFrame(), {}, used);
  });
  if (!events) return t.skip('the other queue was never quiet');
  await t.check('MQ-20', () => expect(events.after, 'rx events of the other queue').to.equal(events.before));
});
