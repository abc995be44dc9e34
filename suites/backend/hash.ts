/** netif.h, "Hash types", "Hash algorithms" and the hash messages of "Control messages". */
import { expect } from 'chai';
import { asFragment, withOptions } from '../../harness/packet/build.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM, HASH_FLAG, HASH_TYPE, KEY } from '../../harness/protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { expectCtrl } from '../support/statuses.js';
import { synOf, VECTORS } from '../support/toeplitz-vectors.js';
import {
  A_VECTOR,
  addressInput,
  expectPublishedHashes,
  crosses,
  datagram,
  FLOWS,
  hashed,
  hashedOdd,
  hashing,
  IPV4,
  NO_HASH,
  packetOf,
  pingFrame,
  publishedFor,
  queueOf,
  reporting,
  steered,
  steering,
  tcpInput,
  UNSTEERED,
  expectHash,
  expectNoHash,
} from './hash-verbs.js';
import { queuesOffered, reconnect } from './connection-verbs.js';
import { stillPasses } from './refusal-verbs.js';
import { accepted, IPV4_KEY, setKey, setToeplitz, through } from './verbs.js';

const { test, tests } = backendChapter('hash');
export const hash = tests;

const { success, notSupported, invalidParameter, bufferOverflow } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const BRIDGE = { ...CONTROL, needs: 'bridge' } as const;
const ALL = IPV4 | HASH_FLAG.ipv6 | HASH_FLAG.ipv6Tcp;
const NO_KEY = new Uint8Array();
/** Why tests of a single message are skipped: the header lists NOT_SUPPORTED for each of them. */
const UNSUPPORTED = 'the backend does not support the message';

test('algorithms', 'accepts the algorithms that it supports, and no others', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status } = await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  await t.check('HASH-01', async () => {
    expectCtrl(status, [success, invalidParameter, notSupported], 'Toeplitz');
    const refused = status === notSupported ? notSupported : invalidParameter;
    expectCtrl((await control.setHashAlgorithm(0x77)).status, refused, 'an unknown algorithm');
  });
  await t.check('HASH-02', async () => {
    const none = await control.setHashAlgorithm(HASH_ALGORITHM.none);
    if (status !== notSupported) expectCtrl(none.status, success, 'NONE');
  });
});

test('off-at-first', 'hashes nothing before the frontend enables hashing', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, { control: true, queues: Math.min(2, await queuesOffered(t)) });
  await crosses(t, [from, to]);
  await t.check(['HASH-03', 'HASH-36'], async () => expectNoHash(await hashed(from, to)));
});

test('flags-before-algorithm', 'refuses hash type messages before an algorithm is set', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  await t.check('HASH-04', async () => {
    expectCtrl((await control.ask(CTRL_TYPE.getHashFlags)).status, { not: success }, 'GET_HASH_FLAGS');
  });
  await t.check('HASH-07', async () => {
    expectCtrl((await control.setHashFlags(HASH_FLAG.ipv4)).status, { not: success }, 'SET_HASH_FLAGS');
  });
});

test('flags', 'accepts the hash types that it calculates, and no others', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  const { status, data } = await vif.control.ask(CTRL_TYPE.getHashFlags);
  if (status === notSupported) t.skip(UNSUPPORTED);
  await t.check('HASH-05', () => {
    expectCtrl(status, success, 'GET_HASH_FLAGS');
    expect(data & ~ALL, 'undefined hash types').to.equal(0);
  });
  const all = await vif.control.setHashFlags(data);
  if (all.status === notSupported) t.skip(UNSUPPORTED);
  await t.check('HASH-06', async () => {
    expectCtrl(all.status, success, 'SET_HASH_FLAGS with all of them');
    for (const flag of [0x10, 0x80000000, ...Object.values(HASH_FLAG).filter((each) => (each & data) === 0)]) {
      expectCtrl((await vif.control.setHashFlags(flag)).status, invalidParameter, `SET_HASH_FLAGS with ${flag}`);
    }
  });
});

test('no-flags', 'turns hashing off when no type is set', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  await t.check('HASH-08', async () => {
    expectCtrl((await to.control.setHashFlags(0)).status, success, 'SET_HASH_FLAGS with 0');
    expectNoHash(await hashed(from, to));
  });
});

