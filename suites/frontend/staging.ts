/** UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the staging grants. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { EXT_GREF_FLAG, EXT_MAX_GREF_ALLOC, KEY, queueDirectory } from '../../harness/protocol/netif.js';
import { decodeStagingTable, type ExtGrefAlloc, printExtGrefAlloc } from '../../harness/protocol/staging.js';
import { parseDecimal } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { awaitSettled, readable, writable } from './verbs.js';

const { test, tests } = frontendChapter('staging');
export const staging = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const POOLS = ['tx', 'rx'] as const;
type Pool = (typeof POOLS)[number];
const KEYS_OF = { tx: [KEY.txPoolRef, KEY.txPoolSize], rx: [KEY.rxPoolRef, KEY.rxPoolSize] } as const;
const POOL_KEYS = POOLS.flatMap((pool) => [...KEYS_OF[pool]]);
const OFFERED = { ...BACKEND_KEYS, [KEY.featureStagingGrants]: '1' };

for (const value of [undefined, '0']) {
  const title = `offers no pools if feature-staging-grants is ${value ?? 'absent'}`;
  test(`not-offered-${value ?? 'absent'}`, title, PING, async (t) => {
    const vif = await t.fresh(
      value === undefined ? BACKEND_KEYS : { ...BACKEND_KEYS, [KEY.featureStagingGrants]: value },
    );
    const keys = await vif.otherKeys();
    await t.check('STAG-02', () =>
      expect(
        POOL_KEYS.filter((key) => key in keys),
        'keys of pools',
      ).to.deep.equal([]),
    );
    await t.check('STAG-17', () => vif.ping());
  });
}

test('keys', "offers the pools of each queue next to that queue's rings, before it is connected", PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  await vif.connect();
  const keys = await vif.otherKeys(vif.queues.length > 1 ? queueDirectory(1) : '');
  const early = POOL_KEYS.filter((key) => keys[key] !== undefined);
  await awaitSettled(t, vif);
  const now = await vif.otherKeys(vif.queues.length > 1 ? queueDirectory(1) : '');
  const late = POOL_KEYS.filter((key) => now[key] !== undefined);
  const above = vif.queues.length > 1 ? Object.keys(await vif.otherKeys()) : [];
  await t.check('STAG-03', () =>
    expect(
      POOL_KEYS.filter((key) => above.includes(key)),
      'keys of pools above several queues',
    ).to.deep.equal([]),
  );
  if (late.length === 0) t.skip('the frontend offers no pools');
  // One pool alone will do.
  const named = POOLS.filter((pool) => late.some((key) => key.startsWith(pool)));
  await t.check('STAG-03', () =>
    expect(late, 'keys of pools').to.have.members(named.flatMap((pool) => [...KEYS_OF[pool]])),
  );
  await t.check('STAG-16', () => expect(early, 'keys of pools at Connected').to.have.members(late));
});

test('sizes', 'offers pools of at most 512 entries', PING, async (t) => {
  const { vif, offered } = await offering(t);
  for (const pool of offered) {
    const [, key] = KEYS_OF[pool];
    const value = await vif.otherKey(key);
    await t.check('STAG-05', () =>
      expect(parseDecimal(value, { min: 0, max: EXT_MAX_GREF_ALLOC }).ok, `${key} = ${value}`).to.equal(true),
    );
  }
});

test('tables', 'lists the entries of each pool in a page of its own', PING, async (t) => {
  const { vif, offered } = await offering(t);
  const refs = [await vif.otherKey(KEY.txPoolRef), await vif.otherKey(KEY.rxPoolRef)];
  if (offered.length > 1) await t.check('STAG-08', () => expect(refs[0], KEY.txPoolRef).not.to.equal(refs[1]));
  for (const pool of offered) {
    if ((await vif.otherKey(KEYS_OF[pool][1])) === '0') continue;
    const table = await tableOf(t, vif, pool);
    await t.check(['STAG-04', 'STAG-07'], () => {
      expect(table.length, `entries of the ${pool} pool`).to.be.above(0);
      for (const { ref } of table) expect(readable(t, vif, ref), `${pool} grant ${ref}`).to.equal(true);
    });
  }
});

test('readonly', 'flags the entries that are granted read-only', PING, async (t) => {
  const { vif, offered } = await offering(t);
  for (const pool of offered) {
    const table = await tableOf(t, vif, pool);
    await t.check('STAG-09', () => {
      for (const { ref, flags } of table) {
        // With the flag on a writable page the frontend asks for a read-only mapping, which it may do.
        if (!readable(t, vif, ref) || writable(t, vif, ref)) continue;
        expect(flags & EXT_GREF_FLAG.readonly, `readonly flag of ${pool} grant ${ref}`).to.be.above(0);
      }
    });
  }
});

test('own-pools', 'uses the pages of each pool for the ring that the pool is named after', PING, async (t) => {
  const { vif, offered } = await offering(t);
  if (offered.length < 2) t.skip('the frontend offers one pool');
  const [tx, rx] = [await tableOf(t, vif, 'tx'), await tableOf(t, vif, 'rx')];
  // A page that both pools list is free for both rings.
  const [txAlone, rxAlone] = [without(tx, rx), without(rx, tx)];
  await vif.buffers(1);
  const posted = vif.queue.rx.buffers.map(({ gref }) => gref);
  const { requests } = await vif.ping();
  const sent = requests.map(({ gref }) => gref);
  await t.check('STAG-19', () => {
    expect(among(txAlone, posted), 'grants of the tx pool in rx requests').to.deep.equal([]);
    expect(among(rxAlone, sent), 'grants of the rx pool in tx requests').to.deep.equal([]);
    const readonly = rxAlone.filter(({ flags }) => (flags & EXT_GREF_FLAG.readonly) !== 0);
    expect(readonly.map(printExtGrefAlloc), 'readonly entries of the rx pool').to.deep.equal([]);
  });
});

/** The entries of a table whose grants another table does not list. */
const without = (table: readonly ExtGrefAlloc[], other: readonly ExtGrefAlloc[]): ExtGrefAlloc[] =>
  table.filter(({ ref }) => other.every((each) => each.ref !== ref));

