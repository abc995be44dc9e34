/** What a hostile frontend may do, beyond what the chapters of each matter have. */
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { encodeExtra } from '../../harness/protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, TXF } from '../../harness/protocol/netif.js';
import { RING_OFFSET, TX_RING } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { noise, WRONG_STATES, WRONG_VALUES } from '../noise.js';
import { outlives } from './verbs.js';

const { test, tests } = backendChapter('robustness');
export const robustness = tests;

const HOSTILE = { fresh: true, reflector: 'icmp', destructive: true } as const;
/** Events of a storm, and how often it blows. */
const EVENTS = 1000;
const BURSTS = 20;
const ROUNDS = 25;

/** `other` is a vif that has nothing to do with it, and a witness that the driver had its turn. */
type Attack = (t: BackendTest, vif: FrontendPeer, other: FrontendPeer) => unknown;

const ATTACKS: readonly (readonly [name: string, title: string, attack: Attack])[] = [
  [
    'event-storm',
    'a storm of events',
    async (t, { queue }, other) => {
      for (let burst = 0; burst < BURSTS; burst++) {
        for (let n = 0; n < EVENTS; n++) t.domain.events.notify(n % 2 === 0 ? queue.txPort : queue.rxPort);
        await other.ping();
      }
    },
  ],
  [
    'noise',
    'requests of noise',
    async (t, { queue }, other) => {
      const { ring } = queue.tx;
      for (let round = 0; round < ROUNDS; round++) {
        ring.page.copyIn(RING_OFFSET.slots, noise(round, TX_RING.size * TX_RING.slotBytes));
        ring.page.store32(RING_OFFSET.reqProd, ring.page.load32(RING_OFFSET.rspProd) + 1 + (round % TX_RING.size));
        t.domain.events.notify(queue.txPort);
        await other.ping();
      }
    },
  ],
  [
    'noisy-pages',
    'ring pages of noise, indices and all',
    async (t, { queue }, other) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const { ring } of [queue.tx, queue.rx]) ring.page.copyIn(0, noise(round, PAGE_SIZE));
        for (const port of [queue.txPort, queue.rxPort]) t.domain.events.notify(port);
        await other.ping();
      }
    },
  ],
  [
    'endless-extras',
    'extras without end',
    (_, { queue }) => {
      queue.tx.put({ gref: 0, offset: 0, flags: TXF.extraInfo, id: 1, size: 60 });
      const gso = encodeExtra({
        type: 'gso',
        flags: EXTRA_FLAG_MORE,
        size: 1448,
        gsoType: GSO_TYPE.tcpv4,
        pad: 0,
        features: 0,
      });
      while (queue.tx.ring.free() > 0) queue.tx.putExtraBytes(gso);
      queue.pushTx();
    },
  ],
  [
    'endless-packet',
    'a packet without end',
    (_, { queue }) => {
      for (let id = 0; queue.tx.ring.free() > 0; id++) {
        queue.tx.put({ gref: 0, offset: 0, flags: TXF.moreData, id, size: 60 });
      }
      queue.pushTx();
    },
  ],
  [
    'moving-index',
    'an index that jumps to and fro',
    async (t, { queue }, other) => {
      const words = new DataView(noise(1, 4 * ROUNDS).buffer);
      for (let round = 0; round < ROUNDS; round++) {
        queue.tx.ring.page.store32(RING_OFFSET.reqProd, words.getUint32(4 * round));
        t.domain.events.notify(queue.txPort);
        await other.ping();
      }
    },
  ],
  [
    'withdrawn',
    'rings and channels that are taken back without a word',
    (_, vif) => {
      vif.queue.tx.enqueue(vif.pingFrame().frame);
      vif.queue.pushTx();
      vif.release();
    },
  ],
  [
    'states',
    'states in no order',
    async (t, vif) => {
      for (const state of WRONG_STATES) await t.domain.store.write(`${vif.path}/state`, state);
    },
  ],
  [
    'vanishing-keys',
    'keys that vanish while it is connected',
    async (t, vif) => {
      for (const key of (await t.domain.store.list(vif.path)) ?? []) await t.domain.store.remove(`${vif.path}/${key}`);
    },
  ],
];

for (const [name, title, attack] of ATTACKS) {
  test(name, `outlives ${title}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vif = await t.fresh();
    for (const queue of vif.queues) queue.deaf = true;
    await t.check('ROB-01', () => attack(t, vif, other));
    await outlives(t, 'ROB-01', other, [vif]);
  });
}

for (const key of [KEY.txRingRef, KEY.eventChannel, KEY.multiQueueNumQueues, KEY.requestRxCopy, KEY.featureRxNotify]) {
  test(`values-of-${key}`, `outlives every wrong value of ${key}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vifs: FrontendPeer[] = [];
    for (const value of WRONG_VALUES) {
      const vif = await t.plug();
      vifs.push(vif);
      await vif.awaitState([XENBUS_STATE.initWait]);
      await vif.publish({ split: false, keys: { [key]: value } });
      await vif.setState(XENBUS_STATE.connected);
    }
    await outlives(t, 'ROB-01', other, vifs);
  });
}