test('algorithm-none', 'turns hashing off when the algorithm is NONE', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  await t.check('HASH-02', async () => {
    expectCtrl(
      (await to.control.setHashAlgorithm(HASH_ALGORITHM.none)).status,
      success,
      'SET_HASH_ALGORITHM with NONE',
    );
    expectNoHash(await hashed(from, to));
  });
});

test('maximal', 'uses the most specific enabled hash type', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  // In both orders, for a backend that remembers the hashes of flows.
  for (const [first, vector] of [VECTORS.v4b, VECTORS.v4c].entries()) {
    const frames = [pingFrame(from, to, vector), synOf(vector, from.link.peer.mac, to.link.peer.mac)];
    if (first === 1) frames.reverse();
    const seen = [await hashed(from, to, frames[0]), await hashed(from, to, frames[1])];
    if (first === 1) seen.reverse();
    await t.check('HASH-09', () => {
      const values = seen.map((hash) => hash && { type: hash.hashType, value: hash.value });
      expect(values, 'hashes of ICMP and of TCP').to.deep.equal([
        { type: HASH_TYPE.ipv4, value: vector.ip },
        { type: HASH_TYPE.ipv4Tcp, value: vector.tcp },
      ]);
    });
  }
});

test('tcp-alone', 'gives packets other than TCP no hash when only the TCP hash is set', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, HASH_FLAG.ipv4Tcp);
  await t.check('HASH-10', async () => expectNoHash(await hashed(from, to, pingFrame(from, to))));
});

test('addresses-alone', 'hashes the addresses of TCP packets when only the address hash is set', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, HASH_FLAG.ipv4);
  if (!(await hashed(from, to, pingFrame(from, to)))) t.skip(NO_HASH);
  await t.check('HASH-11', async () => {
    const seen = expectHash(await hashed(from, to));
    expect(seen.hashType, 'hash type').to.equal(HASH_TYPE.ipv4);
    expect(seen.value, 'hash').to.equal(A_VECTOR.ip);
  });
});

test('udp', 'never hashes the ports of UDP', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const seen = await hashed(from, to, datagram(from, to));
  await t.check('HASH-12', () => {
    expect(seen?.hashType ?? HASH_TYPE.ipv4, 'type for UDP').to.equal(HASH_TYPE.ipv4);
    if (seen) expect(seen.value, 'hash').to.equal(A_VECTOR.ip);
  });
});

test('key', 'reads the key from the start of a page that is granted read-only', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4, NO_KEY);
  const keyless = (await hashed(from, to)) ?? t.skip(NO_HASH);
  await t.check('HASH-18', () => expect(keyless.value, 'hash without a key').to.equal(0));
  const page = to.control.offer('read-only', VERIFICATION_KEY);
  const set = async (size: number): Promise<number> =>
    (await to.control.ask(CTRL_TYPE.setHashKey, page.ref, size)).status;
  let status = await set(VERIFICATION_KEY.length);
  // The largest size of a key is that of the backend.
  if (status === bufferOverflow) status = await set(IPV4_KEY);
  page.page.copyIn(0, new Uint8Array(VERIFICATION_KEY.length));
  if (status === notSupported) t.skip(UNSUPPORTED);
  await t.check(['HASH-13', 'HASH-14'], () => expectCtrl(status, success, 'SET_HASH_KEY'));
  // What the page holds now no longer matters.
  const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
  await t.check('HASH-15', () => expect(seen.value, 'hash').to.equal(publishedFor(seen, A_VECTOR)));
});

test('short-key', 'reads only the given key length and pads with zeros', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const ref = to.control.grant(VERIFICATION_KEY);
  for (const length of [16, 12]) {
    // A backend may support keys of some sizes only.
    await accepted(t, to.control.ask(CTRL_TYPE.setHashKey, ref, length));
    await t.check(['HASH-13', 'HASH-16', 'TOEP-13'], async () => {
      const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
      const input = seen.hashType === HASH_TYPE.ipv4Tcp ? tcpInput(A_VECTOR) : addressInput(A_VECTOR);
      const expected = toeplitz(VERIFICATION_KEY.subarray(0, length), input);
      expect(seen.value, `hash under ${length} octets of the key`).to.equal(expected);
    });
  }
});

test('no-key', 'gives every packet the hash 0 when the key is cleared', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  await t.check(['HASH-17', 'TOEP-09'], async () => {
    expectCtrl((await to.control.setHashKey(NO_KEY)).status, success, 'SET_HASH_KEY without a key');
    const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
    expect(seen.value, 'hash').to.equal(0);
  });
});

