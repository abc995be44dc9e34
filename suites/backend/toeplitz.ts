/** netif.h, "Hash types" and "Hash algorithms": which packets get which hash, under which key. */
import { expect } from 'chai';
import { asFirstFragment, asFragment6, withDestinationOptions } from '../../harness/packet/build.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_ALGORITHM, HASH_FLAG, HASH_TYPE, KEY } from '../../harness/protocol/netif.js';
import { toeplitz as hashOf, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { all, demanded } from '../../harness/xen/wait.js';
import { ctrlStatusName } from '../support/statuses.js';
import { ONE_BIT, synOf, type Vector, VECTORS } from '../support/toeplitz-vectors.js';
import {
  A_VECTOR,
  addressInput,
  datagram,
  DELIVERY,
  expectPublishedHashes,
  flowsFor,
  hashed,
  hashedOdd,
  hashing,
  IPV4,
  NO_HASH,
  pingFrame,
  publishedFor,
  queueOf,
  reporting,
  steered,
  tcpInput,
} from './hash-verbs.js';
import { accepted, setKey } from './verbs.js';

const { test, tests } = backendChapter('toeplitz');
export const toeplitz = tests;

const BRIDGE = { gate: KEY.featureCtrlRing, fresh: true, needs: 'bridge' } as const;
const IPV6 = HASH_FLAG.ipv6 | HASH_FLAG.ipv6Tcp;
const V6 = VECTORS.v6a;
/** Another key of the same length. */
const REVERSED = Uint8Array.from(VERIFICATION_KEY).reverse();

test('types', 'hashes each kind of packet by the types that are set, in every combination', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, 0, new Uint8Array());
  // Hashes of IPv6 use all octets of the key.
  await accepted(t, to.control.setHashKey(VERIFICATION_KEY));
  const { data: mask } = await to.control.ask(CTRL_TYPE.getHashFlags);
  const syn = (vector: Vector): Uint8Array => synOf(vector, from.link.peer.mac, to.link.peer.mac);
  const packets = [
    { name: 'TCP over IPv4', frame: syn(A_VECTOR), vector: A_VECTOR, types: [HASH_TYPE.ipv4Tcp, HASH_TYPE.ipv4] },
    { name: 'ICMP', frame: pingFrame(from, to), vector: A_VECTOR, types: [HASH_TYPE.ipv4] },
    { name: 'TCP over IPv6', frame: syn(V6), vector: V6, types: [HASH_TYPE.ipv6Tcp, HASH_TYPE.ipv6] },
    { name: 'ICMPv6', frame: pingFrame(from, to, V6), vector: V6, types: [HASH_TYPE.ipv6] },
  ] as const;
  await accepted(t, to.control.setHashFlags(mask));
  const hashes = [];
  for (const { frame } of packets) hashes.push(await hashed(from, to, frame));
  if (!hashes.some(Boolean)) t.skip(NO_HASH);
  for (let flags = mask; flags >= 0; flags--) {
    if ((flags & ~mask) !== 0) continue;
    const { status } = await to.control.setHashFlags(flags);
    await t.check(['HASH-10', 'HASH-44'], () =>
      expect(status, `status for types ${flags} of ${mask}`).to.equal(CTRL_STATUS.success),
    );
    if (status !== CTRL_STATUS.success) continue;
    for (const { name, frame, vector, types } of packets) {
      const seen = await demanded([DELIVERY], hashed(from, to, frame));
      const wanted = types.find((type) => (flags & (1 << type)) !== 0);
      await t.check('HASH-44', () => expect(seen?.hashType, `hash type of ${name}, types ${flags}`).to.equal(wanted));
      if (seen) await t.check(vector === V6 ? 'TOEP-06' : 'TOEP-01', () => isPublished(seen, vector));
    }
  }
});

test('key-first', 'hashes by a key that it accepted before its algorithm', BRIDGE, async (t) => {
  const [from, to] = await hashing(t, 0, new Uint8Array());
  const { control } = to;
  for (const key of [VERIFICATION_KEY, REVERSED]) {
    await accepted(t, control.setHashAlgorithm(HASH_ALGORITHM.none));
    await accepted(t, control.setHashKey(key));
    await accepted(t, control.setHashAlgorithm(HASH_ALGORITHM.toeplitz));
    await accepted(t, control.setHashFlags(IPV4));
    const seen = (await hashed(from, to)) ?? t.skip(NO_HASH);
    const input = seen.hashType === HASH_TYPE.ipv4Tcp ? tcpInput(A_VECTOR) : addressInput(A_VECTOR);
    await t.check('HASH-45', () => expect(seen.value, 'hash').to.equal(hashOf(key, input)));
  }
});

test('one-bit', 'calculates the hashes of single bits', BRIDGE, async (t) => {
  const peers = await reporting(t, IPV4);
  await t.check('TOEP-10', () => expectPublishedHashes(t, peers, ONE_BIT.first));
  await t.check('TOEP-11', () => expectPublishedHashes(t, peers, ONE_BIT.last));
  await t.check('TOEP-12', () => expectPublishedHashes(t, peers, ONE_BIT.firstOfLast));
});

