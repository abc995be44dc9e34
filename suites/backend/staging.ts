/** UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the staging grants. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { EXT_GREF_FLAG, KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { grantUses, isRefused } from './verbs.js';

const { test, tests } = backendChapter('staging');
export const staging = tests;

const { initWait, connected } = XENBUS_STATE;
const STAGING = { gate: KEY.featureStagingGrants, fresh: true, reflector: 'icmp' } as const;
const OBSERVED = { gate: KEY.featureStagingGrants, fresh: true, observer: true } as const;
const POOLS = { pools: { tx: 4, rx: 16 } } as const;
const BAD_REF = 0xfffffff0;

test('feature', 'writes feature-staging-grants as 0 or 1, or not at all', async (t) => {
  const vif = await t.connect();
  const value = await vif.otherKey(KEY.featureStagingGrants);
  await t.check('STAG-01', () => expect(value).to.be.oneOf([undefined, '0', '1']));
});

test('traffic', 'passes packets by grants of the pools and by others', STAGING, async (t) => {
  const vif = await t.fresh(POOLS);
  await t.check('STAG-12', async () => {
    // More fragments than the pool has buffers, and more rx buffers than are in the other pool.
    for (let n = 0; n < 40; n++) await vif.ping({ length: 400, shape: { fragments: [60, 80, 80, 80, 80, 62] } });
  });
});

test('whole-pool', 'takes pools of 512 entries', STAGING, async (t) => {
  const vif = await t.fresh({ pools: { tx: 256, rx: 512 } });
  await t.check('STAG-12', () => vif.ping());
});

test('readonly', 'maps an entry with the readonly flag for reading only', OBSERVED, async (t) => {
  const vif = await pools(t, flagFirst);
  const use = await uses(t, vif);
  if (isUnused(use)) t.skip('the backend maps no pool');
  await t.check('STAG-10', () => {
    expect(use.rx[0], 'use of the entry with the flag').not.to.equal('writing');
    expect(use.rx[1], 'use of one without').not.to.equal('reading');
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
  ['text', 'many'],
] as const) {
  test(`size-${name}`, `works on without a pool of size "${size}"`, STAGING, async (t) => {
    const keys = { [KEY.rxPoolSize]: size, [KEY.txPoolSize]: size };
    await t.check('STAG-06', async () => (await t.fresh({ ...POOLS, keys })).ping());
  });
}

test('bad-table', 'outlives a table that it can not read', STAGING, async (t) => {
  const keys = { [KEY.rxPoolRef]: String(BAD_REF), [KEY.txPoolRef]: String(BAD_REF) };
  await t.check('STAG-15', async () => (await t.fresh({ ...POOLS, keys })).ping());
});

test('bad-entry', 'maps no part of a pool that has a bad entry', OBSERVED, async (t) => {
  if (isUnused(await uses(t, await t.fresh(POOLS)))) t.skip('the backend maps no pool');
  const vif = await pools(t, (table) => new DataView(table.buffer).setUint32(table.length - 8, BAD_REF, true));
  const use = await uses(t, vif);
  await t.check('STAG-13', () => expect(isUnused(use), 'pools unmapped').to.equal(true));
});

test('readonly-receive', 'writes nothing into an rx pool entry with the readonly flag', STAGING, async (t) => {
  const vif = await pools(t, flagFirst);
  await t.check('STAG-11', async () => expect(await isRefused(vif), 'a negative status').to.equal(true));
});

test('closed', 'has unmapped the pools when it is Closed', OBSERVED, async (t) => {
  const vif = await t.fresh(POOLS);
  if (isUnused(await uses(t, vif))) t.skip('the backend maps no pool');
  await vif.shut();
  const use = await uses(t, vif);
  await t.check('STAG-14', () => expect(isUnused(use), 'pools unmapped').to.equal(true));
});

/** Sets the readonly flag of a table's first entry alone, whose buffer is the last of the pool to be used. */
const flagFirst = (table: Uint8Array): void => table.set([EXT_GREF_FLAG.readonly], 4);

/** A connection with pools whose tables were changed before the backend could read them. */
async function pools(t: BackendTest, change: (table: Uint8Array) => void): Promise<FrontendPeer> {
  const vif = await t.plug();
  await vif.awaitState([initWait]);
  await vif.publish(POOLS);
  const [tx, rx] = vif.queue.tables;
  for (const [offer, entries] of [
    [tx, POOLS.pools.tx],
    [rx, POOLS.pools.rx],
  ] as const) {
    const bytes = offer?.page.copyOut(0, entries * 8) ?? new Uint8Array();
    change(bytes);
    offer?.page.copyIn(0, bytes);
  }
  await vif.setState(connected);
  await vif.awaitState([connected]);
  await t.configure(vif);
  return vif;
}

/** How the backend uses the grants of either pool. */
async function uses(t: BackendTest, vif: FrontendPeer): Promise<{ tx: string[]; rx: string[] }> {
  const { tx, rx } = vif.queue.pooled;
  return { tx: await grantUses(t, tx), rx: await grantUses(t, rx) };
}

function isUnused({ tx, rx }: { tx: readonly string[]; rx: readonly string[] }): boolean {
  return [...tx, ...rx].every((use) => use === 'unused');
}
