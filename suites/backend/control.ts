/** netif.h, "Control ring". */
import { expect } from 'chai';
import { CTRL_STATUS, CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { advance, CTRL_RING, distance } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter } from '../../harness/run/suite.js';
import { grantUses, worksOrRefuses } from './verbs.js';

const { test, tests } = backendChapter('control');
export const control = tests;

const { initWait, connected } = XENBUS_STATE;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const PING = { ...CONTROL, reflector: 'icmp' } as const;
/** Beyond every type that is defined. */
const UNKNOWN_TYPE = 0x7fff;
/** Rounds of the test that is about something not happening. */
const ROUNDS = 20;
/** An event that was on its way when a round began is counted in it. */
const STRAY_ROUNDS = 4;
/** A message that every backend answers at once, and that changes nothing. */
const HARMLESS = CTRL_TYPE.getHashMappingSize;

test('feature', 'writes feature-ctrl-ring as 1, or not at all', { gate: KEY.featureCtrlRing }, async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureCtrlRing);
  await t.check('CTRL-01', () => expect(value).to.equal('1'));
});

test('none', 'connects a frontend without a control ring', PING, async (t) => {
  await t.check('CTRL-05', async () => (await t.fresh()).ping());
});

test('half', 'survives half of the keys', PING, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ control: true, keys: { [KEY.eventChannelCtrl]: undefined } });
  await t.check('CTRL-06', () => worksOrRefuses(t, vif));
});

test('bad-reference', 'survives a reference that is none', PING, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ control: true, keys: { [KEY.ctrlRingRef]: '4294967280' } });
  await t.check('CTRL-06', () => worksOrRefuses(t, vif));
});

test('first', 'answers a request that was there before it connected', CONTROL, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish({ control: true });
  const message = vif.control.put(HARMLESS);
  vif.control.push();
  await vif.setState(connected);
  await vif.awaitState([connected]);
  await t.check('CTRL-17', () => vif.replied([message]));
});

test('one-each', 'answers every request once, by its id and type', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check(['CTRL-07', 'CTRL-09'], async () => {
    const messages = [...Array(40).keys()].map((n) => vif.control.put(n % 2 ? HARMLESS : UNKNOWN_TYPE));
    vif.control.push();
    await vif.replied(messages);
    // A response too many would lie in the ring when the next one is read.
    await vif.control.ask(HARMLESS);
  });
});

test('unknown-type', 'answers NOT_SUPPORTED to what it does not know', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  for (const type of [CTRL_TYPE.invalid, CTRL_TYPE.delGrefMapping + 1, UNKNOWN_TYPE, 0xffff]) {
    await t.check('CTRL-10', async () => {
      expect((await vif.control.ask(type)).status, `type ${type}`).to.equal(CTRL_STATUS.notSupported);
    });
  }
});

test('zero-data', 'leaves data 0 where a message gives it no meaning', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  for (const type of [CTRL_TYPE.setHashAlgorithm, CTRL_TYPE.setHashMappingSize, UNKNOWN_TYPE]) {
    await t.check('CTRL-11', async () => expect((await vif.control.ask(type)).data, `type ${type}`).to.equal(0));
  }
});

test('reserved-words', 'answers a request with something in words that should be 0', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check('CTRL-13', async () => {
    const { status } = await vif.control.ask(CTRL_TYPE.setHashAlgorithm, 0, 0xdeadbeef, 0xffffffff);
    expect(status).to.be.oneOf([CTRL_STATUS.success, CTRL_STATUS.invalidParameter, CTRL_STATUS.notSupported]);
  });
});

test('full-ring', 'answers as many requests at once as the ring has slots', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await t.check('CTRL-14', async () => {
    // The second time around the slots are used again.
    for (let round = 0; round < 2; round++) {
      const messages = Array.from({ length: CTRL_RING.size }, () => vif.control.put(HARMLESS));
      vif.control.push();
      await vif.replied(messages);
    }
  });
});

test('notified', 'is told by its event and tells by its event', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  // The peer looks at the ring when an event came, and only then.
  await t.check('CTRL-15', async () => {
    for (let n = 0; n < 20; n++) await vif.control.ask(HARMLESS);
  });
});

test('event-ahead', 'keeps quiet before the event index of the control ring is reached', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  const { pump } = vif.context;
  await control.ask(HARMLESS);
  const early = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    control.deaf = true;
    control.ring.setRspEvent(advance(control.ring.rspCons, 4));
    const before = pump.count(control.port);
    const answered = (): number => distance(control.ring.rspCons, control.ring.indices().rspProd);
    for (let n = 1; n <= 4; n++) {
      control.put(HARMLESS);
      control.push();
      await vif.until('control response', () => answered() >= n);
      if (answered() < 4 && pump.count(control.port) > before) early.add(round);
    }
    // The fourth response crosses the index: its event ends the round, and would have come after a stray one.
    await t.check('CTRL-15', () => vif.until('event at the fourth response', () => pump.count(control.port) > before));
    control.deaf = false;
    control.service();
  }
  t.info(`${ROUNDS} rounds of 3 responses before the index`);
  await t.check('NOTIFY-11', () => {
    expect(early.size, `rounds with an early notification, of ${ROUNDS}`).to.be.at.most(STRAY_ROUNDS);
  });
});

test('rogue-index', 'outlives an index beyond the ring', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh({ control: true });
  vif.control.ring.reqProdPvt = advance(vif.control.ring.reqProdPvt, CTRL_RING.size + 1);
  vif.control.deaf = true;
  vif.control.push();
  await t.check('CTRL-16', async () => (await t.connect()).ping());
  await t.check('CTRL-16', async () => (await t.fresh({ control: true })).control.ask(HARMLESS));
});

test('beside-data', 'answers under a load of data, and passes data under a load of requests', PING, async (t) => {
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

test('released', 'has let go of the ring when it is Closed', { ...CONTROL, observer: true }, async (t) => {
  const vif = await t.fresh({ control: true });
  const { ringRef } = vif.control;
  await vif.shut();
  const uses = await grantUses(t, [ringRef]);
  await t.check('CTRL-20', () => expect(uses, 'use of the control ring').to.deep.equal(['unused']));
});