test('key-sizes', 'uses as many octets of a key as its message says', BRIDGE, async (t) => {
  // Only the hash of TCP over IPv6 uses the last octets of a key of 40.
  const [from, to] = await reporting(t, IPV6, VERIFICATION_KEY, V6);
  const octets = Uint8Array.of(...VERIFICATION_KEY, ...REVERSED);
  const ref = to.control.grant(octets);
  const frame = synOf(V6, from.link.peer.mac, to.link.peer.mac);
  for (const size of [1, 3, 4, 7, 36, 39, 40, 41]) {
    const { status } = await to.control.ask(CTRL_TYPE.setHashKey, ref, size);
    if (status !== CTRL_STATUS.success) {
      t.info(`status ${ctrlStatusName(status)} for a key of ${size} octets`);
      continue;
    }
    const seen = (await hashed(from, to, frame)) ?? t.skip(NO_HASH);
    const input = seen.hashType === HASH_TYPE.ipv6Tcp ? tcpInput(V6) : addressInput(V6);
    const expected = hashOf(octets.subarray(0, size), input);
    await t.check(['HASH-13', 'HASH-16'], () =>
      expect(seen.value, `hash under ${size} octets of the key`).to.equal(expected),
    );
  }
});

test('key-changes', 'hashes by the new key once it has responded, also under traffic', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const flows = flowsFor(4);
  const rounds = t.rounds(6);
  for (let round = 0; round < rounds; round++) {
    const key = round % 2 ? VERIFICATION_KEY : REVERSED;
    // Each burst differs from the packets that are looked at, and may have a hash by either key.
    const burst = flows.flatMap((flow) =>
      from.queue.tx.enqueue(synOf(flow, from.link.peer.mac, to.link.peer.mac, 2 + round)),
    );
    from.queue.pushTx();
    await all([from.answered(burst), setKey(t, to, IPV4, key)]);
    for (const flow of flows) {
      const seen = (await hashed(from, to, synOf(flow, from.link.peer.mac, to.link.peer.mac))) ?? t.skip(NO_HASH);
      const input = seen.hashType === HASH_TYPE.ipv4Tcp ? tcpInput(flow) : addressInput(flow);
      await t.check('HASH-16', () => expect(seen.value, `hash in round ${round}`).to.equal(hashOf(key, input)));
    }
  }
});

test('order', 'accepts key, types and table in any order after the algorithm', BRIDGE, async (t) => {
  const [from, to, follows] = await steered(t);
  if (!(await hashed(from, to))) t.skip(NO_HASH);
  const { control } = to;
  const steps = {
    key: () => setKey(t, to, IPV4, VERIFICATION_KEY),
    types: () => accepted(t, control.setHashFlags(IPV4)),
    table: async () => {
      await accepted(t, control.setHashMappingSize(4));
      await accepted(t, control.setHashMapping([1, 0, 1, 0]));
    },
  };
  const [flow] = flowsFor(4);
  for (const order of ['key types table', 'key table types', 'types key table', 'types table key', 'table key types']) {
    await accepted(t, control.setHashMappingSize(0));
    await accepted(t, control.setHashKey(new Uint8Array()));
    await accepted(t, control.setHashAlgorithm(HASH_ALGORITHM.none));
    await accepted(t, control.setHashAlgorithm(HASH_ALGORITHM.toeplitz));
    for (const step of order.split(' ')) await steps[step as keyof typeof steps]();
    const seen = await hashed(from, to);
    await t.check('HASH-13', () => expect(seen && publishedFor(seen, A_VECTOR), order).to.equal(seen?.value));
    await t.check('HASH-44', () => expect(seen?.hashType, `hash type after ${order}`).to.equal(HASH_TYPE.ipv4Tcp));
    if (!follows || !flow) continue;
    await t.check('HASH-26', async () => expect(await queueOf(from, to, flow), `queue after ${order}`).to.equal(1));
  }
});

test('first-fragment', 'gives a first IPv4 fragment no hash of its ports', BRIDGE, async (t) => {
  const [from, to] = await reporting(t, IPV4);
  const seen = await hashedOdd(t, from, to, asFirstFragment(synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac)));
  await t.check('HASH-42', () => expect(seen?.value, 'hash').to.be.oneOf([undefined, A_VECTOR.ip]));
});

for (const [name, what, offset, more] of [
  ['first-fragment-v6', 'a first IPv6 fragment', 0, true],
  ['fragment-v6', 'a later IPv6 fragment', 8, false],
] as const) {
  test(name, `gives ${what} no hash of its ports`, BRIDGE, async (t) => {
    const seen = await hashOfIpv6(t, (syn) => asFragment6(syn, offset, more));
    await t.check('HASH-42', () => expect(seen?.value, 'hash').to.be.oneOf([undefined, V6.ip]));
  });
}

test('options-v6', 'finds the ports after an extension header of IPv6', BRIDGE, async (t) => {
  const seen = await hashOfIpv6(t, withDestinationOptions);
  await t.check('HASH-41', () => expect(seen?.value, 'hash').to.be.oneOf([undefined, V6.ip, V6.tcp]));
});

test('udp-v6', 'never hashes the ports of UDP over IPv6', BRIDGE, async (t) => {
  const seen = await hashOfIpv6(t, (_, from, to) => datagram(from, to, V6));
  await t.check('HASH-12', () => {
    expect(seen?.hashType ?? HASH_TYPE.ipv6, 'type for UDP').to.equal(HASH_TYPE.ipv6);
    expect(seen?.value, 'hash').to.be.oneOf([undefined, V6.ip]);
  });
});

/** The hash of a frame that is made from an IPv6 SYN; skips the test if the backend delivers no hash of the SYN. */
async function hashOfIpv6(
  t: BackendTest,
  change: (syn: Uint8Array, from: FrontendPeer, to: FrontendPeer) => Uint8Array,
): Promise<ExtraHash | undefined> {
  const [from, to] = await reporting(t, IPV6, VERIFICATION_KEY, V6);
  return hashedOdd(t, from, to, change(synOf(V6, from.link.peer.mac, to.link.peer.mac), from, to));
}

function isPublished(seen: ExtraHash, vector: Vector): void {
  expect(seen.value, `hash of type ${seen.hashType}`).to.equal(publishedFor(seen, vector));
}