test('long-key', 'refuses a key that is too long for it', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  await setKey(t, vif, IPV4, VERIFICATION_KEY);
  const ref = control.grant(VERIFICATION_KEY);
  await t.check('HASH-19', async () => {
    // The longest key that a page holds: a backend may support it.
    const { status } = await control.ask(CTRL_TYPE.setHashKey, ref, 4096);
    expectCtrl(status, [success, bufferOverflow, invalidParameter], 'a key of 4096 octets');
  });
  await t.check('HASH-20', async () => {
    const { status } = await control.ask(CTRL_TYPE.setHashKey, ref, 4097);
    expectCtrl(status, [invalidParameter, bufferOverflow], 'a key of 4097 octets');
  });
});

test('bad-key', 'responds with INVALID_PARAMETER to an invalid grant reference for a key', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await setToeplitz(t, vif);
  await setKey(t, vif, IPV4, VERIFICATION_KEY);
  await t.check('HASH-21', async () => {
    const { status } = await control.ask(CTRL_TYPE.setHashKey, 0xfffffff0, IPV4_KEY);
    expectCtrl(status, invalidParameter, 'SET_HASH_KEY');
  });
});

test('mapping-size', 'accepts mapping tables up to the size that it reports', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  // A backend may need an algorithm before it accepts a table.
  await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  const { status, data } = await control.ask(CTRL_TYPE.getHashMappingSize);
  await t.check('HASH-22', () => expectCtrl(status, [success, notSupported], 'GET_HASH_MAPPING_SIZE'));
  if (status === notSupported) t.skip('the backend does not support hashing');
  // A backend without a table need not know the message.
  const refusals = data === 0 ? [invalidParameter, notSupported] : [invalidParameter];
  await t.check('HASH-22', async () => {
    const accepts = data === 0 ? [success, notSupported] : [success];
    expectCtrl((await control.setHashMappingSize(data)).status, accepts, `a table of ${data} entries`);
  });
  // The largest ones, times the four bytes of an entry, exceed 32 bits.
  const sizes = [data + 1, 0x40000000, 0x40000001, 0xffffffff].filter((each) => each > data && each <= 0xffffffff);
  for (const size of sizes) {
    await t.check('HASH-23', async () => {
      expectCtrl((await control.setHashMappingSize(size)).status, refusals, `a table of ${size} entries`);
    });
  }
});

test('modulo', 'delivers packets on the queue of their hash when there is no table', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 0);
  await t.check('HASH-25', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(vector.tcp % 2);
  });
});

test('fresh-table', 'starts with a table that names only queue 0', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  await accepted(t, to.control.setHashMappingSize(4));
  await t.check('HASH-24', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(0);
  });
});

test('table', 'delivers a packet on the queue that the table has at its hash', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 4);
  const table = [1, 0, 0, 1];
  const ref = to.control.grant(new Uint8Array(new Uint32Array(table).buffer));
  const { status } = await to.control.ask(CTRL_TYPE.setHashMapping, ref, 4, 0);
  await t.check(['HASH-27', 'HASH-31'], () => expectCtrl(status, success, 'a table in a page granted read-only'));
  await t.check('HASH-26', async () => {
    for (const vector of FLOWS)
      expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(table[vector.tcp % 4]);
  });
});

test('part-of-table', 'leaves the rest of a partly written table unchanged', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!follows) t.skip(UNSTEERED);
  await t.check('HASH-27', async () => {
    expectCtrl((await to.control.setHashMapping([0], 2)).status, success, 'SET_HASH_MAPPING');
    const table = [1, 1, 0, 1];
    for (const vector of FLOWS)
      expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(table[vector.tcp % 4]);
  });
});

test('bad-entry', 'refuses a table that names a queue that does not exist', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  // Whether the number of queues itself is valid, the header leaves open.
  for (const queue of [to.queues.length + 1, 1000]) {
    const { status } = await to.control.setHashMapping([0, 0, 0, queue]);
    await t.check('HASH-28', () => expectCtrl(status, invalidParameter, `a mapping of queue ${queue}`));
  }
  if (!follows) t.skip(UNSTEERED);
  await t.check('HASH-30', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(1);
  });
});

