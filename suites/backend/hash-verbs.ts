/** Actions and observations of the hash chapter. */
import { expect } from 'chai';
import { ping4, ping6, udp4, udp6 } from '../../harness/packet/build.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import { Violation } from '../../harness/peer/violation.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { CTRL_STATUS, HASH_FLAG, HASH_TYPE } from '../../harness/protocol/netif.js';
import { hashInput, toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { ctrlStatusName, headerName } from '../support/statuses.js';
import { hostOf, isIpv6, synOf, type Vector, VECTORS } from '../support/toeplitz-vectors.js';
import { arrives } from '../support/losses.js';
import { queuesOffered } from './connection-verbs.js';
import { accepted, setHashing, through } from './verbs.js';

/** Why tests of hash values are skipped: no backend has to send a hash. */
export const NO_HASH = 'the backend delivers no hash';
/** The requirement that packets are delivered at all; on which queue of several, the header only recommends. */
export const DELIVERY = 'RXW-36';
/** The hash types of IPv4. */
export const IPV4 = HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp;
/** The default flow. */
export const A_VECTOR = VECTORS.v4a;

/** Flows that differ in one port only, with the hash of each. */
export const FLOWS: readonly Vector[] = [...Array(8).keys()].map((n) => {
  const flow = { ...A_VECTOR, sport: A_VECTOR.sport + n };
  return { ...flow, tcp: toeplitz(VERIFICATION_KEY, tcpInput(flow)) };
});

/** A flow for each entry of a table of `size` entries: the n-th one's TCP hash is n modulo `size`. */
export function flowsFor(size: number): Vector[] {
  const flows: Vector[] = [];
  for (let sport = 1024; flows.filter(Boolean).length < size; sport++) {
    const flow = { ...A_VECTOR, sport };
    const tcp = toeplitz(VERIFICATION_KEY, tcpInput(flow));
    flows[tcp % size] ??= { ...flow, tcp };
  }
  return flows;
}

/** Skips the test if the guest forwards no packets between the addresses of the published vectors. */
export async function crosses(t: BackendTest, [from, to]: readonly [FrontendPeer, FrontendPeer]): Promise<void> {
  await hashedOdd(t, from, to, synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac));
}

/** Two bridged vifs; the second has hashing enabled, with the verification key by default. */
export async function hashing(
  t: BackendTest,
  flags: number,
  key = VERIFICATION_KEY,
  queues?: number,
): Promise<[FrontendPeer, FrontendPeer]> {
  // Some backends hash only if there is a queue to choose; another test requires hashes for a single queue.
  const peers = await t.bridged({}, { control: true, queues: queues ?? Math.min(2, await queuesOffered(t)) });
  await crosses(t, peers);
  await setHashing(t, peers[1], flags, key);
  return peers;
}

/** Like {@link hashing}; skips the test if a SYN of `vector` comes without its hash, since no backend has to send it. */
export async function reporting(
  t: BackendTest,
  flags: number,
  key = VERIFICATION_KEY,
  vector: Vector = A_VECTOR,
): Promise<[FrontendPeer, FrontendPeer]> {
  const [from, to] = await hashing(t, flags, key);
  const seen = await hashedOdd(t, from, to, synOf(vector, from.link.peer.mac, to.link.peer.mac));
  return seen ? [from, to] : t.skip(NO_HASH);
}

/** Like {@link hashing}, with two queues and a mapping table of `size` entries. */
export async function steering(t: BackendTest, size: number): Promise<[FrontendPeer, FrontendPeer]> {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
  const [from, to] = await hashing(t, IPV4);
  const { status } = await to.control.setHashMappingSize(size);
  if (status !== CTRL_STATUS.success)
    t.skip(`the backend supports no mapping table of ${size} entries: ${ctrlStatusName(status)}`);
  return [from, to];
}

/** Like {@link steering}, with a table of 4 entries that all name queue 1, and whether the backend delivers by it. */
export async function steered(t: BackendTest): Promise<[FrontendPeer, FrontendPeer, boolean]> {
  const [from, to] = await steering(t, 4);
  await accepted(t, to.control.setHashMapping([1, 1, 1, 1]));
  const queues: number[] = [];
  await t.check(DELIVERY, async () => {
    for (const vector of FLOWS) queues.push(await queueOf(from, to, vector));
  });
  return [from, to, queues.every((queue) => queue === 1)];
}

/** Why tests of what a table holds are skipped: that the backend delivers by it is a requirement of its own. */
export const UNSTEERED = 'the backend does not deliver by the mapping table';

/**
 * Asserts that the hashes of a vector's SYN and of a ping between its addresses, where they come, are published ones.
 * Skips the test if neither comes.
 */
