/** netif.h, "Control messages": the bounds of the hash mapping table, its parts, and tables for several queues. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_MAPPING_PER_PAGE, KEY } from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { ctrlStatusName, expectCtrl } from '../support/statuses.js';
import { flowsFor, hashing, IPV4, packetOf, queueOf, steered, steering, UNSTEERED } from './hash-verbs.js';
import { queuesOffered } from './connection-verbs.js';
import { accepted, setToeplitz } from './verbs.js';

const { test, tests } = backendChapter('mapping');
export const mapping = tests;

const { success, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const BRIDGE = { ...CONTROL, needs: 'bridge' } as const;
/** Each of these queues costs the peer pages and the backend a thread. */
const MOST_QUEUES = 4;

test('parts', 'writes sub-tables of every size at every offset', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  const table = [1, 1, 1, 1];
  for (let offset = 0; offset < table.length; offset++) {
    for (let size = 1; offset + size <= table.length; size++) {
      const part = table.slice(offset, offset + size).map((queue) => 1 - queue);
      table.splice(offset, size, ...part);
      await t.check('HASH-27', async () => {
        const { status } = await to.control.setHashMapping(part, offset);
        expectCtrl(status, success, `${size} entries at offset ${offset}`);
        await expectByTable(from, to, table);
      });
    }
  }
});

test('empty-part', 'changes no entry by a sub-table without entries', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  const ref = to.control.grant(new Uint8Array(4096));
  for (const offset of [0, 2, 4, 5, 0xffffffff]) {
    const { status } = await to.control.ask(CTRL_TYPE.setHashMapping, ref, 0, offset);
    if (status !== success) t.info(`status ${ctrlStatusName(status)} for a sub-table of 0 entries at offset ${offset}`);
    await t.check('HASH-27', () => expectByTable(from, to, [1, 1, 1, 1]));
  }
});

test('bad-part', 'refuses a sub-table that names a queue that does not exist', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  const queues = to.queues.length;
  for (const bad of [queues + 1, 1000, 0xffffffff]) {
    for (const part of [
      [bad, 0],
      [0, bad],
    ]) {
      await t.check('HASH-28', async () => {
        const { status } = await to.control.setHashMapping(part, 2);
        expectCtrl(status, invalidParameter, `the entries ${part.join(', ')} at offset 2`);
      });
    }
  }
  if (follows) await t.check('HASH-30', () => expectByTable(from, to, [1, 1, 1, 1]));
  // The header bounds an entry by the number of queues and does not say whether that number itself is valid.
  const { status } = await to.control.setHashMapping([queues], 3);
  t.info(`status ${ctrlStatusName(status)} for an entry that is the number of queues`);
});

test('one-entry', 'delivers every packet on the queue of a table with one entry', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 1);
  await accepted(t, to.control.setHashMapping([1]));
  await t.check('HASH-26', async () => {
    for (const vector of flowsFor(4)) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(1);
  });
});

test('many-queues', 'delivers packets on each of several queues, with and without a table', BRIDGE, async (t) => {
  const queues = Math.min(await queuesOffered(t), MOST_QUEUES);
  if (queues < 3) return t.skip(`the backend offers only ${queues === 1 ? '1 queue' : '2 queues'}`);
  const [from, to] = await hashing(t, IPV4, VERIFICATION_KEY, queues);
  await accepted(t, to.control.setHashMappingSize(0));
  await t.check('HASH-25', () => expectByTable(from, to, [...to.queues.keys()]));
  const table = Array.from({ length: 2 * queues }, (_, n) => (2 * queues - n) % queues);
  await accepted(t, to.control.setHashMappingSize(table.length));
  await accepted(t, to.control.setHashMapping(table));
  await t.check('HASH-26', () => expectByTable(from, to, table));
});

test('beyond-page', 'accepts tables larger than a page in parts of at most a page', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  const { status: known, data: size } = await control.ask(CTRL_TYPE.getHashMappingSize);
  if (known !== success) t.skip('the backend reports no size of its table');
  if (size <= HASH_MAPPING_PER_PAGE) t.skip(`a mapping table has at most ${size} entries, which fit in a page`);
  await accepted(t, control.setHashMappingSize(size));
  const ref = control.grant(new Uint8Array(4096));
  await t.check('HASH-27', async () => {
    for (const offset of [0, size - HASH_MAPPING_PER_PAGE]) {
      const { status } = await control.ask(CTRL_TYPE.setHashMapping, ref, HASH_MAPPING_PER_PAGE, offset);
      expectCtrl(status, success, `a page of entries at offset ${offset}`);
    }
  });
  await t.check('HASH-32', async () => {
    const { status } = await control.ask(CTRL_TYPE.setHashMapping, ref, HASH_MAPPING_PER_PAGE + 1, 0);
    expectCtrl(status, { not: success }, `${HASH_MAPPING_PER_PAGE + 1} entries`);
  });
});

/** Asserts that packets arrive on the queues that a table has at their hashes; one packet for each entry. */
async function expectByTable(from: FrontendPeer, to: FrontendPeer, table: readonly number[]): Promise<void> {
  for (const [entry, vector] of flowsFor(table.length).entries()) {
    expect(await queueOf(from, to, vector), `queue of a ${packetOf(vector)}, entry ${entry}`).to.equal(table[entry]);
  }
}
