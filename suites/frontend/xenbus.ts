/** xenbus.h, states; and the life cycle that all frontends share. */
import { expect } from 'chai';
import { fragmentLengths } from '../../harness/peer/backend-tx.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { linkOf } from '../../harness/peer/link.js';
import { GNTTAB_NR_RESERVED_ENTRIES } from '../../harness/protocol/grant.js';
import { KEY } from '../../harness/protocol/netif.js';
import { parseDecimal, parseXenbusState, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { distance } from '../../harness/protocol/ring.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded, Expired, Patience } from '../../harness/xen/wait.js';
import { countLost } from '../support/losses.js';
import {
  connectAgain,
  goOffline,
  grantedPage,
  happens,
  LATE_MS,
  publishing,
  repeat,
  respondTo,
  startAgain,
  TWICE,
  writable,
} from './verbs.js';

const { test, tests } = frontendChapter('xenbus');
export const xenbus = tests;

/** Changes of a directory while a frontend connects: enough to meet its first transaction. */
const INTERFERENCES = 20;

const PING = { fresh: true, reflector: 'icmp' } as const;

/** Pings by which each page that a frontend keeps for sending has held a packet. */
const PACKETS = 280;

/** Milliseconds for a frontend to reply before the backend is Connected. */
const EARLY_MS = 200;

/** The address in the backend's directory, where the frontend's directory has its own. */
const OTHER_MAC = '00:16:3e:00:00:01';

const { initialised, connected, closing, closed, initWait, reconfiguring } = XENBUS_STATE;

/** The keys of a frontend that hold a number; a vendor's own keys may hold anything. */
const NUMBERS: readonly string[] = [
  'state',
  ...Object.values(KEY).filter((key) => /^(feature-|request-|multi-queue-num|event-channel)|-ref$/.test(key)),
];

test('connect', 'connects to a plain backend', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.setState(initWait);
  await t.check('XB-08', () => vif.awaitState([initialised, connected]));
  await t.check('XB-26', () => vif.mapRings());
  const rings = [await vif.otherKey(KEY.txRingRef), await vif.otherKey(KEY.rxRingRef)].map(Number);
  await t.check('RING-19', () => {
    // Not at the start, where the frontend's own indices are moving.
    for (const ref of rings)
      expect(writable(t, vif, ref, PAGE_SIZE - 1), `ring page of grant ${ref} can be written`).to.equal(true);
  });
  await vif.setState(connected);
  await t.check('XB-08', () => vif.awaitState([connected]));
  await t.check('XB-01', () => {
    for (const state of vif.other.history) expect(parseXenbusState(state).ok, `state "${state}"`).to.equal(true);
  });
});

test('passes-traffic', 'replies to a ping once connected', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await vif.ping();
  // The frontend's directory has no mtu node.
  await t.check('MTU-01', () => vif.ping({ length: 1472 }));
});

test('conflict', 'repeats a transaction that conflicts with a change of its directory', { fresh: true }, async (t) => {
  const vif = await t.plug();
  const node = `${vif.otherPath}/netifspec`;
  // A node that is created or removed changes its parent, on which a transaction that creates a key depends. Whether one
  // of them comes in the middle of a transaction is a race on real Xen.
  const interfere = async (): Promise<void> => {
    for (let n = 0; n < INTERFERENCES; n++) {
      await t.domain.store.write(node, '1');
      await t.domain.store.remove(node);
    }
  };
  await t.check('XB-25', async () => {
    const [connecting] = await Promise.allSettled([vif.connect(), interfere()]);
    if (connecting.status === 'rejected') throw connecting.reason;
    await t.configure(vif);
  });
});

