/** Attacks of a hostile backend that belong to no other chapter. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { encodeExtra } from '../../harness/protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, RXF } from '../../harness/protocol/netif.js';
import { RING_OFFSET } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { type Attacks, underAttack } from '../support/attacks.js';
import { noise, WRONG_STATES, WRONG_VALUES } from '../support/noise.js';
import { othersSurvive, respondTo, survives, withhold } from './verbs.js';

const { test, tests } = frontendChapter('robustness');
export const robustness = tests;

const HOSTILE = { fresh: true, reflector: 'icmp', destructive: true } as const;
/** Events in one burst, and number of bursts. */
const EVENTS = 1000;
const BURSTS = 20;

/** Attacks that a vif of its own bears. */
export const ATTACKS: Attacks<FrontendTest, BackendPeer> = [
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
    'rx-noise',
    'random rx responses',
    async (_, vif) => {
      await vif.buffers(1);
      const { ring, buffers } = vif.queue.rx;
      respondWithNoise(ring, (ring.rspProdPvt + Math.min(8, buffers.length)) >>> 0);
      vif.context.domain.events.notify(vif.queue.rxPort);
    },
  ],
  [
    'endless-extras',
    'an endless chain of extras',
    async (_, vif) => {
      await vif.buffers(1);
      const { rx } = vif.queue;
      const gso = encodeExtra({
        type: 'gso',
        flags: EXTRA_FLAG_MORE,
        size: 1448,
        gsoType: GSO_TYPE.tcpv4,
        pad: 0,
        features: 0,
      });
      rx.enqueue(vif.quietFrame(), { flags: RXF.extraInfo });
      while (rx.buffers.length > 0) rx.putExtraBytes(gso);
      vif.queue.pushRx();
    },
  ],
  [
    'endless-packet',
    'an endless packet',
    async (_, vif) => {
      await vif.buffers(1);
      // A frontend may end the packet anywhere.
      vif.monitor.lookAway('toFrontendStack');
      while (vif.queue.rx.buffers.length > 0) vif.queue.rx.enqueue(vif.quietFrame(), { flags: RXF.moreData });
      vif.queue.pushRx();
    },
  ],
  [
    'lengths',
    'packets that reach beyond their page',
    async (_, vif) => {
      for (const [offset, status] of [
        [0, 4097],
        [4095, 2],
        [65535, 1],
        [0, 32767],
      ] as const) {
        await vif.deliver(vif.quietFrame(), { alter: (response) => ({ ...response, offset, status }) });
      }
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

/** Attacks on a vif whose guest replies to pings. */
const ATTACKS_ON_REPLIES: typeof ATTACKS = [
  [
    'tx-noise',
    'random responses to its tx requests',
    async (_, vif) => {
      const { tx } = vif.queue;
      await vif.deliver(vif.pingFrame().frame);
      await vif.until('tx request', () => tx.ring.indices().reqProd !== tx.ring.rspProdPvt);
      respondWithNoise(tx.ring, tx.ring.indices().reqProd);
      vif.context.domain.events.notify(vif.queue.txPort);
    },
  ],
];

for (const [name, title, attack] of [...ATTACKS, ...ATTACKS_ON_REPLIES]) {
  test(name, `survives ${title}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vif = await t.fresh();
    await underAttack([t, vif], 'ROB-02', attack, () => other.ping());
    await othersSurvive(t, 'ROB-02', other, [vif]);
  });
}

for (const key of [KEY.multiQueueMaxQueues, KEY.featureRxCopy, KEY.featureSg, KEY.featureSplitEventChannels]) {
  test(`values-of-${key}`, `survives wrong values of ${key}`, HOSTILE, async (t) => {
    const other = await t.connect();
    const vifs: BackendPeer[] = [];
    for (const value of WRONG_VALUES) {
      const vif = await t.plug({ ...BACKEND_KEYS, [key]: value });
      vifs.push(vif);
      await vif.setState(XENBUS_STATE.initWait);
    }
    await othersSurvive(t, ['ROB-02', 'XB-18'], other, vifs);
  });
}

test('keeps-mapped', 'survives a backend that still has pages mapped when it responds', HOSTILE, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, 4);
  await vif.buffers(1);
  const sent = new Set(packets.flatMap(({ requests }) => requests.map(({ gref }) => gref)));
  const posted = vif.queue.rx.buffers.slice(0, 1).map(({ gref }) => gref);
  const { grants } = t.domain;
  const mapped = [grants.map(vif.iutDomain, [...sent], 'read-only'), grants.map(vif.iutDomain, posted, 'read-write')];
  try {
    respondTo(vif, packets);
    await survives(t, 'ROB-02', vif);
    await t.unplug(vif);
    await t.check('ROB-02', async () => (await t.fresh()).ping());
  } finally {
    for (const mapping of mapped) mapping.unmap();
  }
});

/** Publishes responses with random contents up to index `end`. */
function respondWithNoise({ page, layout }: BackendPeer['queue']['rx']['ring'], end: number): void {
  page.copyIn(RING_OFFSET.slots, noise(1, layout.size * layout.slotBytes));
  page.store32(RING_OFFSET.rspProd, end);
}
