/** netif.h, "Hash types", "Hash algorithms" and the hash messages of "Control messages". */
import { expect } from 'chai';
import { asFragment, withOptions } from '../../harness/packet/build.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM, HASH_FLAG, HASH_TYPE, KEY } from '../../harness/protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { synOf, VECTORS } from '../toeplitz-vectors.js';
import {
  A_VECTOR,
  agrees,
  datagram,
  FLOWS,
  hashed,
  hashing,
  IPV4,
  packetOf,
  pingFrame,
  queueOf,
  steering,
  tcpInput,
} from './hash-verbs.js';
import { accepted, algorithm, queuesOffered, stillPasses, through } from './verbs.js';

const { test, tests } = backendChapter('hash');
export const hash = tests;

const { success, notSupported, invalidParameter, bufferOverflow } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const BRIDGE = { ...CONTROL, needs: 'bridge' } as const;
const ALL = IPV4 | HASH_FLAG.ipv6 | HASH_FLAG.ipv6Tcp;
const NO_KEY = new Uint8Array();

test('algorithms', 'takes the algorithms that it has, and no others', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status } = await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  await t.check('HASH-01', async () => {
    expect(status, 'Toeplitz').to.be.oneOf([success, invalidParameter, notSupported]);
    const refused = status === notSupported ? notSupported : invalidParameter;
    expect((await control.setHashAlgorithm(0x77)).status, 'an unknown one').to.equal(refused);
  });
  await t.check('HASH-02', async () => {
    const none = await control.setHashAlgorithm(HASH_ALGORITHM.none);
    if (status !== notSupported) expect(none.status, 'none').to.equal(success);
  });
});

test('off-at-first', 'hashes nothing before it is told to', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, { control: true, queues: Math.min(2, await queuesOffered(t)) });
  await t.check(['HASH-03', 'HASH-36'], async () => expect(await hashed(from, to)).to.equal(undefined));
});

test('flags-before-algorithm', 'knows no hash types before an algorithm is set', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  await t.check('HASH-04', async () => {
    expect((await control.ask(CTRL_TYPE.getHashFlags)).status, 'GET_HASH_FLAGS').not.to.equal(success);
  });
  await t.check('HASH-07', async () => {
    expect((await control.setHashFlags(HASH_FLAG.ipv4)).status, 'SET_HASH_FLAGS').not.to.equal(success);
  });
});

test('flags', 'takes the hash types that it calculates, and no others', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  await algorithm(t, vif);
  const { status, data } = await vif.control.ask(CTRL_TYPE.getHashFlags);
  await t.check('HASH-05', () => {
    expect(status, 'GET_HASH_FLAGS').to.equal(success);
    expect(data & ~ALL, 'undefined hash types').to.equal(0);
  });
  await t.check('HASH-06', async () => {
    expect((await vif.control.setHashFlags(data)).status, 'all of them').to.equal(success);
    for (const flag of [0x10, 0x80000000, ...Object.values(HASH_FLAG).filter((each) => (each & data) === 0)]) {
      expect((await vif.control.setHashFlags(flag)).status, `flag ${flag}`).to.equal(invalidParameter);
    }
  });
});

test('no-flags', 'turns hashing off when no type is set', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  if (!(await hashed(from, to))) t.skip('the backend tells no hash');
  await t.check('HASH-08', async () => {
    expect((await to.control.setHashFlags(0)).status).to.equal(success);
    expect(await hashed(from, to)).to.equal(undefined);
  });
});

test('algorithm-none', 'turns hashing off when the algorithm is NONE', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  if (!(await hashed(from, to))) t.skip('the backend tells no hash');
  await t.check('HASH-02', async () => {
    expect((await to.control.setHashAlgorithm(HASH_ALGORITHM.none)).status).to.equal(success);
    expect(await hashed(from, to)).to.equal(undefined);
  });
});

test('maximal', 'gives a packet the hash of the most that it has', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  const tcp = await hashed(from, to);
  const icmp = await hashed(from, to, pingFrame(from, to));
  await t.check('HASH-09', () => {
    expect(tcp?.hashType, 'type for TCP').to.equal(HASH_TYPE.ipv4Tcp);
    expect(icmp?.hashType, 'type for ICMP').to.equal(HASH_TYPE.ipv4);
  });
});

test('tcp-alone', 'gives no hash to what is not TCP when only that is asked for', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, HASH_FLAG.ipv4Tcp);
  await t.check('HASH-10', async () => expect(await hashed(from, to, pingFrame(from, to))).to.equal(undefined));
});

test('addresses-alone', 'hashes the addresses of TCP when only that is asked for', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, HASH_FLAG.ipv4);
  await t.check('HASH-11', async () => {
    expect(await hashed(from, to)).to.include({ hashType: HASH_TYPE.ipv4, value: A_VECTOR.ip });
  });
});

