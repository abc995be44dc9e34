/** xenbus.h, states; and the life cycle that every frontend has in common. */
import { expect } from 'chai';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { sameBytes } from '../../harness/packet/bytes.js';
import { linkOf } from '../../harness/peer/link.js';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter } from '../../harness/run/suite.js';

const { test, tests } = frontendChapter('xenbus');
export const xenbus = tests;

/** GNTTAB_NR_RESERVED_ENTRIES of grant_table.h. */
const RESERVED_REFS = 8;

const { initialised, connected, closing, closed, initWait, reconfiguring } = XENBUS_STATE;

test('connect', 'connects to a plain backend', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await t.check(['XB-08', 'XB-26', 'RING-19'], () => vif.connect());
  await t.check('XB-01', () => {
    for (const state of vif.other.history) expect(parseXenbusState(state).ok, `state "${state}"`).to.equal(true);
  });
});

test('passes-traffic', 'answers a ping once connected', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check(['RXW-08', 'RXW-28', 'TXW-33'], () => vif.ping());
  // All that the peer did to get here was to copy from pages that are granted to it, and to it alone.
  await t.check(['GNT-01', 'GNT-04'], () => vif.ping());
  // Its directory has none of the later nodes, and neither has the backend's.
  await t.check(['TRUST-02', 'LINK-02'], () => vif.ping());
  await t.check('MTU-01', () => vif.ping({ length: 1472 }));
});

test('reserved-refs', 'grants nothing by the references that are reserved', async (t) => {
  const vif = await t.connect();
  await vif.buffers(1);
  const refs = [
    Number(await vif.otherKey(KEY.txRingRef)),
    Number(await vif.otherKey(KEY.rxRingRef)),
    ...vif.queue.rx.buffers.map(({ gref }) => gref),
  ];
  await t.check('GNT-06', () => expect(Math.min(...refs), 'smallest reference').to.be.at.least(RESERVED_REFS));
});

test('waits-for-init-wait', 'publishes nothing before the backend is in InitWait', { fresh: true }, async (t) => {
  const early = await t.plug();
  // A whole connection of another vif is the sentinel: a frontend that doesn't wait has published by then.
  await t.fresh();
  const ref = await early.otherKey(KEY.txRingRef);
  await t.check('XB-07', () => expect(ref, KEY.txRingRef).to.equal(undefined));
});

test('keys-with-state', 'has all keys of its queue in place at Connected', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.setState(initWait);
  await vif.awaitState([initialised, connected]);
  await t.check('XB-26', () => vif.mapRings());
});

test('request-rx-copy', 'asks for copies', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.requestRxCopy);
  await t.check('XB-19', () => expect(value).to.equal('1'));
});

test('decimal-keys', 'writes numbers as plain decimal digits', async (t) => {
  const vif = await t.connect();
  const keys = await vif.otherKeys();
  await t.check('XB-22', () => {
    for (const [key, value] of Object.entries(keys)) {
      if (!/^(state|feature-|request-|multi-queue|.*-ref|event-channel)/.test(key)) continue;
      expect(parseDecimal(value, { min: 0, max: 0xffffffff }).ok, `${key} = "${value}"`).to.equal(true);
    }
  });
});

test('no-rx-copy', 'does not connect to a backend without feature-rx-copy', { fresh: true }, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.featureRxCopy]: '0' });
  await vif.setState(initWait);
  // A whole connection of another vif is the sentinel: by then this one has been looked at.
  await t.fresh();
  await t.check('XB-19', () => expect(vif.other.history, 'states').to.not.include(String(connected)));
});

test('mac', 'uses the MAC address of its directory', { fresh: true, reflector: 'arp' }, async (t) => {
  const vif = await t.fresh();
  const { frame } = await vif.arp();
  await t.check('XB-20', () => {
    const mac = linkOf(vif.link.iut.ipv4[2] ?? 0).iut.mac;
    expect(sameBytes(frame.subarray(6, 12), mac), 'sender is the address in the mac key').to.equal(true);
  });
});

test('closing', 'closes when the backend closes', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(closing);
  await t.check(['XB-15', 'XB-04'], () => vif.awaitState([closed]));
});

test('closed-at-once', 'closes when the backend goes straight to Closed', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  vif.release();
  await vif.setState(closed);
  await t.check(['XB-15', 'XB-04'], () => vif.awaitState([closed]));
});

test('closing-before-connected', 'closes when the backend closes before it connected', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.setState(initWait);
  await vif.awaitState([initialised, connected]);
  await vif.setState(closing);
  await t.check('XB-15', () => vif.awaitState([closed]));
});

test('same-state-again', 'takes a state written twice for one', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(connected);
  await t.check('XB-21', () => vif.ping());
});

test(
  'reconfiguring',
  'stays connected while the backend reconfigures',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await vif.setState(reconfiguring);
    await t.check('XB-05', () => vif.ping());
    await vif.setState(connected);
    await t.check('XB-05', () => vif.ping());
  },
);

test(
  'backend-vanishes',
  'outlives a backend directory that vanishes',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.domain.store.remove(vif.path);
    await t.domain.store.remove(vif.otherPath);
    vif.release();
    await t.check('XB-15', async () => (await t.fresh()).ping());
  },
);

test('unplug-and-plug', 'connects vif after vif', { fresh: true, reflector: 'icmp' }, async (t) => {
  await t.check('XB-14', async () => {
    for (let round = 0; round < 4; round++) {
      const vif = await t.fresh();
      await vif.ping();
      await t.unplug(vif);
    }
  });
});

test('two-at-once', 'serves two vifs beside each other', { fresh: true, reflector: 'icmp' }, async (t) => {
  const [one, other] = [await t.fresh(), await t.fresh()];
  await t.check('XB-14', async () => {
    await one.ping();
    await other.ping();
    await one.ping();
  });
});
