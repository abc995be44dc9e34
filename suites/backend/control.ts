/** netif.h, "Control ring". */
import { expect } from 'chai';
import { CTRL_STATUS, CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { advance, CTRL_RING, distance } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { expectCtrl } from '../support/statuses.js';
import { closes, goesToConnected, waiting } from './connection-verbs.js';
import { worksOrRefuses } from './refusal-verbs.js';
import { grantUses, seenByBackend } from './verbs.js';

const { test, tests } = backendChapter('control');
export const control = tests;

const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const PING = { ...CONTROL, reflector: 'icmp' } as const;
/** Packets for which there is no buffer. */
const WAITING = 8;
/** Greater than every defined type. */
const UNKNOWN_TYPE = 0x7fff;
/** Rounds of the test that watches for something not to happen. */
const ROUNDS = 20;
/** Rounds that may count an event which was in flight when they began. */
const STRAY_ROUNDS = 4;
/** A message to which every backend responds at once, and that changes nothing. */
const HARMLESS = CTRL_TYPE.getHashMappingSize;

test('feature', 'writes feature-ctrl-ring as 1, or not at all', { gate: KEY.featureCtrlRing }, async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureCtrlRing);
  await t.check('CTRL-01', () => expect(value, KEY.featureCtrlRing).to.equal('1'));
});

test('none', 'connects a frontend without a control ring', PING, async (t) => {
  await t.check('CTRL-05', async () => (await t.fresh()).ping());
});

test('half', 'survives half of the control ring keys', PING, async (t) => {
  const vif = await waiting(t);
  await vif.publish({ control: true, keys: { [KEY.eventChannelCtrl]: undefined } });
  await worksOrRefuses(t, 'CTRL-06', vif);
});

test('bad-reference', 'survives an invalid ring reference', PING, async (t) => {
  const vif = await waiting(t);
  await vif.publish({ control: true, keys: { [KEY.ctrlRingRef]: '4294967280' } });
  await worksOrRefuses(t, 'CTRL-06', vif);
});

test('first', 'responds to a request that was pushed before it connected', CONTROL, async (t) => {
  const vif = await waiting(t);
  await vif.publish({ control: true });
  const message = vif.control.put(HARMLESS);
  vif.control.push();
  await goesToConnected(vif);
  await t.check('CTRL-17', () => vif.replied([message]));
});

test('one-each', 'responds once to every request, with its id and type', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check(['CTRL-07', 'CTRL-09'], async () => {
    const messages = [...Array(40).keys()].map((n) => vif.control.put(n % 2 ? HARMLESS : UNKNOWN_TYPE));
    vif.control.push();
    await vif.replied(messages);
    // A surplus response would be in the ring when the next one is read.
    await vif.control.ask(HARMLESS);
  });
});

test('unknown-type', 'responds with NOT_SUPPORTED or INVALID_PARAMETER to an unknown type', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const statuses: [type: number, status: number][] = [];
  // The first type after the known ones may belong to a newer header.
  for (const type of [CTRL_TYPE.invalid, UNKNOWN_TYPE, 0xffff]) {
    await t.check('CTRL-07', async () => statuses.push([type, (await vif.control.ask(type)).status]));
  }
  const { notSupported, invalidParameter } = CTRL_STATUS;
  await t.check('CTRL-10', () => {
    for (const [type, status] of statuses)
      expectCtrl(status, [notSupported, invalidParameter], `a message of type ${type}`);
  });
});

test('zero-data', 'sets data to 0 if the message gives it no meaning', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { setHashFlags, setHashKey, setHashMappingSize, setHashMapping } = CTRL_TYPE;
  for (const type of [setHashFlags, setHashKey, setHashMappingSize, setHashMapping]) {
    await t.check('CTRL-21', async () => expect((await vif.control.ask(type)).data, `type ${type}`).to.equal(0));
  }
  for (const type of [CTRL_TYPE.setHashAlgorithm, UNKNOWN_TYPE]) {
    await t.check('CTRL-11', async () => expect((await vif.control.ask(type)).data, `type ${type}`).to.equal(0));
  }
});

