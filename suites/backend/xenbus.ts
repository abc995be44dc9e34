/** xenbus.h, states; and the life cycle that every backend has in common. */
import { expect } from 'chai';
import { backendChapter } from '../../harness/run/suite.js';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { Expired } from '../../harness/xen/wait.js';
import { grantUses, refusesToConnect } from './verbs.js';

const { test, tests } = backendChapter('xenbus');
export const xenbus = tests;

const { initialising, initWait, initialised, connected, closing, closed } = XENBUS_STATE;

test('connect', 'connects a plain frontend', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await t.check(['XB-10', 'RING-19'], () => vif.connect());
  await t.check('XB-01', () => {
    for (const state of vif.other.history) expect(parseXenbusState(state).ok, `state "${state}"`).to.equal(true);
  });
});

test('passes-traffic', 'passes a ping and its answer once connected', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check(['TXW-14', 'RXW-05'], () => vif.ping());
});

test('init-wait', 'goes to InitWait without being asked', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await t.check('XB-02', () => vif.awaitState([initWait]));
});

test('features-before-init-wait', 'has its features in place at InitWait', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  const early = await vif.otherKeys();
  await vif.connect();
  const late = await vif.otherKeys();
  await t.check(['XB-06', 'SEC-02'], () => {
    for (const [key, value] of Object.entries(late)) {
      if (/^(feature-|multi-queue-max)/.test(key)) expect(early[key], `${key} at InitWait`).to.equal(value);
    }
  });
});

test('optional-keys', 'writes what it says of link and headroom as 0 or 1, or not', async (t) => {
  const keys = await (await t.connect()).otherKeys();
  await t.check('LINK-01', () => expect(keys[KEY.carrier], KEY.carrier).to.be.oneOf([undefined, '0', '1']));
  await t.check('XDP-01', () => {
    expect(keys[KEY.featureXdpHeadroom], KEY.featureXdpHeadroom).to.be.oneOf([undefined, '0', '1']);
  });
});

test('feature-rx-copy', 'copies into receive buffers', { about: KEY.featureRxCopy }, async (t) => {
  const vif = await t.connect();
  await t.check('XB-19', async () => expect(await vif.otherKey(KEY.featureRxCopy)).to.equal('1'));
});

test('decimal-keys', 'writes numbers as plain decimal digits', async (t) => {
  const vif = await t.connect();
  const keys = await vif.otherKeys();
  await t.check('XB-22', () => {
    for (const [key, value] of Object.entries(keys)) {
      if (!/^(state|feature-|multi-queue)/.test(key)) continue;
      expect(parseDecimal(value, { min: 0, max: 0xffffffff }).ok, `${key} = "${value}"`).to.equal(true);
    }
  });
});

test('initialised-first', 'connects a frontend that passes through Initialised', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish();
  await t.check('XB-09', async () => {
    await vif.setState(initialised);
    await vif.setState(connected);
    await vif.awaitState([connected]);
  });
});

test('same-state-again', 'takes a state written twice for one', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(connected);
  await t.check('XB-21', () => vif.ping());
});

test('closing', 'follows a frontend that closes', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await t.check(['XB-12', 'XB-04'], () => vif.disconnect());
});

test('closed-at-once', 'follows a frontend that goes straight to Closed', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(closed);
  await t.check(['XB-12', 'XB-04'], () => vif.awaitState([closed]));
});

test('releases-rings', 'has let go of the rings when it is Closed', { fresh: true, observer: true }, async (t) => {
  const vif = await t.fresh();
  const refs = [vif.queue.tx.ringRef, vif.queue.rx.ringRef];
  await vif.shut();
  const uses = await grantUses(t, refs);
  await t.check(['XB-12', 'GNT-08'], () => expect(uses, 'use of the ring pages').to.deep.equal(['unused', 'unused']));
});

test('reconnect', 'connects again after a close', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.disconnect();
  await t.check('XB-13', async () => {
    await vif.setState(initialising);
    await vif.awaitState([initWait]);
  });
  const status = await vif.otherKey(KEY.hotplugStatus);
  await t.check('XB-29', () => expect(status, KEY.hotplugStatus).to.equal('connected'));
  await t.check('XB-14', async () => {
    await vif.connect();
    await t.configure(vif);
    await vif.ping();
  });
});

test('reconnect-often', 'connects again and again', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await t.check('XB-14', async () => {
    for (let round = 0; round < 5; round++) {
      await vif.disconnect();
      await vif.setState(initialising);
      await vif.connect();
    }
    await t.configure(vif);
    await vif.ping();
  });
});

test('quick-changes', 'ends in InitWait after a quick close and restart', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(closing);
  await vif.setState(closed);
  vif.release();
  await vif.setState(initialising);
  await t.check('XB-30', () => vif.awaitState([initWait]));
});

test('offline', 'closes for good when its device is taken out', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await t.check('XB-13', async () => {
    await t.domain.store.write(`${vif.otherPath}/online`, '0');
    await vif.setState(closing);
    await vif.awaitState([closing, closed]);
    await vif.setState(closed);
    await vif.awaitState([closed]);
  });
});

test(
  'frontend-vanishes',
  'outlives a frontend directory that vanishes',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.domain.store.remove(vif.path);
    vif.release();
    // A second vif that connects from start to end is what tells that the driver has not stuck at the first.
    await t.check('XB-17', async () => (await t.fresh()).ping());
  },
);

for (const [name, key, value] of [
  ['missing-ring-ref', KEY.txRingRef, undefined],
  ['bad-ring-ref', KEY.txRingRef, '4294967295'],
  ['text-ring-ref', KEY.rxRingRef, 'ring'],
  ['bad-event-channel', KEY.eventChannel, '4095'],
] as const) {
  const title = `refuses ${key} = ${value ?? 'nothing'} and does not break`;
  test(name, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.plug();
    await vif.awaitState([initWait]);
    await vif.publish({ split: false, keys: { [key]: value } });
    await vif.setState(connected);
    await refusesToConnect(t, 'XB-18', vif);
  });
}

test(
  'write-storm',
  "answers changes in the frontend's directory with no endless writes",
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    let writes = 0;
    const watch = await t.domain.store.watch(vif.otherPath, () => writes++);
    let settled: number;
    try {
      for (let n = 0; n < 50; n++) {
        await vif.writeKeys({ [KEY.requestMulticastControl]: String(n % 2), 'netifspec-change': String(n) });
      }
      // A whole connection of another vif is the sentinel: all changes have been looked at by then.
      await t.fresh();
      settled = writes;
      await (await t.fresh()).ping();
    } finally {
      await watch.close();
    }
    await t.check('XB-23', () => expect(writes - settled, 'writes while nothing changes').to.equal(0));
    await t.check('XB-23', () => expect(settled, 'writes for 50 changes').to.be.at.most(100));
  },
);

test(
  'early-connected',
  'connects or refuses a frontend that is Connected before it is asked',
  { fresh: true },
  async (t) => {
    const vif = await t.plug();
    await vif.publish();
    await vif.setState(connected);
    await t.check('XB-27', async () => {
      const state = await vif.awaitState([connected, closing, closed]).catch((error: unknown) => {
        if (error instanceof Expired && vif.other.value === String(initWait)) return initWait;
        throw error;
      });
      t.info(`the backend settled in state ${state}`);
    });
    await t.check('XB-27', () => t.fresh());
  },
);
