/** netif.h, "Event channel split" and "Multiple transmit and receive queues". */
import { expect } from 'chai';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { KEY, QUEUE_KEYS, queueDirectory } from '../../harness/protocol/netif.js';
import { TX_RING } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import { undisturbed } from '../support/undisturbed.js';
import { answer, awaitSettled, connectAgain, othersSurvive, stillPasses, withhold } from './verbs.js';

const { test, tests } = frontendChapter('queues');
export const queues = tests;

const TWO_QUEUES: Readonly<Record<string, string>> = { ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' };
const FRESH = { fresh: true, reflector: 'icmp' } as const;
const ZERO = { ...FRESH, destructive: true } as const;

for (const value of [undefined, '0']) {
  const title = `uses one event channel if feature-split-event-channels is ${value ?? 'absent'}`;
  test(`no-split-${value ?? 'absent'}`, title, { ...FRESH }, async (t) => {
    const plain = { [KEY.featureRxCopy]: '1', [KEY.featureSg]: '1' };
    const vif = await t.plug(value === undefined ? plain : { ...plain, [KEY.featureSplitEventChannels]: value });
    await vif.connect();
    const keys = await vif.otherKeys();
    await t.check('SEC-04', () => {
      expect(keys[KEY.eventChannel], KEY.eventChannel).to.match(/^\d+$/);
    });
    await t.check('SEC-10', () => expect(keys[KEY.eventChannelTx], KEY.eventChannelTx).to.equal(undefined));
    await t.check('SEC-09', async () => {
      await t.configure(vif);
      await vif.ping();
    });
  });
}

for (const [name, title, keys] of [
  ['split', 'notifies each ring on its own channel', BACKEND_KEYS],
  ['split-queues', 'notifies each ring of two queues on its own channel', TWO_QUEUES],
] as const) {
  test(name, title, { ...FRESH }, async (t) => {
    const vif = await t.fresh(keys);
    if (vif.queues.length < Number(keys[KEY.multiQueueMaxQueues] ?? 1)) t.skip('the frontend uses a single queue');
    for (const queue of vif.queues) {
      if (queue.txPort === queue.rxPort) t.skip('the frontend does not split its event channels');
      const own = await vif.otherKeys(vif.queues.length > 1 ? queueDirectory(queue.index) : '');
      await t.check('SEC-03', () => {
        expect(own[KEY.eventChannelTx], KEY.eventChannelTx).to.match(/^\d+$/);
        expect(own[KEY.eventChannelRx], KEY.eventChannelRx).to.match(/^\d+$/);
      });
      await t.check('SEC-10', () => expect(own[KEY.eventChannel], KEY.eventChannel).to.equal(undefined));
      // The peer serves each ring on its own channel only, so a ping gets a reply only if both events use the right one.
      await t.check('SEC-08', () => vif.ping({ queue }));
    }
  });
}

test('no-queues', 'publishes a ring, or does not connect, if multi-queue-max-queues = 0', ZERO, async (t) => {
  const other = await t.connect();
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '0' });
  // No number of queues is right.
  vif.monitor.lookAway();
  await vif.setState(XENBUS_STATE.initWait);
  if (await arrives(vif.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected]))) {
    const own = { ...(await vif.otherKeys(queueDirectory(0))), ...(await vif.otherKeys()) };
    await t.check('XB-08', () => expect(own[KEY.txRingRef], KEY.txRingRef).to.match(/^\d+$/));
  } else t.info('the frontend does not connect');
  await othersSurvive(t, 'ROB-02', other, [vif]);
});

test(
  'split-ends',
  'leaves no second event channel of a queue for a backend that no longer has split event channels',
  { ...FRESH, needs: 'rebind' },
  async (t) => {
    const vif = await t.fresh(TWO_QUEUES);
    const isSplit = vif.queues.length > 1 && vif.queues.every(({ txPort, rxPort }) => txPort !== rxPort);
    if (!isSplit) t.skip('the frontend does not split the event channels of two queues');
    await t.check('XB-16', () => connectAgain(t, vif, { [KEY.featureSplitEventChannels]: undefined }));
    if (vif.queues.length < 2) t.skip('the frontend uses a single queue');
    for (const { index } of vif.queues) {
      const own = await vif.otherKeys(queueDirectory(index));
      await t.check('XB-35', () => {
        for (const key of [KEY.eventChannelTx, KEY.eventChannelRx])
          expect(own[key], `${key} of queue ${index}`).to.equal(undefined);
      });
    }
  },
);

test('no-multi-queue', 'uses top-level keys if the backend offers no queues', { ...FRESH }, async (t) => {
  const vif = await t.fresh();
  const keys = await vif.otherKeys();
  await t.check('MQ-05', () => expect(keys[KEY.multiQueueNumQueues] ?? '1', KEY.multiQueueNumQueues).to.equal('1'));
  await t.check('MQ-06', () => expect(keys['queue-0'], 'queue-0').to.equal(undefined));
});

