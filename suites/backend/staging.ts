/** UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the staging grants. */
import { expect } from 'chai';
import { demanded } from '../../harness/xen/wait.js';
import { counted } from '../../harness/base/text.js';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { EXT_GREF_FLAG, GSO_TYPE, KEY, TX_BLANK } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { LARGE, throughLarge } from '../support/large-packets.js';
import { pingsAtOffsets } from './gref-verbs.js';
import { closes, queuesOffered, waiting } from './connection-verbs.js';
import { settledState } from './refusal-verbs.js';
import { BAD_REF, grantUses, expectRefusedBuffer } from './verbs.js';

const { test, tests } = backendChapter('staging');
export const staging = tests;

const { connected } = XENBUS_STATE;
const STAGING = { gate: KEY.featureStagingGrants, fresh: true, reflector: 'icmp' } as const;
const OBSERVED = { gate: KEY.featureStagingGrants, fresh: true, observer: true } as const;
const POOLS = { pools: { tx: 4, rx: 16 } } as const;

test('feature', 'writes feature-staging-grants as 0 or 1, or not at all', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureStagingGrants);
  await t.check('STAG-01', () => expect(value, KEY.featureStagingGrants).to.be.oneOf([undefined, '0', '1']));
});

const FRAGMENTS = { ...STAGING, gate: [KEY.featureStagingGrants, KEY.featureSg] } as const;

test('traffic', 'passes packets in grants of the pools and in other grants', FRAGMENTS, async (t) => {
  const vif = await t.fresh(POOLS);
  await t.check('STAG-12', async () => {
    // More fragments than the tx pool has buffers, and more rx buffers than the rx pool has.
    for (let n = 0; n < 40; n++) await vif.ping({ length: 400, shape: { fragments: [60, 80, 80, 80, 80, 62] } });
  });
});

test('whole-pool', 'accepts pools of 512 entries', STAGING, async (t) => {
  const vif = await t.fresh({ pools: { tx: 256, rx: 512 } });
  await t.check('STAG-12', () => vif.ping());
});

for (const size of [1, 2, 255, 256, 511]) {
  test(`pool-of-${size}`, `passes packets with pools of ${counted(size, 'entry', 'entries')}`, FRAGMENTS, async (t) => {
    // Both of the largest size are more pages than a host grants.
    await t.check('STAG-12', async () => {
      const vif = await t.fresh({ pools: { tx: Math.min(size, 256), rx: size } });
      for (let n = 0; n < 3; n++) await vif.ping({ length: 200, shape: { fragments: [60, 100, 82] } });
    });
  });
}

test('offsets', 'reads pages of the tx pool at any offset', FRAGMENTS, async (t) => {
  const vif = await t.fresh(POOLS);
  await t.check('STAG-12', () => pingsAtOffsets(vif));
});

test('queues', 'passes packets in the pools of each queue', STAGING, async (t) => {
  const queues = Math.min(4, await queuesOffered(t));
  if (queues < 2) return t.skip('the backend offers only one queue');
  const vif = await t.fresh({ ...POOLS, queues });
  for (const queue of vif.queues) {
    await t.check('STAG-12', async () => {
      for (let n = 0; n < 6; n++) await vif.ping({ queue });
    });
  }
});

test(
  'large',
  'passes large packets in grants of the pools and in other grants',
  { gate: [KEY.featureStagingGrants, KEY.featureGsoTcpv4], fresh: true, needs: 'bridge' },
  async (t) => {
    const options = { pools: { tx: 2, rx: 8 }, keys: { [KEY.featureGsoTcpv4]: '1' } };
    const [from, to] = await t.bridged(options, options);
    await t.check('STAG-12', async () => {
      for (let n = 0; n < 8; n++) {
        await throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGE);
      }
    });
  },
);

test('readonly', 'maps an entry with the readonly flag for reading only', OBSERVED, async (t) => {
  // A backend may map posted buffers too.
  const vif = await connectedWith(t, flagFirst, { rxBuffers: 0 });
  const use = await uses(t, vif);
  if (isUnused(use)) t.skip('the backend maps no pool');
  await t.check('STAG-10', () => {
    expect(use.rx[0], 'use of the entry with the flag').not.to.equal('writing');
    expect(use.rx[1], 'use of the entry without it').not.to.equal('reading');
  });
});

test('padding', 'ignores the padding of an entry', STAGING, async (t) => {
  await t.check('STAG-07', async () => {
    const vif = await pools(t, (table) => {
      for (let at = 6; at < table.length; at += 8) table.set([0xff, 0xff], at);
    });
    await vif.ping();
  });
});

