/** xenbus.h, states; and the life cycle that all backends share. */
import { expect } from 'chai';
import { OPTIONAL } from '../../harness/peer/xenbus-end.js';
import { backendChapter } from '../../harness/run/suite.js';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { arrives } from '../support/losses.js';
import { closes, reconnect, returnsToInitWait, waiting } from './connection-verbs.js';
import { settledState, worksOrRefuses } from './refusal-verbs.js';
import { grantUses } from './verbs.js';

const { test, tests } = backendChapter('xenbus');
export const xenbus = tests;

/** The keys of a backend that hold a number; a vendor's own keys may hold anything. */
const NUMBERS: readonly string[] = [
  'state',
  ...Object.values(KEY).filter((key) => /^(feature-|multi-queue-)/.test(key)),
];

const { initialising, initWait, initialised, connected, closing, closed, reconfiguring, reconfigured } = XENBUS_STATE;

/** More connections than a table of 64 has entries. */
const RECONNECTS = 70;
/** Milliseconds after which a slow backend is not connected once more. */
const RECONNECTS_MS = 20_000;

test('connect', 'connects a plain frontend', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await t.check('XB-10', () => vif.connect());
  await t.check('XB-01', () => {
    for (const state of vif.other.history) expect(parseXenbusState(state).ok, `state "${state}"`).to.equal(true);
  });
});

test('passes-traffic', 'passes a ping and its reply once connected', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('RING-19', () => vif.ping());
});

test('init-wait', 'goes to InitWait on its own', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await t.check('XB-02', () => vif.awaitState([initWait]));
});

test('features-before-init-wait', 'has written its features when it goes to InitWait', { fresh: true }, async (t) => {
  const vif = await waiting(t);
  const early = await vif.otherKeys();
  await vif.connect();
  const late = await vif.otherKeys();
  await t.check(['XB-06', 'SEC-02'], () => expectFeatures(early, late));
});

test('features-again', 'has written its features when it returns to InitWait', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  const first = await vif.otherKeys();
  await returnsToInitWait(t, vif);
  const early = await vif.otherKeys();
  await vif.connect();
  const late = await vif.otherKeys();
  await t.check('XB-06', () => expectFeatures(early, late));
  await t.check('XB-19', () => expect(late[KEY.featureRxCopy], 'the key, again').to.equal(first[KEY.featureRxCopy]));
});

test('optional-keys', 'writes carrier and feature-xdp-headroom as 0 or 1, or not at all', async (t) => {
  const keys = await (await t.connect()).otherKeys();
  await t.check('LINK-01', () => expect(keys[KEY.carrier], KEY.carrier).to.be.oneOf([undefined, '0', '1']));
  await t.check('XDP-01', () => {
    expect(keys[KEY.featureXdpHeadroom], KEY.featureXdpHeadroom).to.be.oneOf([undefined, '0', '1']);
  });
});

test('feature-rx-copy', 'advertises feature-rx-copy = 1', { about: KEY.featureRxCopy }, async (t) => {
  const vif = await t.connect();
  await t.check('XB-19', async () => expect(await vif.otherKey(KEY.featureRxCopy), KEY.featureRxCopy).to.equal('1'));
});

test('decimal-keys', 'writes numbers as plain decimal digits', async (t) => {
  const vif = await t.connect();
  const keys = await vif.otherKeys();
  await t.check('XB-22', () => {
    for (const [key, value] of Object.entries(keys)) {
      if (!NUMBERS.includes(key)) continue;
      expect(parseDecimal(value, { min: 0, max: 0xffffffff }).ok, `${key} = "${value}"`).to.equal(true);
    }
  });
});

test('initialised-first', 'connects a frontend that passes through Initialised', { fresh: true }, async (t) => {
  const vif = await waiting(t);
  await vif.publish();
  await t.check('XB-09', async () => {
    await vif.setState(initialised);
    await vif.setState(connected);
    await vif.awaitState([connected]);
  });
});

test(
  'same-state-again',
  'ignores a repeated write of the same state',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await vif.setState(connected);
    await t.check('XB-21', async () => {
      await vif.ping();
      // A whole connection of another vif is the sentinel: the backend has seen the state by then.
      await t.fresh();
      await vif.ping();
    });
  },
);

test(
  'reconfiguring',
  'keeps the connection of a frontend that reconfigures',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check('XB-05', async () => {
      for (const state of [reconfiguring, reconfigured, connected]) {
        await vif.setState(state);
        // A whole connection of another vif is the sentinel: the backend has seen the state by then.
        await t.fresh();
        await vif.ping();
      }
    });
  },
);

test('closing', 'goes to Closed with a frontend that closes', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await t.check('XB-12', () => vif.disconnect());
});

test('closed-at-once', 'goes to Closed with a frontend that goes directly to Closed', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await vif.setState(closed);
  await t.check('XB-12', () => vif.awaitEnd([closed]));
});

test('releases-rings', 'has released the rings when it is Closed', { fresh: true, observer: true }, async (t) => {
  const vif = await t.fresh();
  const refs = [vif.queue.tx.ringRef, vif.queue.rx.ringRef];
  await closes(t, vif);
  const uses = await grantUses(t, refs);
  await t.check(['XB-12', 'GNT-08'], () => expect(uses, 'use of the ring pages').to.deep.equal(['unused', 'unused']));
});

test('reconnect', 'connects again after a close', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await closes(t, vif);
  vif.release();
  await vif.setState(initialising);
  await t.check('XB-13', () => vif.awaitState([initWait]));
  if (vif.other.value !== String(initWait)) return;
  const status = await vif.otherKey(KEY.hotplugStatus);
  await t.check('XB-29', () => expect(status, KEY.hotplugStatus).to.equal('connected'));
  await t.check('XB-14', async () => {
    await vif.connect();
    await t.configure(vif);
    await vif.ping();
  });
});