test('udp', 'never hashes the ports of UDP', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  const seen = await hashed(from, to, datagram(from, to));
  await t.check('HASH-12', () => {
    expect(seen?.hashType ?? HASH_TYPE.ipv4, 'type for UDP').to.equal(HASH_TYPE.ipv4);
    if (seen) expect(seen.value).to.equal(A_VECTOR.ip);
  });
});

test('key', 'takes the key from the start of a page that it may only read', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4, NO_KEY);
  await t.check('HASH-18', async () => expect((await hashed(from, to))?.value, 'hash without a key').to.equal(0));
  const page = to.control.offer('read-only', VERIFICATION_KEY);
  const { status } = await to.control.ask(CTRL_TYPE.setHashKey, page.ref, VERIFICATION_KEY.length);
  page.page.copyIn(0, new Uint8Array(VERIFICATION_KEY.length));
  await t.check(['HASH-13', 'HASH-14'], () => expect(status).to.equal(success));
  // What the page holds now doesn't matter any more.
  await t.check('HASH-15', async () => expect((await hashed(from, to))?.value).to.equal(A_VECTOR.tcp));
});

test('short-key', 'takes only as much of the page as it was told, and zeros behind', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  const ref = to.control.grant(VERIFICATION_KEY);
  for (const length of [16, 12]) {
    await t.check(['HASH-13', 'HASH-16', 'TOEP-13'], async () => {
      expect((await to.control.ask(CTRL_TYPE.setHashKey, ref, length)).status).to.equal(success);
      const expected = toeplitz(VERIFICATION_KEY.subarray(0, length), tcpInput(A_VECTOR));
      expect((await hashed(from, to))?.value, `hash under ${length} octets of the key`).to.equal(expected);
    });
  }
});

test('no-key', 'gives every packet the hash 0 when the key is cleared', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  await t.check(['HASH-17', 'TOEP-09'], async () => {
    expect((await to.control.setHashKey(NO_KEY)).status).to.equal(success);
    expect((await hashed(from, to))?.value).to.equal(0);
  });
});

test('long-key', 'answers BUFFER_OVERFLOW to a key that is too long for it', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await algorithm(t, vif);
  const ref = control.grant(VERIFICATION_KEY);
  await t.check('HASH-19', async () => {
    // The longest that a page holds: a backend may have room for it.
    const { status } = await control.ask(CTRL_TYPE.setHashKey, ref, 4096);
    expect(status).to.be.oneOf([success, bufferOverflow]);
  });
  await t.check('HASH-20', async () => {
    const { status } = await control.ask(CTRL_TYPE.setHashKey, ref, 4097);
    expect(status).to.be.oneOf([invalidParameter, bufferOverflow]);
  });
});

test('bad-key', 'answers INVALID_PARAMETER to a key that it can not read', CONTROL, async (t) => {
  const vif = await t.fresh({ control: true });
  const { control } = vif;
  await algorithm(t, vif);
  await t.check('HASH-21', async () => {
    expect((await control.ask(CTRL_TYPE.setHashKey, 0xfffffff0, 40)).status).to.equal(invalidParameter);
  });
});

test('mapping-size', 'takes mapping tables up to the size that it tells', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status, data } = await control.ask(CTRL_TYPE.getHashMappingSize);
  await t.check('HASH-22', () => expect(status).to.be.oneOf([success, notSupported]));
  if (status === notSupported) t.skip('the backend knows no hashing');
  await t.check('HASH-22', async () => {
    expect((await control.setHashMappingSize(data)).status, `${data} entries`).to.equal(success);
  });
  if (data === 0xffffffff) return;
  await t.check('HASH-23', async () => {
    expect((await control.setHashMappingSize(data + 1)).status, `${data + 1} entries`).to.equal(invalidParameter);
  });
});

test('modulo', 'spreads packets by their hash when there is no table', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 0);
  await t.check('HASH-25', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(vector.tcp % 2);
  });
});

test('fresh-table', 'begins with a table that names queue 0 alone', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 4);
  await accepted(t, to.control.setHashMapping([1, 1, 1, 1]));
  await accepted(t, to.control.setHashMappingSize(4));
  await t.check('HASH-24', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(0);
  });
});

test('table', 'sends a packet to the queue that the table has at its hash', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 4);
  const table = [1, 0, 0, 1];
  const ref = to.control.grant(new Uint8Array(new Uint32Array(table).buffer));
  const { status } = await to.control.ask(CTRL_TYPE.setHashMapping, ref, 4, 0);
  await t.check('HASH-31', () => expect(status, 'of a table in a page granted read-only').to.equal(success));
  await t.check('HASH-26', async () => {
    for (const vector of FLOWS)
      expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(table[vector.tcp % 4]);
  });
});