test('grants', "grants its rings and rx buffers to the backend's domain", async (t) => {
  const vif = await t.connect();
  await vif.buffers(1);
  const refs = [await vif.otherKey(KEY.txRingRef), await vif.otherKey(KEY.rxRingRef)].map(Number);
  await t.check(['GNT-01', 'GNT-04'], () => {
    for (const ref of [...refs, ...vif.queue.rx.buffers.map(({ gref }) => gref)]) {
      expect(writable(t, vif, ref), `grant ${ref} can be written`).to.equal(true);
    }
  });
});

test('reserved-refs', 'uses no reserved grant reference', async (t) => {
  const vif = await t.connect();
  await vif.buffers(1);
  const refs = [
    Number(await vif.otherKey(KEY.txRingRef)),
    Number(await vif.otherKey(KEY.rxRingRef)),
    ...vif.queue.rx.buffers.map(({ gref }) => gref),
  ];
  await t.check('GNT-06', () =>
    expect(Math.min(...refs), 'smallest reference').to.be.at.least(GNTTAB_NR_RESERVED_ENTRIES),
  );
});

test('carrier', 'follows the carrier node of the backend', { fresh: true, needs: 'carrier' }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.carrier]: '1' });
  for (const value of ['0', '1', '0', '1']) {
    await vif.writeKeys({ [KEY.carrier]: value });
    await t.check('LINK-03', () =>
      vif.until(`carrier state ${value} in the guest`, async () => (await t.hasCarrier(vif)) === (value === '1')),
    );
  }
});

test(
  'no-carrier-node',
  'assumes a carrier if the backend has no carrier node',
  { fresh: true, needs: 'carrier' },
  async (t) => {
    const vif = await t.fresh();
    const hasCarrier = await t.hasCarrier(vif);
    await t.check('LINK-02', () => expect(hasCarrier, 'carrier in the guest').to.equal(true));
  },
);