for (const max of [1, 2, 3, 8, 12]) {
  test(`max-queues-${max}`, `uses no more queues than the ${max} offered`, { ...FRESH }, async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: String(max) });
    const keys = await vif.otherKeys();
    await t.check(['MQ-03', 'MQ-04'], () => expect(vif.queues.length, 'queues').to.be.within(1, max));
    await t.check(vif.queues.length > 1 ? 'MQ-08' : 'MQ-06', () => {
      const topLevel = QUEUE_KEYS.filter((key) => keys[key] !== undefined);
      if (vif.queues.length > 1) expect(topLevel, 'keys of a single queue').to.deep.equal([]);
      else expect(topLevel, 'keys of a single queue').to.include(KEY.txRingRef);
    });
    await t.check(['MQ-15', 'RING-17'], async () => {
      for (const queue of vif.queues) await vif.ping({ queue });
    });
  });
}

test('queue-keys', 'gives each queue its own directory', { ...FRESH }, async (t) => {
  const vif = await t.fresh(TWO_QUEUES);
  if (vif.queues.length < 2) return t.skip('the frontend uses a single queue');
  const keys = await vif.otherKeys();
  const directories = Object.keys(keys).filter((key) => key.startsWith('queue-'));
  await t.check('MQ-09', () =>
    expect(directories.sort(), 'directories of queues').to.deep.equal(['queue-0', 'queue-1']),
  );
  const rings = await Promise.all(
    directories.map(async (directory) => {
      const keys = await vif.otherKeys(directory);
      return [keys[KEY.txRingRef], keys[KEY.rxRingRef]];
    }),
  );
  await t.check('MQ-11', () => {
    const refs = rings.flat();
    expect(refs, 'ring references of both queues').to.not.include(undefined);
    expect(new Set(refs).size, `different ring references among ${refs.join(' ')}`).to.equal(refs.length);
  });
});

test('independent', 'serves a queue while another stands still', { ...FRESH }, async (t) => {
  const vif = await t.fresh(TWO_QUEUES);
  const [still, moving] = vif.queues;
  if (!still || !moving) return t.skip('the frontend uses a single queue');
  still.deaf = true;
  // What the frontend sends on this queue gets no response.
  for (let n = 0; n < 4; n++) await vif.deliver(vif.pingFrame().frame, {}, still);
  await t.check('MQ-16', async () => {
    // Replies may arrive on the queue that stands still, so only buffers are counted: more than the ring holds.
    for (let n = 0; n < moving.rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame(), {}, moving);
  });
});

test('full', 'sends on a queue while another has no room for requests', { ...FRESH }, async (t) => {
  const vif = await t.fresh(TWO_QUEUES);
  const [first, second] = vif.queues;
  if (!first || !second) return t.skip('the frontend uses a single queue');
  const [{ queue: full }, { queue: other }] = [await vif.ping({ queue: first }), await vif.ping({ queue: second })];
  if (full === other) t.skip('the guest sends all its replies on one queue');
  const packets = await withhold(t, vif, 2 * TX_RING.size);
  const isHeld = ({ queue }: QueuePacket): boolean => queue === full;
  answer(
    vif,
    packets.filter((packet) => !isHeld(packet)),
  );
  other.tx.respond = true;
  await t.check('MQ-16', () => vif.ping({ queue: second }));
  answer(vif, [...packets, ...vif.received.splice(0)].filter(isHeld));
  full.tx.respond = true;
  await stillPasses(t, 'TXW-17', vif);
});

test('all-keys-at-once', 'has written the keys of all queues when it goes to Connected', { fresh: true }, async (t) => {
  const vif = await t.plug(TWO_QUEUES);
  // The peer reads the queues as soon as the frontend's state allows it.
  await t.check('MQ-18', () => vif.connect());
  if (vif.queues.length < 2) t.skip('the frontend uses one queue');
  const values = await Promise.all(vif.queues.map(({ index }) => vif.otherKey(queueDirectory(index))));
  await t.check('MQ-10', () => expect(values, 'values of the queue nodes').to.deep.equal(values.map(() => '')));
});

test('own-events', 'notifies each queue on the channels of that queue', { ...FRESH }, async (t) => {
  const vif = await t.fresh(TWO_QUEUES);
  const [used, other] = vif.queues;
  if (!used || !other) return t.skip('the frontend uses one queue');
  // By then the frontend has notified each queue once, as drivers do when they connect.
  await awaitSettled(t, vif);
  const { pump } = vif.context;
  if (other.txPort === other.rxPort) return t.skip('the event channels are not split');
  const seen = { events: () => pump.count(other.rxPort), indices: () => String(other.rx.ring.indices().reqProd) };
  const events = await undisturbed(seen, async () => {
    // More packets than it posts buffers at first: to receive them all it must post again, and notify that.
    for (let n = 0; n < 300; n++) await vif.deliver(vif.quietFrame(), {}, used);
  });
  if (!events) return t.skip('the other queue was never quiet');
  await t.check('MQ-20', () => expect(events.after, 'rx events of the other queue').to.equal(events.before));
});
