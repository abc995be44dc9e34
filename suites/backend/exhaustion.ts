/** What a driver refuses, or waits for, more often than a ring or a table has places costs it none of them. */
import { expect } from 'chai';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import { CTRL_STATUS, CTRL_TYPE, GSO_TYPE, HASH_ALGORITHM, KEY, RSP, TX_BLANK } from '../../harness/protocol/netif.js';
import { advance, CTRL_RING, RX_RING, TX_RING } from '../../harness/protocol/ring.js';
import { stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { gsoExtra } from '../support/large-packets.js';
import { expectCtrl } from '../support/statuses.js';
import { add, entries, mapping } from './gref-verbs.js';
import { currentState, keepsVif, statusesAtLast, unlessGivenUp } from './refusal-verbs.js';
import { BAD_REF, through, useUp } from './verbs.js';

const { test, tests } = backendChapter('exhaustion');
export const exhaustion = tests;

const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const { success } = CTRL_STATUS;
/** Packets of four slots: more packets than a tx ring has slots, so that one lost place each is noticed. */
const PACKETS = 304;
/** Packets that are published at once. */
const AT_ONCE = 16;
/** More packets or messages than a driver has places for anything that it needs for one. */
const OFTEN = 528;
/** Packets that are published in two steps: as many as a tx ring has slots, and some more. */
const HALVES = TX_RING.size + 8;
/** A table of grants that a test can exhaust. */
const LARGEST_TABLE = 8192;
/** Buffers that a frontend keeps posted. */
const BUFFERS = 20;
const FRAGMENTS = [100, 100, 100, 100];
const LENGTH = 400;

/** The malformed packets that are sent. */
const REFUSED: readonly {
  readonly name: string;
  readonly what: string;
  readonly requirement: string;
  readonly gate?: string;
  readonly shape: TxShape;
}[] = [
  {
    name: 'bad-grants',
    what: 'an invalid grant in their last fragment',
    requirement: 'TXW-28',
    shape: { alter: (request, n) => (n === 3 ? { ...request, gref: BAD_REF } : request) },
  },
  {
    name: 'beyond-page',
    what: 'a fragment that crosses its page',
    requirement: 'TXW-05',
    shape: { alter: (request, n) => (n === 2 ? { ...request, offset: PAGE_SIZE - 50 } : request) },
  },
  {
    name: 'too-much-data',
    what: 'fragments that add up to more than the packet',
    requirement: 'TXW-27',
    shape: { alter: (request, n) => (n === 0 ? { ...request, size: 200 } : request) },
  },
  {
    name: 'bad-gso',
    what: 'a GSO extra of unknown type',
    requirement: 'GSO-07',
    gate: KEY.featureGsoTcpv4,
    shape: { flags: TX_BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4, { gsoType: 7 })] },
  },
];

for (const { name, what, requirement, gate, shape } of REFUSED) {
  const options = { gate: gate ? [KEY.featureSg, gate] : KEY.featureSg, fresh: true } as const;
  test(name, `serves a ring on which it has refused ${PACKETS} packets with ${what}`, options, async (t) => {
    const vif = await t.fresh();
    const put = (count: number): SentSlot[] => {
      const slots = Array.from({ length: count }, () =>
        vif.queue.tx.enqueue(vif.quietFrame(LENGTH), { fragments: FRAGMENTS, ...shape }),
      );
      vif.queue.pushTx();
      return slots.flat();
    };
    await keepsVif(t, vif, put(1));
    await unlessGivenUp(t, vif, vif.transmit(vif.quietFrame()));
    let seen: readonly (number | undefined)[] | undefined = [];
    for (let n = 0; n < PACKETS && seen; n += AT_ONCE) seen = await statusesAtLast(t, vif, put(AT_ONCE));
    await t.check(requirement, () => expect(seen === undefined, 'the backend stops responding').to.equal(false));
    if ((await currentState(vif)) !== stateName(XENBUS_STATE.connected))
      t.skip('the backend gives up the vif, as it may');
    await t.check('RING-09', () => vif.transmit(vif.quietFrame()));
  });
}

test(
  'partial',
  `serves a ring on which ${HALVES} packets were published in two steps`,
  { gate: KEY.featureSg, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const other = await t.connect();
    const { ring } = vif.queue.tx;
    // A backend that refuses the first half may read the rest as a packet of its own, which is too short.
    const inTwoSteps = async (): Promise<SentSlot[]> => {
      const slots = vif.queue.tx.enqueue(vif.quietFrame(LENGTH), { fragments: [LENGTH - 8, 8] });
      ring.reqProdPvt = advance(ring.reqProdPvt, -1);
      vif.queue.pushTx();
      // By the response to a packet of another vif, the backend has usually seen the first step.
      await other.transmit(other.quietFrame());
      ring.reqProdPvt = advance(ring.reqProdPvt, 1);
      vif.queue.pushTx();
      // A backend that waits need not look again before its next event.
      t.domain.events.notify(vif.queue.txPort);
      return slots;
    };
    vif.monitor.lookAwayFromRings();
    const first = await inTwoSteps();
    await keepsVif(t, vif, first);
    if (first.some(({ response }) => response?.status === RSP.error)) t.skip('the backend refuses half a packet');
    await t.check('RING-09', async () => {
      for (let n = 1; n < HALVES; n++) await vif.answered(await inTwoSteps());
    });
  },
);