test('beyond-table', 'refuses to write beyond the table', { ...CONTROL, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ control: true });
  await setToeplitz(t, vif);
  await accepted(t, vif.control.setHashMappingSize(4));
  const ref = vif.control.grant(new Uint8Array(4096));
  for (const [size, offset] of [
    [5, 0],
    [1, 4],
    [4, 0xfffffffe],
    [0xfffffffe, 4],
  ] as const) {
    await t.check('HASH-29', async () => {
      const { status } = await vif.control.ask(CTRL_TYPE.setHashMapping, ref, size, offset);
      expectCtrl(status, [invalidParameter, bufferOverflow], `${size} entries at offset ${offset}`);
    });
  }
  await stillPasses(t, 'HASH-29', vif);
});

test('extra', 'reports the hash in an extra of its packet', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  await t.check('HASH-33', async () => {
    const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
    expect(seen.hashType, 'type').to.be.oneOf([HASH_TYPE.ipv4, HASH_TYPE.ipv4Tcp]);
    expect(seen.algorithm, 'algorithm').to.equal(HASH_ALGORITHM.toeplitz);
    expect(seen.value, 'hash').to.equal(publishedFor(seen, A_VECTOR));
  });
});

test('single-queue', 'also reports the hash to a frontend with one queue', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4, VERIFICATION_KEY, 1);
  await t.check('HASH-39', async () => expectHash(await hashed(from, to)));
});

test('sent', 'accepts a packet with a HASH extra', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({ control: true });
  await crosses(t, [from, to]);
  await setToeplitz(t, from);
  const extra: ExtraHash = { type: 'hash', flags: 0, hashType: HASH_TYPE.ipv4, algorithm: 1, value: A_VECTOR.ip };
  const frame = synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac);
  await t.check('HASH-35', async () => {
    await through(from, to, frame, { extras: [extra] });
  });
});

test('per-vif', 'hashes with the key of the vif, whatever the key of another', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const other = await t.fresh({ control: true });
  await setToeplitz(t, other);
  await setKey(t, other, IPV4, Uint8Array.from(VERIFICATION_KEY).reverse());
  await t.check(['HASH-33', 'TOEP-01'], () => expectPublishedHashes(t, [from, to], A_VECTOR));
});

test('reconnect', 'hashes nothing on a new connection', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  await reconnect(t, to, { control: true, queues: to.queues.length });
  await t.bridge([from, to]);
  await t.check('HASH-38', async () => expectNoHash(await hashed(from, to)));
});

test('reconnect-without', 'sends no hash on a new connection without a control ring', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const keys = { [KEY.ctrlRingRef]: undefined, [KEY.eventChannelCtrl]: undefined };
  await reconnect(t, to, { keys, queues: to.queues.length });
  await t.bridge([from, to]);
  await t.check('HASH-36', async () => expectNoHash(await hashed(from, to)));
});

test('options', 'finds the ports after IP options', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const seen = await hashedOdd(t, from, to, withOptions(synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac)));
  await t.check('HASH-41', () => expect(seen?.value, 'hash').to.be.oneOf([undefined, A_VECTOR.ip, A_VECTOR.tcp]));
});

test('fragment', 'treats no bytes of a fragment as ports', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const seen = await hashedOdd(t, from, to, asFragment(synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac)));
  await t.check('HASH-42', () => expect(seen?.value, 'hash').to.be.oneOf([undefined, A_VECTOR.ip]));
});

test('ipv4-vectors', 'calculates the published hashes of IPv4 packets', BRIDGE, async (t) => {
  const peers = await reporting(t, IPV4);
  await t.check('TOEP-01', () => expectPublishedHashes(t, peers, VECTORS.v4a));
  await t.check('TOEP-02', () => expectPublishedHashes(t, peers, VECTORS.v4b));
  await t.check('TOEP-03', () => expectPublishedHashes(t, peers, VECTORS.v4c));
  await t.check('TOEP-04', () => expectPublishedHashes(t, peers, VECTORS.v4d));
  await t.check('TOEP-05', () => expectPublishedHashes(t, peers, VECTORS.v4e));
});

test('ipv6-vectors', 'calculates the published hashes of IPv6 packets', BRIDGE, async (t) => {
  const peers = await reporting(t, ALL & ~IPV4, VERIFICATION_KEY, VECTORS.v6a);
  await t.check('TOEP-06', () => expectPublishedHashes(t, peers, VECTORS.v6a));
  await t.check('TOEP-07', () => expectPublishedHashes(t, peers, VECTORS.v6b));
  await t.check('TOEP-08', () => expectPublishedHashes(t, peers, VECTORS.v6c));
});
