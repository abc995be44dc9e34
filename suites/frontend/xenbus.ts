/** xenbus.h, states; and the life cycle that every frontend has in common. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { sameBytes } from '../../harness/packet/bytes.js';
import { linkOf } from '../../harness/peer/link.js';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { distance } from '../../harness/protocol/ring.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { Expired } from '../../harness/xen/wait.js';

const { test, tests } = frontendChapter('xenbus');
export const xenbus = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;

/** How long a frontend gets to answer before the backend is Connected. */
const EARLY_MS = 200;

/** GNTTAB_NR_RESERVED_ENTRIES of grant_table.h. */
const RESERVED_REFS = 8;

const { initialising, initialised, connected, closing, closed, initWait, reconfiguring } = XENBUS_STATE;

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

test('carrier', 'has a carrier when the backend says so', { fresh: true, needs: 'carrier' }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.carrier]: '1' });
  for (const value of ['0', '1']) {
    await vif.writeKeys({ [KEY.carrier]: value });
    await t.check('LINK-03', () =>
      vif.until(`carrier ${value} in the guest`, async () => (await t.hasCarrier(vif)) === (value === '1')),
    );
  }
});

test(
  'untrusted-backend',
  'shows nothing but packets to a backend that it is told not to trust',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.plug(BACKEND_KEYS, { [KEY.trusted]: '0' });
    await vif.connect();
    await vif.buffers(1);
    // Before anything has come in: later on buffers hold what the backend itself sent.
    const buffers = vif.queue.rx.buffers.map(({ gref }) => besides(pageOf(t, vif, gref)));
    await t.check(['TRUST-01', 'GNT-11'], () => {
      expect(buffers.filter(Boolean), 'what posted rx buffers hold').to.deep.equal([]);
    });
    await t.configure(vif);
    vif.queue.tx.respond = false;
    for (const length of [64, 1000]) {
      const { requests } = await vif.ping({ length });
      for (const [n, { gref, offset, size }] of requests.entries()) {
        const own = n === 0 ? size - requests.slice(1).reduce((sum, rest) => sum + rest.size, 0) : size;
        const page = pageOf(t, vif, gref);
        await t.check(['TRUST-01', 'GNT-11'], () => {
          expect(besides(page, offset, own), `grant ${gref} besides ${own} bytes at ${offset}`).to.equal('');
        });
      }
    }
  },
);

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

test('initialised-waits', 'waits in Initialised for the backend to connect', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.setState(initWait);
  await vif.awaitState([initialised, connected]);
  if (!vif.other.history.includes(String(initialised)))
    t.skip('the frontend goes to Connected at once, and never to Initialised');
  await vif.mapRings();
  // A whole connection of another vif is the sentinel: one that doesn't wait has gone on by then.
  await t.fresh();
  await t.check('XB-03', () =>
    expect(vif.other.value, 'state before the backend connects').to.equal(String(initialised)),
  );
  await vif.setState(connected);
  await t.check('XB-03', () => vif.awaitState([connected]));
});

test(
  'sent-early',
  'loses nothing that it sent before the backend was Connected, and sends then',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.plug();
    await vif.setState(initWait);
    await vif.awaitState([initialised, connected]);
    await vif.mapRings();
    const { tx } = vif.queue;
    const sent = (): number => distance(tx.ring.reqCons, tx.ring.indices().reqProd);
    const early = await answersEarly(t, vif);
    const { frame, isReply } = vif.pingFrame();
    if (early) {
      vif.queue.deaf = true;
      await vif.deliver(frame);
      await vif.until('answer in the tx ring', () => sent() > 0);
    }
    await vif.setState(connected);
    await vif.awaitState([connected]);
    vif.queue.deaf = false;
    await t.check('XB-11', async () => {
      vif.queue.service();
      if (early) await vif.receive('answer from before', (packet) => isReply(packet.frame));
      else await t.configure(vif);
      await vif.ping();
    });
    t.info(early ? 'it sends before the backend is Connected' : 'it sends nothing before the backend is Connected');
  },
);

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

test('backend-still-connected', 'begins anew with a backend that is still Connected', PING, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, state: String(connected) });
  // A whole connection of another vif is the sentinel: it has seen that state by then.
  await t.fresh();
  await t.check('XB-28', async () => {
    await beginAnew(vif);
    await t.configure(vif);
    await vif.ping();
  });
});

test(
  'back-to-init-wait',
  'connects anew, once it starts again, when the backend is back in InitWait',
  { ...PING, needs: 'rebind' },
  async (t) => {
    const vif = await t.fresh();
    await vif.disconnect();
    await t.unbind(vif);
    await t.check('XB-16', async () => {
      // A driver may wait in its probe for a backend that isn't Closed.
      const ended = await Promise.allSettled([t.bind(vif), beginAnew(vif)]);
      for (const end of ended) if (end.status === 'rejected') throw end.reason;
      await t.configure(vif);
      await vif.ping();
    });
  },
);

test(
  'save-restore',
  'starts with fresh rings when its guest was saved and restored',
  { ...PING, needs: 'restore', destructive: true },
  async (t) => {
    const before = await t.fresh();
    for (let n = 0; n < 20; n++) await before.ping();
    const vif = await t.restore(before);
    await t.check('XB-24', async () => {
      await vif.setState(initWait);
      await vif.awaitState([initialised, connected]);
      await vif.mapRings();
      for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
        expect(ring.indices().rspProd, `rsp_prod of the ${ring.layout.name} ring`).to.equal(0);
      }
      await vif.setState(connected);
      await vif.awaitState([connected]);
      await t.configure(vif);
      await vif.ping();
    });
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

/** Whether the frontend sends before the backend is Connected, which it may. */
async function answersEarly(t: FrontendTest, vif: BackendPeer): Promise<boolean> {
  try {
    await t.configure(vif, { ms: EARLY_MS });
    return true;
  } catch (error) {
    if (!(error instanceof Expired)) throw error;
    return false;
  }
}

/** What a backend does that was connected before: it closes with the frontend, and waits for one that starts again. */
async function beginAnew(vif: BackendPeer): Promise<void> {
  const states = [initialising, closing, closed];
  let state = await vif.awaitState(states);
  // Closing, Closed, and no more on the way to Initialising.
  for (let steps = 0; steps < 2 && state !== initialising; steps++) {
    await vif.setState(state);
    const seen = state;
    state = await vif.awaitState(states.filter((other) => other !== seen));
  }
  await vif.connect();
}

/** The whole of a page that the frontend granted. */
function pageOf(t: FrontendTest, vif: BackendPeer, ref: number): Uint8Array {
  const [copy] = t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref, offset: 0, length: PAGE_SIZE }]);
  expect(copy?.status, `GNTST of a look at grant ${ref}`).to.equal(0);
  return copy?.bytes ?? new Uint8Array();
}

/** The bytes of a page that aren't zero, besides some of them; in hex, and the first 32 of them alone. */
function besides(page: Uint8Array, offset = 0, length = 0): string {
  const others = page.filter((byte, at) => byte !== 0 && (at < offset || at >= offset + length));
  return Buffer.from(others.subarray(0, 32)).toString('hex');
}