test('reserved-words', 'responds to a request with non-zero reserved words', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check('CTRL-13', async () => {
    const { status } = await vif.control.ask(CTRL_TYPE.setHashAlgorithm, 0, 0xdeadbeef, 0xffffffff);
    expectCtrl(
      status,
      [CTRL_STATUS.success, CTRL_STATUS.invalidParameter, CTRL_STATUS.notSupported],
      'SET_HASH_ALGORITHM',
    );
  });
});

test('full-ring', 'responds to as many requests at once as the ring has slots', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check('CTRL-14', async () => {
    // The second round uses the slots again.
    for (let round = 0; round < 2; round++) {
      const messages = Array.from({ length: CTRL_RING.size }, () => vif.control.put(HARMLESS));
      vif.control.push();
      await vif.replied(messages);
    }
  });
});

test('notified', 'uses the control event channel in both directions', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  // The peer looks at the ring only after an event.
  await t.check('CTRL-15', async () => {
    for (let n = 0; n < 20; n++) await vif.control.ask(HARMLESS);
  });
});

test('event-ahead', 'sends no event before the event index of the control ring is reached', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  const { pump } = vif.context;
  await control.ask(HARMLESS);
  const early = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    control.deaf = true;
    control.ring.setRspEvent(advance(control.ring.rspCons, 4));
    const before = pump.count(control.port);
    const responded = (): number => distance(control.ring.rspCons, control.ring.indices().rspProd);
    for (let n = 1; n <= 4; n++) {
      control.put(HARMLESS);
      control.push();
      await demanded(
        ['CTRL-07'],
        vif.until('control response', () => responded() >= n),
      );
      if (responded() < 4 && pump.count(control.port) > before) early.add(round);
    }
    // The fourth response crosses the index: its event ends the round, and arrives after any stray one.
    await t.check('CTRL-15', () => vif.until('event at the fourth response', () => pump.count(control.port) > before));
    control.deaf = false;
    control.service();
  }
  t.info(`${ROUNDS} rounds of 3 responses before the index`);
  await t.check('NOTIFY-11', () => {
    expect(early.size, `rounds with an early notification, of ${ROUNDS}`).to.be.at.most(STRAY_ROUNDS);
  });
});

test('rogue-index', 'survives a req_prod beyond the control ring', { ...PING, destructive: true }, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh({ control: true });
  vif.control.ring.reqProdPvt = advance(vif.control.ring.reqProdPvt, CTRL_RING.size + 1);
  vif.control.deaf = true;
  vif.control.push();
  // A whole connection of another vif is the sentinel: by then the backend has seen that index.
  await t.check('CTRL-16', async () => (await t.fresh({ control: true })).control.ask(HARMLESS));
  await t.check('CTRL-16', () => other.ping());
});

test('beside-data', 'responds under data load, and passes data under a load of requests', PING, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check('CTRL-18', async () => {
    for (let n = 0; n < 10; n++) {
      const messages = Array.from({ length: 64 }, () => vif.control.put(HARMLESS));
      const slots = Array.from({ length: 64 }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
      vif.control.push();
      vif.queue.pushTx();
      await Promise.all([vif.ping(), vif.replied(messages), vif.answered(slots)]);
    }
  });
});

test(
  'with-backlog',
  'responds while packets wait for buffers that the frontend does not post',
  { ...CONTROL, needs: 'bridge' },
  async (t) => {
    const [from, to] = await t.bridged({}, { control: true, rxBuffers: 0 });
    for (let n = 0; n < WAITING; n++) from.queue.tx.enqueue(from.frameTo(to.link.peer.mac));
    from.queue.pushTx();
    await seenByBackend(t);
    await t.check('CTRL-18', () => to.control.ask(HARMLESS));
  },
);

test('released', 'has released the control ring when it is Closed', { ...CONTROL, observer: true }, async (t) => {
  const vif = await t.fresh({ control: true });
  const { ringRef } = vif.control;
  await closes(t, vif);
  const uses = await grantUses(t, [ringRef]);
  await t.check('CTRL-20', () => expect(uses, 'use of the control ring').to.deep.equal(['unused']));
});
