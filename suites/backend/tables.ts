/** netif.h, "Control messages": mapping tables of any size, by any bit of the hash, and after messages that were refused. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  HASH_FLAG,
  HASH_MAPPING_PER_PAGE,
  HASH_TYPE,
  KEY,
} from '../../harness/protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { expectCtrl } from '../support/statuses.js';
import type { Vector } from '../support/toeplitz-vectors.js';
import {
  A_VECTOR,
  FLOWS,
  hashed,
  hashing,
  IPV4,
  NO_HASH,
  packetOf,
  queueOf,
  reporting,
  steered,
  steering,
  tcpInput,
  UNSTEERED,
} from './hash-verbs.js';
import { queuesOffered } from './connection-verbs.js';
import { accepted, setToeplitz } from './verbs.js';

const { test, tests } = backendChapter('tables');
export const tables = tests;

const { success, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const BRIDGE = { ...CONTROL, needs: 'bridge' } as const;
/** Entries of a table that fills several pages; a backend may have room for 2^32 - 1. */
const LARGEST_TABLE = 4 * HASH_MAPPING_PER_PAGE;
/** No vif has so many queues. */
const NO_QUEUE = 1_000_000;
/** Flows whose hashes have every bit set in some and clear in others. */
const MANY: readonly Vector[] = [...Array(24).keys()].map((n) => {
  const flow = { ...A_VECTOR, sport: 2048 + n };
  return { ...flow, tcp: toeplitz(VERIFICATION_KEY, tcpInput(flow)) };
});

/** A table without a pattern, so that a wrong index finds a wrong queue for about every other flow. */
const scattered = (size: number): number[] =>
  Array.from({ length: size }, (_, n) => (Math.imul(n + 1, 0x9e3779b1) >>> 16) & 1);

/** Asserts that each flow arrives on the queue that is expected for its hash. */
async function expectQueues(
  [from, to]: readonly [FrontendPeer, FrontendPeer],
  flows: readonly Vector[],
  queue: (hash: number) => number | undefined,
): Promise<void> {
  for (const flow of flows)
    expect(await queueOf(from, to, flow), `queue of a ${packetOf(flow)}`).to.equal(queue(flow.tcp));
}

/** Writes a whole table, in parts of a page. */
async function write(t: BackendTest, { control }: FrontendPeer, table: readonly number[]): Promise<void> {
  for (let at = 0; at < table.length; at += HASH_MAPPING_PER_PAGE) {
    await accepted(t, control.setHashMapping(table.slice(at, at + HASH_MAPPING_PER_PAGE), at));
  }
}

for (const size of [3, 5, 129, 'most'] as const) {
  const what = size === 'most' ? 'the largest size' : `${size} entries`;
  test(`of-${size}`, `delivers by all entries of a table of ${what}`, BRIDGE, async (t) => {
    const [from, to, follows] = size === 'most' ? await steered(t) : [...(await steering(t, size)), false];
    const { status, data: most } = await to.control.ask(CTRL_TYPE.getHashMappingSize);
    if (size === 'most' && status !== success) t.skip('the backend reports no size of its table');
    const table = scattered(size === 'most' ? Math.min(most, LARGEST_TABLE) : size);
    await accepted(t, to.control.setHashMappingSize(table.length));
    await write(t, to, table);
    // The largest table is written in parts; a backend that follows a small table has lost some of them.
    await t.check(follows ? 'HASH-27' : 'HASH-26', () =>
      expectQueues([from, to], MANY, (hash) => table[hash % table.length]),
    );
  });
}

test(
  'bad-anywhere',
  'refuses a queue that does not exist wherever it is in a part of its table',
  CONTROL,
  async (t) => {
    const vif = await t.fresh({ control: true });
    await setToeplitz(t, vif);
    const { control } = vif;
    const { status, data } = await control.ask(CTRL_TYPE.getHashMappingSize);
    if (status !== success || data === 0) t.skip('the backend has no mapping table');
    const most = Math.min(data, HASH_MAPPING_PER_PAGE);
    await accepted(t, control.setHashMappingSize(most));
    for (const count of new Set([1, 255, 256, 257, most].filter((each) => each <= most))) {
      for (const place of new Set([0, count >> 1, count - 1])) {
        const part = Array<number>(count).fill(0).with(place, NO_QUEUE);
        await t.check('HASH-28', async () => {
          const what = `queue ${NO_QUEUE} in entry ${place} of ${count}`;
          expectCtrl((await control.setHashMapping(part)).status, invalidParameter, what);
        });
      }
    }
  },
);

test('three-queues', 'delivers by the whole hash on three queues without a table', BRIDGE, async (t) => {
  if ((await queuesOffered(t)) < 3) return t.skip('the backend offers fewer than three queues');
  const peers = await hashing(t, IPV4, VERIFICATION_KEY, 3);
  await t.check('HASH-25', () => expectQueues(peers, MANY, (hash) => hash % 3));
});

test('resized', 'starts each new table with queue 0, whatever the size of the old one', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  for (const size of [8, 3, 64, 2]) {
    await accepted(t, to.control.setHashMappingSize(size));
    await t.check('HASH-24', () => expectQueues([from, to], FLOWS, () => 0));
    await write(t, to, Array<number>(size).fill(1));
  }
});

test('removed', 'delivers by the hash alone once the table has the size 0', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  await accepted(t, to.control.setHashMappingSize(0));
  await t.check('HASH-25', () => expectQueues([from, to], FLOWS, (hash) => hash % 2));
  await accepted(t, to.control.setHashMappingSize(4));
  await t.check('HASH-24', () => expectQueues([from, to], FLOWS, () => 0));
});

test('largest-size-stays', 'reports the same largest size whatever the size of the table', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  const { status, data: most } = await vif.control.ask(CTRL_TYPE.getHashMappingSize);
  if (status !== success || most < 2) t.skip('the backend has no table of two entries');
  for (const size of [1, 2, most, 0]) {
    await accepted(t, vif.control.setHashMappingSize(size));
    await t.check('HASH-22', async () => {
      const { data } = await vif.control.ask(CTRL_TYPE.getHashMappingSize);
      expect(data, `largest size, reported after a table of ${size} entries`).to.equal(most);
    });
  }
});

test('refused-messages', 'delivers by its table after messages that it refused', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  const { control } = to;
  const ref = control.grant(new Uint8Array(4096));
  for (const [what, requirement, send] of [
    ['a larger table', 'HASH-26', () => control.setHashMappingSize(0xffffffff)],
    ['a sub-table beyond the table', 'HASH-30', () => control.ask(CTRL_TYPE.setHashMapping, ref, 2, 3)],
    ['a sub-table that is too long', 'HASH-30', () => control.ask(CTRL_TYPE.setHashMapping, ref, 5, 0)],
    ['queues that do not exist', 'HASH-30', () => control.setHashMapping([0, 0, 0, 0xffffffff])],
  ] as const) {
    const { status } = await send();
    if (status === success) t.skip(`the backend accepts ${what}`);
    await t.check(requirement, () => expectQueues([from, to], FLOWS, () => 1));
  }
});

test('refused-flags', 'keeps its hash types when it refuses others', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, HASH_FLAG.ipv4);
  const { status } = await to.control.setHashFlags(HASH_FLAG.ipv4Tcp | 0x100);
  if (status === success) t.skip('the backend accepts an undefined hash type');
  const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
  await t.check('HASH-44', () => expect(seen.hashType, 'hash type of a TCP packet').to.equal(HASH_TYPE.ipv4));
});