test(
  'reconnect-often',
  `reconnects ${RECONNECTS} times, or as often as it can in 20 s`,
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { clock } = t.domain;
    const end = clock.now() + RECONNECTS_MS;
    let rounds = 0;
    await t.check('XB-14', async () => {
      for (; rounds < RECONNECTS && clock.now() < end; rounds++) await reconnect(t, vif);
      await t.configure(vif);
      await vif.ping();
    });
    if (rounds < RECONNECTS) t.info(`${rounds} reconnects`);
  },
);

test(
  'resumed',
  'connects a frontend that starts again without a close, as after a resume',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await vif.setState(initialising);
    if (!(await arrives(vif.awaitState([initWait], OPTIONAL)))) t.skip('the backend connects a device only once');
    const { length } = vif.refs;
    vif.release();
    // The references of the earlier rings are in use, so that those of the new ones differ.
    const backend = Number(await t.domain.store.read(`${vif.path}/backend-id`));
    const others = Array.from({ length }, () => t.domain.grants.offer(backend, 'read-only'));
    try {
      await t.check('XB-24', async () => {
        await vif.connect();
        await t.configure(vif);
        await vif.ping();
      });
    } finally {
      for (const offer of others) offer.end();
    }
  },
);

test('quick-changes', 'ends in InitWait after a quick close and restart', { fresh: true }, async (t) => {
  // After the pause the backend has seen Closing, but may not have handled it.
  for (const pause of [0, 5]) {
    const vif = await t.fresh();
    await vif.setState(closing);
    await vif.context.patience.pass(pause);
    await vif.setState(closed);
    vif.release();
    await vif.setState(initialising);
    await t.check('XB-30', () => vif.awaitState([initWait]));
  }
});

test('offline', 'closes for good when its device is removed', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await t.check('XB-13', async () => {
    await t.domain.store.write(`${vif.otherPath}/online`, '0');
    await vif.shut();
  });
});

test(
  'frontend-vanishes',
  'survives the removal of the frontend directory',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.domain.store.remove(vif.path);
    vif.release();
    // A second vif that connects from start to end shows that the driver isn't stuck at the first.
    await t.check('XB-17', async () => (await t.fresh()).ping());
  },
);

test(
  'frontend-vanishes-busy',
  'releases the connection of a frontend whose directory is removed while packets pass',
  { fresh: true, observer: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    for (let n = 0; n < 64; n++) vif.queue.tx.enqueue(vif.pingFrame().frame);
    vif.queue.pushTx();
    const refs = [vif.queue.tx.ringRef, vif.queue.rx.ringRef];
    await grantUses(t, refs);
    // Events of responses may be lost with the connection.
    vif.monitor.lookAwayFromRings();
    await t.domain.store.remove(vif.path);
    // A second vif that connects from start to end shows that the driver isn't stuck at the first.
    await t.check('XB-17', async () => (await t.fresh()).ping());
    const uses = async (): Promise<string[]> => grantUses(t, refs);
    const released = async (): Promise<boolean> => (await uses()).every((use) => use === 'unused');
    await t.check('XB-37', () => vif.context.patience.until('end of all uses of the ring pages', released));
    vif.release();
  },
);

for (const [name, key, value] of [
  ['missing-ring-ref', KEY.txRingRef, undefined],
  ['missing-rx-ring-ref', KEY.rxRingRef, undefined],
  ['missing-event-channel', KEY.eventChannel, undefined],
  ['bad-ring-ref', KEY.txRingRef, '4294967295'],
  ['text-ring-ref', KEY.rxRingRef, 'ring'],
  ['bad-event-channel', KEY.eventChannel, '4095'],
] as const) {
  const title = `refuses ${value === undefined ? `a missing ${key}` : `${key} = ${/^\d+$/.test(value) ? value : `"${value}"`}`} and keeps working`;
  test(name, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await waiting(t);
    await vif.publish({ split: false, keys: { [key]: value } });
    const state = await settledState(t, vif);
    await t.check('XB-18', () => expect(state, 'state').to.be.oneOf([closing, closed].map(stateName)));
  });
}

test(
  'write-storm',
  "follows changes in the frontend's directory without endless writes",
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    let writes = 0;
    const watch = await t.domain.store.watch(vif.otherPath, () => writes++);
    // A whole connection of another vif is the sentinel: the backend has seen all changes by then.
    const writesMeanwhile = async (): Promise<number> => {
      const before = writes;
      await (await t.fresh()).ping();
      return writes - before;
    };
    const seen: number[] = [];
    try {
      // A backend may write by itself, for example a counter every second.
      seen.push(await writesMeanwhile());
      for (let n = 0; n < 50; n++) {
        await vif.writeKeys({ [KEY.requestMulticastControl]: String(n % 2), 'netifspec-change': String(n) });
      }
      for (let n = 0; n < 2; n++) seen.push(await writesMeanwhile());
    } finally {
      await watch.close();
    }
    const [usual = 0, settling = 0, after = 0] = seen;
    await t.check('XB-23', () => expect(after, 'writes while nothing changes').to.be.at.most(2 * usual + 2));
    t.info(`${settling} writes after 50 changes, ${usual} before`);
  },
);

test(
  'early-connected',
  'connects or refuses a frontend that does not wait for InitWait',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.plug();
    await vif.publish();
    await worksOrRefuses(t, 'XB-27', vif);
  },
);

/** Expects that all features of a backend were there at InitWait, with the values that they have later. */
function expectFeatures(early: Readonly<Record<string, string>>, late: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(late)) {
    if (/^(feature-|multi-queue-max)/.test(key)) expect(early[key], `${key} at InitWait`).to.equal(value);
  }
}
