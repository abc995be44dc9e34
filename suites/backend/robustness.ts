/** Attacks of a hostile frontend that belong to no other chapter. */
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { encodeExtra } from '../../harness/protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, TXF } from '../../harness/protocol/netif.js';
import { advance, RING_OFFSET, RX_RING, TX_RING } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { type Attacks, underAttack } from '../support/attacks.js';
import { noise, WRONG_STATES, WRONG_VALUES } from '../support/noise.js';
import { waiting } from './connection-verbs.js';
import { othersSurvive } from './refusal-verbs.js';

const { test, tests } = backendChapter('robustness');
export const robustness = tests;

const HOSTILE = { fresh: true, reflector: 'icmp', destructive: true } as const;
/** Events in one burst, and number of bursts. */
const EVENTS = 1000;
const BURSTS = 20;
const ROUNDS = 25;

/** Attacks that a vif of its own bears. */
export const ATTACKS: Attacks<BackendTest, FrontendPeer> = [
  [
    'event-storm',
    'an event storm',
    async (t, { queue }, hasActed) => {
      for (let burst = 0; burst < BURSTS; burst++) {
        for (let n = 0; n < EVENTS; n++) t.domain.events.notify(n % 2 === 0 ? queue.txPort : queue.rxPort);
        await hasActed();
      }
    },
  ],
  [
    'noise',
    'random requests',
    async (t, { queue }, hasActed) => {
      const { ring } = queue.tx;
      for (let round = 0; round < ROUNDS; round++) {
        ring.page.copyIn(RING_OFFSET.slots, noise(round, TX_RING.size * TX_RING.slotBytes));
        ring.page.store32(RING_OFFSET.reqProd, ring.page.load32(RING_OFFSET.rspProd) + 1 + (round % TX_RING.size));
        t.domain.events.notify(queue.txPort);
        await hasActed();
      }
    },
  ],
  [
    'noisy-pages',
    'random ring pages, including the indices',
    async (t, { queue }, hasActed) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const { ring } of [queue.tx, queue.rx]) ring.page.copyIn(0, noise(round, PAGE_SIZE));
        for (const port of [queue.txPort, queue.rxPort]) t.domain.events.notify(port);
        await hasActed();
      }
    },
  ],
  [
    'endless-extras',
    'an endless chain of extras',
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
    'an endless packet',
    (_, { queue }) => {
      for (let id = 0; queue.tx.ring.free() > 0; id++) {
        queue.tx.put({ gref: 0, offset: 0, flags: TXF.moreData, id, size: 60 });
      }
      queue.pushTx();
    },
  ],
  [
    'moving-index',
    'a req_prod that jumps back and forth',
    async (t, { queue }, hasActed) => {
      const words = new DataView(noise(1, 4 * ROUNDS).buffer);
      for (let round = 0; round < ROUNDS; round++) {
        queue.tx.ring.page.store32(RING_OFFSET.reqProd, words.getUint32(4 * round));
        t.domain.events.notify(queue.txPort);
        await hasActed();
      }
    },
  ],
  [
    'rx-overflow',
    'an rx req_prod beyond the ring',
    async (t, vif, hasActed) => {
      const { ring } = vif.queue.rx;
      for (const jump of [RX_RING.size + 1, RX_RING.size + 300, 2 ** 31, -1]) {
        ring.page.store32(RING_OFFSET.reqProd, advance(ring.reqProdPvt, jump));
        t.domain.events.notify(vif.queue.rxPort);
        for (let n = 0; n < 8; n++) vif.queue.tx.enqueue(vif.pingFrame().frame);
        vif.queue.pushTx();
        await hasActed();
      }
    },
  ],
  [
    'withdrawn',
    'rings and event channels that are revoked without notice',
    (_, vif) => {
      vif.queue.tx.enqueue(vif.pingFrame().frame);
      vif.queue.pushTx();
      vif.release();
    },
  ],
  [
    'states',
    'states in an invalid order',
    async (t, vif) => {
      for (const state of WRONG_STATES) await t.domain.store.write(`${vif.path}/state`, state);
    },
  ],
  [
    'vanishing-keys',
    'keys that disappear while it is connected',
    async (t, vif) => {
      for (const key of (await t.domain.store.list(vif.path)) ?? []) await t.domain.store.remove(`${vif.path}/${key}`);
    },
  ],
];

for (const [name, title, attack] of ATTACKS) {
  test(name, `survives ${title}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vif = await t.fresh();
    await underAttack([t, vif], 'ROB-01', attack, () => other.ping());
    await othersSurvive(t, 'ROB-01', other, [vif]);
  });
}

for (const key of [KEY.txRingRef, KEY.eventChannel, KEY.multiQueueNumQueues, KEY.requestRxCopy, KEY.featureRxNotify]) {
  test(`values-of-${key}`, `survives wrong values of ${key}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vifs: FrontendPeer[] = [];
    for (const value of WRONG_VALUES) {
      const vif = await waiting(t);
      vifs.push(vif);
      await vif.publish({ split: false, keys: { [key]: value } });
      await vif.setState(XENBUS_STATE.connected);
    }
    await othersSurvive(t, 'ROB-01', other, vifs);
  });
}