/** The grants that a table lists. */
const among = (table: readonly ExtGrefAlloc[], refs: readonly number[]): number[] =>
  refs.filter((ref) => table.some((entry) => entry.ref === ref));

/** A connection whose frontend offers pools, and the pools that it offers; skips the test for any other. */
async function offering(t: FrontendTest): Promise<{ readonly vif: BackendPeer; readonly offered: readonly Pool[] }> {
  const vif = await t.fresh(OFFERED);
  const keys = await vif.otherKeys();
  const offered = POOLS.filter((pool) => keys[KEYS_OF[pool][0]] !== undefined);
  return offered.length > 0 ? { vif, offered } : t.skip('the frontend offers no pools');
}

/** The entries of a pool; none if its keys are not valid. */
export async function tableOf(t: FrontendTest, vif: BackendPeer, pool: Pool): Promise<ExtGrefAlloc[]> {
  const [refKey, sizeKey] = KEYS_OF[pool];
  const ref = parseDecimal(await vif.otherKey(refKey), { min: 0, max: 0xffffffff });
  const size = parseDecimal(await vif.otherKey(sizeKey), { min: 1, max: EXT_MAX_GREF_ALLOC });
  // A key that isn't a valid number means a pool without entries, which the caller's check reports.
  if (!ref.ok || !size.ok) return [];
  const count = size.value;
  const [copy] = t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref: ref.value, offset: 0, length: count * 8 }]);
  const table = decodeStagingTable(copy?.bytes ?? new Uint8Array(), count);
  return table.ok ? table.value : [];
}
