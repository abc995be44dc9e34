/** UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the staging grants. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { EXT_GREF_FLAG, EXT_MAX_GREF_ALLOC, KEY, queueDirectory } from '../../harness/protocol/netif.js';
import { decodeStagingTable, type ExtGrefAlloc } from '../../harness/protocol/staging.js';
import { parseDecimal } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { awaitSettled, readable, writable } from './verbs.js';

const { test, tests } = frontendChapter('staging');
export const staging = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const POOL_KEYS = [KEY.txPoolRef, KEY.txPoolSize, KEY.rxPoolRef, KEY.rxPoolSize];
const OFFERED = { ...BACKEND_KEYS, [KEY.featureStagingGrants]: '1' };

for (const value of [undefined, '0']) {
  const title = `offers no pools where feature-staging-grants is ${value ?? 'absent'}`;
  test(`not-offered-${value ?? 'absent'}`, title, PING, async (t) => {
    const vif = await t.fresh(
      value === undefined ? BACKEND_KEYS : { ...BACKEND_KEYS, [KEY.featureStagingGrants]: value },
    );
    const keys = await vif.otherKeys();
    await t.check('STAG-02', () => expect(keys).not.to.have.any.keys(...POOL_KEYS));
    await t.check('STAG-17', () => vif.ping());
  });
}

test('keys', "offers the pools of each queue beside that queue's rings, before it is connected", PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  await vif.connect();
  const keys = await vif.otherKeys(vif.queues.length > 1 ? queueDirectory(1) : '');
  const early = POOL_KEYS.filter((key) => keys[key] !== undefined);
  await awaitSettled(t, vif);
  const now = await vif.otherKeys(vif.queues.length > 1 ? queueDirectory(1) : '');
  const late = POOL_KEYS.filter((key) => now[key] !== undefined);
  if (late.length === 0) t.skip('the frontend offers no pools');
  await t.check('STAG-03', () => expect(late).to.have.members(POOL_KEYS));
  await t.check('STAG-16', () => expect(early).to.have.members(late));
});

test('sizes', 'offers pools of 1 to 512 entries', PING, async (t) => {
  const vif = await offering(t);
  for (const key of [KEY.txPoolSize, KEY.rxPoolSize]) {
    const value = await vif.otherKey(key);
    await t.check('STAG-05', () =>
      expect(parseDecimal(value, { min: 1, max: EXT_MAX_GREF_ALLOC }).ok, key).to.equal(true),
    );
  }
});

test('tables', 'lists the entries of each pool in a page of its own', PING, async (t) => {
  const vif = await offering(t);
  const refs = [await vif.otherKey(KEY.txPoolRef), await vif.otherKey(KEY.rxPoolRef)];
  await t.check('STAG-08', () => expect(refs[0], KEY.txPoolRef).not.to.equal(refs[1]));
  for (const pool of ['tx', 'rx'] as const) {
    const table = await tableOf(t, vif, pool);
    await t.check(['STAG-04', 'STAG-07'], () => {
      expect(table.length, `entries of the ${pool} pool`).to.be.above(0);
      for (const { ref } of table) expect(readable(t, vif, ref), `${pool} grant ${ref}`).to.equal(true);
    });
  }
});

test('readonly', 'flags the entries that are granted read-only', PING, async (t) => {
  const vif = await offering(t);
  for (const pool of ['tx', 'rx'] as const) {
    const table = await tableOf(t, vif, pool);
    await t.check('STAG-09', () => {
      for (const { ref, flags } of table) {
        // A flag on a page that may be written asks for a mapping that can't; that is the frontend's right.
        if (!readable(t, vif, ref) || writable(t, vif, ref)) continue;
        expect(flags & EXT_GREF_FLAG.readonly, `readonly flag of ${pool} grant ${ref}`).to.be.above(0);
      }
    });
  }
});

/** A connection whose frontend offers pools; skips the test for one that doesn't. */
async function offering(t: FrontendTest): Promise<BackendPeer> {
  const vif = await t.fresh(OFFERED);
  if ((await vif.otherKey(KEY.txPoolRef)) === undefined) t.skip('the frontend offers no pools');
  return vif;
}

async function tableOf(t: FrontendTest, vif: BackendPeer, pool: 'tx' | 'rx'): Promise<ExtGrefAlloc[]> {
  const [refKey, sizeKey] = pool === 'tx' ? [KEY.txPoolRef, KEY.txPoolSize] : [KEY.rxPoolRef, KEY.rxPoolSize];
  const ref = parseDecimal(await vif.otherKey(refKey), { min: 0, max: 0xffffffff });
  const size = parseDecimal(await vif.otherKey(sizeKey), { min: 1, max: EXT_MAX_GREF_ALLOC });
  // What is no number is a pool without entries, which the caller's check says.
  if (!ref.ok || !size.ok) return [];
  const count = size.value;
  const [copy] = t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref: ref.value, offset: 0, length: count * 8 }]);
  const table = decodeStagingTable(copy?.bytes ?? new Uint8Array(), count);
  return table.ok ? table.value : [];
}