test(
  'empty-fragments',
  `serves a ring on which ${OFTEN} packets with a zero-length fragment were`,
  { gate: KEY.featureSg, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const put = (count: number): SentSlot[] => {
      const fragments = [100, 0, LENGTH - 100];
      const slots = Array.from({ length: count }, () => vif.queue.tx.enqueue(vif.quietFrame(LENGTH), { fragments }));
      vif.queue.pushTx();
      return slots.flat();
    };
    await keepsVif(t, vif, put(1));
    await unlessGivenUp(t, vif, vif.transmit(vif.quietFrame()));
    await t.check('RING-09', async () => {
      for (let n = 0; n < OFTEN; n += AT_ONCE) await vif.answered(put(AT_ONCE));
    });
  },
);

test(
  'control-grants',
  `responds to control messages after ${OFTEN} of each kind with an invalid grant`,
  CONTROL,
  async (t) => {
    const { control } = await t.fresh({ control: true });
    await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
    await control.setHashMappingSize(1);
    await t.check('CTRL-07', async () => {
      for (const [type, ...words] of [
        [CTRL_TYPE.setHashKey, BAD_REF, 4],
        [CTRL_TYPE.setHashMapping, BAD_REF, 1, 0],
        [CTRL_TYPE.addGrefMapping, 0, BAD_REF, 1],
        [CTRL_TYPE.delGrefMapping, 0, BAD_REF, 1],
      ] as const) {
        for (let n = 0; n < OFTEN; n++) await control.ask(type, ...words);
      }
      await control.ask(CTRL_TYPE.getHashMappingSize);
    });
  },
);

/** Control messages of which a backend refuses each, with a page that holds no list and no table. */
const MESSAGES: Readonly<Record<string, readonly [type: number, words: (page: number) => readonly number[]]>> = {
  types: [0x7fff, () => []],
  algorithms: [CTRL_TYPE.setHashAlgorithm, () => [0x77]],
  flags: [CTRL_TYPE.setHashFlags, () => [0x80000000]],
  keys: [CTRL_TYPE.setHashKey, (page) => [page, 0xffffffff]],
  'key-grants': [CTRL_TYPE.setHashKey, () => [BAD_REF, 4]],
  tables: [CTRL_TYPE.setHashMappingSize, () => [0xffffffff]],
  'table-parts': [CTRL_TYPE.setHashMapping, (page) => [page, 1, 0xffffffff]],
  'gref-lists': [CTRL_TYPE.addGrefMapping, (page) => [0, page, 0xffff]],
};

for (const [name, [type, words]] of Object.entries(MESSAGES)) {
  const title = `responds to control messages after it refused ${2 * CTRL_RING.size} with invalid ${name.replace('-', ' ')}`;
  test(`control-${name}`, title, CONTROL, async (t) => {
    const { control } = await t.fresh({ control: true });
    await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
    const [a, b, c] = words(control.grant(new Uint8Array(PAGE_SIZE)));
    await t.check('CTRL-07', async () => {
      for (let n = 0; n < 2 * CTRL_RING.size; n++) await control.ask(type, a, b, c);
      await control.ask(CTRL_TYPE.getHashMappingSize);
    });
  });
}

test('gref', 'has its whole table free after more refused lists than the table has entries', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  if (size > LARGEST_TABLE) t.skip(`the backend has room for ${size} grants`);
  const list = entries(control, Math.min(size, 64));
  await add(t, control, list);
  await control.delGrefMapping(0, list);
  const good = list.bytes();
  const bad = Uint8Array.from(good);
  new DataView(bad.buffer).setUint32(good.length - 8, BAD_REF, true);
  list.offer.page.copyIn(0, bad);
  for (let n = 0; n < size + 64; n += list.length) {
    const { status } = await control.addGrefMapping(0, list);
    if (status === success) t.skip('the backend accepts an invalid reference');
  }
  list.offer.page.copyIn(0, good);
  await t.check('GREF-09', async () => {
    expectCtrl((await control.addGrefMapping(0, list)).status, success, 'a valid list');
  });
});

test(
  'bad-buffers',
  'delivers again after more buffers that it could not write than the rx ring has slots',
  { fresh: true, needs: 'bridge' },
  async (t) => {
    const [from, to] = await t.bridged({}, { rxBuffers: 0 });
    const { rx } = to.queue;
    // A backend may also try the next buffer for the same packet: then all are used up at once.
    rx.repost = false;
    rx.nextRef = () => BAD_REF;
    for (let used = 0; used < RX_RING.size + BUFFERS; used += BUFFERS) {
      to.queue.post(BUFFERS);
      await useUp(from, to, BUFFERS);
    }
    rx.nextRef = undefined;
    rx.repost = true;
    // A backend may use none of the last buffers until more are posted.
    const left = rx.posted;
    to.queue.post(BUFFERS);
    await useUp(from, to, left);
    t.info(`${rx.errors.length} buffers were refused`);
    await t.check('GNT-10', () => through(from, to, from.frameTo(to.link.peer.mac)));
  },
);