export async function expectPublishedHashes(
  t: BackendTest,
  [from, to]: readonly [FrontendPeer, FrontendPeer],
  vector: Vector,
): Promise<void> {
  const tcp = await hashedOdd(t, from, to, synOf(vector, from.link.peer.mac, to.link.peer.mac));
  const ip = await hashedOdd(t, from, to, pingFrame(from, to, vector));
  const seen = [tcp, ip].filter((hash) => hash !== undefined);
  if (seen.length === 0) t.skip(NO_HASH);
  const values = seen.map(({ value }) => value);
  expect(values, packetOf(vector)).to.deep.equal(seen.map((hash) => publishedFor(hash, vector)));
}

/** The published hash of a vector's packet, of the type that the backend chose: it SHOULD choose the largest. */
export function publishedFor({ hashType }: ExtraHash, vector: Vector): number {
  return hashType === HASH_TYPE.ipv4Tcp || hashType === HASH_TYPE.ipv6Tcp ? vector.tcp : vector.ip;
}

/** Sends a frame (default: a SYN of the first vector) and returns the hash that comes with it, or undefined. */
export async function hashed(
  from: FrontendPeer,
  to: FrontendPeer,
  frame = synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac),
): Promise<ExtraHash | undefined> {
  return hashOf(await through(from, to, frame));
}

/** Like {@link hashed}, for a frame that a guest may filter out; then skips the test. */
export async function hashedOdd(
  t: BackendTest,
  from: FrontendPeer,
  to: FrontendPeer,
  frame: Uint8Array,
): Promise<ExtraHash | undefined> {
  const packets: QueuePacket[] = [];
  const isForwarded = await arrives(through(from, to, frame).then((packet) => packets.push(packet)));
  const [packet] = packets;
  return isForwarded && packet ? hashOf(packet) : t.skip('the guest does not forward such a frame');
}

/** Expects that a packet came with a hash, and returns the hash. */
export function expectHash(hash: ExtraHash | undefined): ExtraHash {
  return hash ?? expect.fail('a packet has no HASH extra');
}

/** Expects that a packet came without a hash. */
export function expectNoHash(hash: ExtraHash | undefined): void {
  if (hash) expect.fail(`a packet has a HASH extra of type ${headerName(HASH_TYPE, hash.hashType)}`);
}

function hashOf(packet: QueuePacket): ExtraHash | undefined {
  return packet.extras.find((extra) => extra.type === 'hash');
}

/** The number of the queue on which a vector's SYN arrives. A SYN that never arrives violates {@link DELIVERY}. */
export async function queueOf(from: FrontendPeer, to: FrontendPeer, vector: Vector): Promise<number> {
  const packets: QueuePacket[] = [];
  await arrives(through(from, to, synOf(vector, from.link.peer.mac, to.link.peer.mac)).then((it) => packets.push(it)));
  const [packet] = packets;
  if (!packet) throw new Violation([DELIVERY], `no ${packetOf(vector)} arrives on any of ${to.queues.length} queues`);
  return packet.queue.index;
}

/** The Toeplitz input for a vector's TCP packet. */
export function tcpInput({ source, sport, destination, dport }: Vector): Uint8Array {
  const none = new Uint8Array();
  return hashInput({ src: hostOf(source, none).ipv4, dst: hostOf(destination, none).ipv4, sport, dport });
}

/** The Toeplitz input for a vector's addresses alone. */
export function addressInput({ source, destination }: Vector): Uint8Array {
  const none = new Uint8Array();
  return hashInput({ src: hostOf(source, none).ipv4, dst: hostOf(destination, none).ipv4 });
}

/** Names a packet in messages. */
export const packetOf = ({ source, sport }: Vector): string => `packet from ${source}:${sport}`;

/** A ping between a vector's addresses. */
export function pingFrame(from: FrontendPeer, to: FrontendPeer, vector: Vector = A_VECTOR): Uint8Array {
  const ping = isIpv6(vector) ? ping6 : ping4;
  const ends = [hostOf(vector.source, from.link.peer.mac), hostOf(vector.destination, to.link.peer.mac)] as const;
  return ping(...ends, { id: 1, seq: 1, payload: new Uint8Array(32) });
}

/** A UDP packet of a vector's flow. */
export function datagram(from: FrontendPeer, to: FrontendPeer, vector: Vector = A_VECTOR): Uint8Array {
  const { source, destination, sport, dport } = vector;
  const udp = isIpv6(vector) ? udp6 : udp4;
  const ends = [hostOf(source, from.link.peer.mac), hostOf(destination, to.link.peer.mac)] as const;
  return udp(...ends, { sport, dport, payload: new Uint8Array(32) });
}