test(
  'untrusted-backend',
  'exposes only packet data when trusted = 0',
  { fresh: true, reflector: 'icmp-full' },
  async (t) => {
    const vif = await t.plug(BACKEND_KEYS, { [KEY.trusted]: '0' });
    await vif.connect();
    await vif.buffers(1);
    // Before anything is received: later the buffers hold what the backend itself sent.
    const buffers = vif.queue.rx.buffers.map(({ gref }) => bytesOutside(grantedPage(t, vif, gref)));
    await t.check(['TRUST-01', 'GNT-11'], () => {
      expect(buffers.filter(Boolean), 'contents of posted rx buffers').to.deep.equal([]);
    });
    await t.configure(vif);
    for (const [earlier, length] of [
      [0, 64],
      [0, 1000],
      [PACKETS, 64],
    ] as const) {
      // Whatever pages the frontend keeps, they have held longer packets by then.
      await repeat(t, vif, earlier, () => countLost(1, () => vif.ping({ length: 1000, tries: 1, ms: LATE_MS })));
      for (const { tx } of vif.queues) tx.respond = false;
      // These have their responses.
      vif.received.length = 0;
      const packet = await vif.ping({ length });
      const lengths = fragmentLengths(packet.requests);
      for (const { gref } of packet.requests) {
        const page = grantedPage(t, vif, gref);
        // Several fragments may be in one page.
        packet.requests.forEach(({ gref: other, offset }, n) => {
          if (other === gref) page.fill(0, offset, offset + (lengths[n] ?? 0));
        });
        await t.check(['TRUST-01', 'GNT-11'], () => {
          expect(bytesOutside(page), `bytes of grant ${gref} outside the packet`).to.equal('');
        });
      }
      respondTo(vif, [packet]);
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

test('keys-with-state', 'has written all keys of its queue when it goes to Connected', { fresh: true }, async (t) => {
  const vif = await publishing(t);
  await t.check('XB-26', () => vif.mapRings());
});

test('initialised-waits', 'waits in Initialised for the backend to connect', { fresh: true }, async (t) => {
  const vif = await publishing(t);
  if (!vif.other.history.includes(String(initialised)))
    t.skip('the frontend goes directly to Connected, never to Initialised');
  await vif.mapRings();
  // A whole connection of another vif is the sentinel: a frontend that doesn't wait has continued by then.
  await t.fresh();
  await t.check('XB-03', () =>
    expect(vif.other.value, 'state before the backend connects').to.equal(String(initialised)),
  );
});

test(
  'sent-early',
  'loses nothing that it sent before the backend was Connected, and then sends',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await publishing(t);
    await vif.mapRings();
    const { tx } = vif.queue;
    const sent = (): number => distance(tx.ring.reqCons, tx.ring.indices().reqProd);
    let early = await repliesEarly(t, vif);
    // A stack may lose one of them.
    const pings = Array.from({ length: 3 }, () => vif.pingFrame());
    if (early) {
      vif.queue.deaf = true;
      for (const { frame } of pings) await vif.deliver(frame);
      early = await happens(vif, 'ping reply in the tx ring', () => sent() > 0, Patience.defaultMs);
    }
    await vif.setState(connected);
    await demanded(['XB-08'], vif.awaitState([connected]));
    vif.queue.deaf = false;
    await t.check('XB-11', async () => {
      vif.queue.service();
      const isEarly = (frame: Uint8Array): boolean => pings.some(({ isReply }) => isReply(frame));
      if (early) await vif.receive('ping reply from before Connected', ({ frame }) => isEarly(frame));
      else await t.configure(vif);
      await vif.ping();
    });
    t.info(
      early
        ? 'the frontend sends before the backend is Connected'
        : 'the frontend sends only once the backend is Connected',
    );
  },
);

test('request-rx-copy', 'writes request-rx-copy as 1', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.requestRxCopy);
  await t.check('XB-19', () => expect(value, KEY.requestRxCopy).to.equal('1'));
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

test('no-rx-copy', 'does not connect to a backend without feature-rx-copy', { fresh: true }, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.featureRxCopy]: '0' });
  await vif.setState(initWait);
  // A whole connection of another vif is the sentinel: by then the frontend has seen this one.
  await t.fresh();
  if (vif.other.value === String(initialised)) {
    // A frontend in Initialised follows its backend to Connected.
    await vif.mapRings();
    await vif.setState(connected);
    await t.fresh();
  }
  await t.check('XB-31', () => expect(vif.other.history, 'states').to.not.include(String(connected)));
});

test('mac', 'uses the MAC address in its directory', { fresh: true, reflector: 'arp' }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.mac]: OTHER_MAC });
  const { frame } = await vif.arp();
  await t.check('XB-20', () => {
    const mac = linkOf(vif.link.iut.ipv4[2] ?? 0).iut.mac;
    expect(sameBytes(frame.subarray(6, 12), mac), 'sender address is that of the mac key').to.equal(true);
  });
});

test('closing', 'closes when the backend goes offline and closes', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  await goOffline(vif, closing);
  await t.check('XB-15', () => vif.awaitState([closed]));
});

test('closed-at-once', 'closes when the backend goes directly to Closed', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  vif.release();
  await goOffline(vif, closed);
  await t.check('XB-32', () => vif.awaitState([closed]));
});

test('closing-before-connected', 'closes when the backend closes before it connected', { fresh: true }, async (t) => {
  const vif = await publishing(t);
  await goOffline(vif, closing);
  await t.check('XB-15', () => vif.awaitState([closed]));
});

test(
  'same-state-again',
  'ignores a repeated write of the same state',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await vif.setState(connected);
    await t.check('XB-21', () => vif.ping());
    // A whole connection of another vif is the sentinel: by then the frontend has seen that state.
    await t.fresh();
    await t.check('XB-21', () => vif.ping());
  },
);

test(
  'reconfiguring',
  'stays connected while the backend reconfigures',
  { fresh: true, reflector: 'icmp', destructive: true },
  async (t) => {
    const vif = await t.fresh();
    await vif.setState(reconfiguring);
    // A whole connection of another vif is the sentinel: by then the frontend has seen that state.
    await t.fresh();
    await t.check('XB-05', () => vif.ping());
    await vif.setState(connected);
    await t.fresh();
    await t.check('XB-05', () => vif.ping());
  },
);