for (const [name, size] of [
  ['zero', '0'],
  ['large', '513'],
  // Its bytes, 8 per entry, are those of a single entry modulo 2^32.
  ['wrap', '536870913'],
  ['text', 'many'],
] as const) {
  test(`size-${name}`, `keeps working without a pool of size "${size}"`, STAGING, async (t) => {
    const keys = { [KEY.rxPoolSize]: size, [KEY.txPoolSize]: size };
    await t.check('STAG-06', async () => (await t.fresh({ ...POOLS, keys })).ping());
  });
}

test('bad-table', 'survives an invalid grant reference for a table', STAGING, async (t) => {
  const keys = { [KEY.rxPoolRef]: String(BAD_REF), [KEY.txPoolRef]: String(BAD_REF) };
  await t.check('STAG-15', async () => (await t.fresh({ ...POOLS, keys })).ping());
});

test('bad-entry', 'maps no part of a pool with an invalid entry', { ...OBSERVED, reflector: 'icmp' }, async (t) => {
  const whole = await uses(t, await connectedWith(t, () => undefined, { rxBuffers: 0 }));
  if ([whole.tx, whole.rx].some((pool) => pool.at(-1) === 'unused')) t.skip('the backend does not map the last entry');
  const spoil = (table: Uint8Array): void => new DataView(table.buffer).setUint32(table.length - 8, BAD_REF, true);
  const vif = await changed(t, spoil, { rxBuffers: 0 });
  // The backend may also refuse the frontend: the sentinel shows that it has finished.
  await settledState(t, vif);
  const use = await uses(t, vif);
  await t.check('STAG-13', () => expect(isUnused(use), 'pools unmapped').to.equal(true));
});

test(
  'readonly-receive',
  'writes nothing into an rx pool entry with the readonly flag',
  { ...OBSERVED, reflector: 'icmp' },
  async (t) => {
    const vif = await pools(t, flagFirst);
    // Without a mapping there is only the grant itself, which can be written.
    if ((await uses(t, vif)).rx[0] === 'unused') t.skip('the backend does not map the entry');
    await t.check('STAG-11', () => expectRefusedBuffer(vif));
  },
);

test('closed', 'has unmapped the pools when it is Closed', OBSERVED, async (t) => {
  const vif = await t.fresh({ ...POOLS, queues: Math.min(2, await queuesOffered(t)) });
  if (isUnused(await uses(t, vif))) t.skip('the backend maps no pool');
  const refs = vif.queues.flatMap(({ pooled: { tx, rx } }) => [...tx, ...rx]);
  await closes(t, vif);
  const use = await grantUses(t, refs);
  await t.check('STAG-14', () => expect(new Set(use), 'use of the pools').to.deep.equal(new Set(['unused'])));
});

/** Sets the readonly flag of a table's first entry only; its buffer is the last of the pool to be used. */
const flagFirst = (table: Uint8Array): void => table.set([EXT_GREF_FLAG.readonly], 4);

/** A change of the tables of pools, and options of their connection. */
type Made = readonly [change: (table: Uint8Array) => void, options?: FrontendOptions];

/** A connection with pools whose tables are changed before the backend can read them. */
async function pools(t: BackendTest, change: (table: Uint8Array) => void): Promise<FrontendPeer> {
  const vif = await connectedWith(t, change);
  await t.configure(vif);
  return vif;
}

/** Like {@link pools}, before any packet is sent. */
async function connectedWith(t: BackendTest, ...made: Made): Promise<FrontendPeer> {
  const vif = await changed(t, ...made);
  await vif.setState(connected);
  await demanded(['XB-10'], vif.awaitState([connected]));
  return vif;
}

/** Publishes pools and changes their tables; the backend can read them once the frontend goes to Connected. */
async function changed(t: BackendTest, ...[change, options = {}]: Made): Promise<FrontendPeer> {
  const vif = await waiting(t);
  await vif.publish({ ...POOLS, ...options });
  const [tx, rx] = vif.queue.tables;
  for (const [offer, entries] of [
    [tx, POOLS.pools.tx],
    [rx, POOLS.pools.rx],
  ] as const) {
    const bytes = offer?.page.copyOut(0, entries * 8) ?? new Uint8Array();
    change(bytes);
    offer?.page.copyIn(0, bytes);
  }
  return vif;
}

/** How the backend uses the grants of both pools. */
async function uses(t: BackendTest, vif: FrontendPeer): Promise<{ tx: string[]; rx: string[] }> {
  const { tx, rx } = vif.queue.pooled;
  return { tx: await grantUses(t, tx), rx: await grantUses(t, rx) };
}

function isUnused({ tx, rx }: { tx: readonly string[]; rx: readonly string[] }): boolean {
  return [...tx, ...rx].every((use) => use === 'unused');
}