test('part-of-table', 'leaves the rest of a table that is written in part', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 4);
  await accepted(t, to.control.setHashMapping([1, 1, 1, 1]));
  await t.check('HASH-27', async () => {
    expect((await to.control.setHashMapping([0], 2)).status).to.equal(success);
    const table = [1, 1, 0, 1];
    for (const vector of FLOWS)
      expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(table[vector.tcp % 4]);
  });
});

test('bad-entry', 'refuses a table that names a queue which is not there', BRIDGE, async (t) => {
  const [from, to] = await steering(t, 4);
  await accepted(t, to.control.setHashMapping([1, 1, 1, 1]));
  const { status } = await to.control.setHashMapping([0, 0, 0, 1000]);
  await t.check('HASH-28', () => expect(status).to.equal(invalidParameter));
  await t.check('HASH-30', async () => {
    for (const vector of FLOWS) expect(await queueOf(from, to, vector), packetOf(vector)).to.equal(1);
  });
});

test('beyond-table', 'refuses to write beyond the table', { ...CONTROL, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ control: true });
  await algorithm(t, vif);
  await vif.control.setHashMappingSize(4);
  const ref = vif.control.grant(new Uint8Array(4096));
  for (const [size, offset] of [
    [5, 0],
    [1, 4],
    [4, 0xfffffffe],
    [0xfffffffe, 4],
  ] as const) {
    await t.check('HASH-29', async () => {
      const { status } = await vif.control.ask(CTRL_TYPE.setHashMapping, ref, size, offset);
      expect(status, `${size} entries from ${offset} on`).to.be.oneOf([invalidParameter, bufferOverflow]);
    });
  }
  await t.check('HASH-32', async () => {
    const { status } = await vif.control.ask(CTRL_TYPE.setHashMapping, ref, 1025, 0);
    expect(status, '1025 entries').not.to.equal(success);
  });
  await stillPasses(t, 'HASH-29', vif);
});

test('extra', 'tells the hash in an extra info of its packet', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  await t.check('HASH-33', async () => {
    const expected = { hashType: HASH_TYPE.ipv4Tcp, algorithm: HASH_ALGORITHM.toeplitz, value: A_VECTOR.tcp };
    expect(await hashed(from, to)).to.include(expected);
  });
});

test('single-queue', 'tells the hash to a frontend of one queue too', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4, VERIFICATION_KEY, 1);
  await t.check('HASH-39', async () => expect(await hashed(from, to)).not.to.equal(undefined));
});

test('sent', 'takes a packet that comes with a hash', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({ control: true });
  await algorithm(t, from);
  const extra: ExtraHash = { type: 'hash', flags: 0, hashType: HASH_TYPE.ipv4, algorithm: 1, value: A_VECTOR.ip };
  const frame = synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac);
  await t.check('HASH-35', async () => {
    await through(from, to, frame, { extras: [extra] });
  });
});

test('reconnect', 'hashes nothing on a new connection', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  if (!(await hashed(from, to))) t.skip('the backend tells no hash');
  await to.reconnect({ control: true, queues: to.queues.length });
  await t.bridge([from, to]);
  await t.check('HASH-38', async () => expect(await hashed(from, to)).to.equal(undefined));
});

test('options', 'finds the ports behind IP options', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  const seen = await hashed(from, to, withOptions(synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac)));
  await t.check('HASH-41', () => expect(seen?.value).to.be.oneOf([undefined, A_VECTOR.ip, A_VECTOR.tcp]));
});

test('fragment', 'takes no bytes of a fragment for ports', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, IPV4);
  const seen = await hashed(from, to, asFragment(synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac)));
  await t.check('HASH-42', () => expect(seen?.value).to.be.oneOf([undefined, A_VECTOR.ip]));
});

test('ipv4-vectors', 'hashes the published IPv4 packets right', BRIDGE, async (t) => {
  const peers = await hashing(t, IPV4);
  await t.check('TOEP-01', () => agrees(peers, VECTORS.v4a));
  await t.check('TOEP-02', () => agrees(peers, VECTORS.v4b));
  await t.check('TOEP-03', () => agrees(peers, VECTORS.v4c));
  await t.check('TOEP-04', () => agrees(peers, VECTORS.v4d));
  await t.check('TOEP-05', () => agrees(peers, VECTORS.v4e));
});

test('ipv6-vectors', 'hashes the published IPv6 packets right', BRIDGE, async (t) => {
  const peers = await hashing(t, ALL & ~IPV4);
  await t.check('TOEP-06', () => agrees(peers, VECTORS.v6a));
  await t.check('TOEP-07', () => agrees(peers, VECTORS.v6b));
  await t.check('TOEP-08', () => agrees(peers, VECTORS.v6c));
});