test('backend-still-connected', 'makes a fresh connection to a backend that is still Connected', PING, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, state: String(connected) });
  // A whole connection of another vif is the sentinel: the frontend has seen that state by then.
  await t.fresh();
  await t.check('XB-28', async () => {
    await startAgain(vif);
    await t.configure(vif);
    await vif.ping();
  });
});

test(
  'back-to-init-wait',
  'reconnects when it starts again and the backend is back in InitWait',
  { ...PING, needs: 'rebind' },
  async (t) => {
    const vif = await t.fresh();
    await t.check('XB-16', async () => {
      for (let round = 0; round < TWICE; round++) {
        await connectAgain(t, vif);
        await vif.ping();
      }
    });
  },
);

test(
  'save-restore',
  'starts with fresh rings after its guest was saved and restored',
  { ...PING, needs: 'restore', destructive: true },
  async (t) => {
    // The backend after the restore offers less: what the frontend read before must not hold.
    let before = await t.fresh({
      ...BACKEND_KEYS,
      [KEY.featureMulticastControl]: '1',
      [KEY.featureIpv6CsumOffload]: '1',
      [KEY.multiQueueMaxQueues]: '2',
    });
    for (let round = 0; round < TWICE; round++) {
      for (let n = 0; n < 20; n++) await before.ping();
      const vif = await t.restore(before);
      await t.check('XB-24', () => connectsFresh(vif));
      // Nothing of the old event channel may hold.
      await t.check('NOTIFY-02', () => t.configure(vif));
      await t.check('XB-24', () => vif.ping());
      before = vif;
    }
  },
);

test(
  'backend-vanishes',
  'survives the removal of the backend directory',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.domain.store.remove(vif.path);
    await t.domain.store.remove(vif.otherPath);
    vif.release();
    await t.check('XB-15', async () => (await t.fresh()).ping());
  },
);

test('unplug-and-plug', 'connects one vif after another', { fresh: true, reflector: 'icmp' }, async (t) => {
  await t.check('XB-14', async () => {
    for (let round = 0; round < 4; round++) {
      const vif = await t.fresh();
      await vif.ping();
      await t.unplug(vif);
    }
  });
});

test('two-at-once', 'serves two vifs at the same time', { fresh: true, reflector: 'icmp' }, async (t) => {
  const [one, other] = [await t.fresh(), await t.fresh()];
  await t.check('XB-14', async () => {
    await one.ping();
    await other.ping();
    await one.ping();
  });
});

/** Connects a vif whose frontend starts with fresh rings. */
async function connectsFresh(vif: BackendPeer): Promise<void> {
  await vif.setState(initWait);
  await vif.awaitState([initialised, connected]);
  await vif.mapRings();
  for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
    expect(ring.indices().rspProd, `rsp_prod of the ${ring.layout.name} ring`).to.equal(0);
  }
  await vif.setState(connected);
  await vif.awaitState([connected]);
}

/** Whether the frontend sends before the backend is Connected, as it may. */
async function repliesEarly(t: FrontendTest, vif: BackendPeer): Promise<boolean> {
  try {
    await t.configure(vif, { ms: EARLY_MS });
    // The stack may lose what it sends before it has found the peer's MAC.
    await vif.ping({ ms: EARLY_MS });
    return true;
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    return false;
  }
}

/** The first 32 non-zero bytes of a page outside the `length` bytes at `offset`, in hex. */
function bytesOutside(page: Uint8Array, offset = 0, length = 0): string {
  const others = page.filter((byte, at) => byte !== 0 && (at < offset || at >= offset + length));
  return Buffer.from(others.subarray(0, 32)).toString('hex');
}
