/** What the hash chapter does to a backend, and what it looks at. */
import { expect } from 'chai';
import { ping4, ping6, udp4 } from '../../harness/packet/build.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { CTRL_STATUS, HASH_FLAG } from '../../harness/protocol/netif.js';
import { hashInput, toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { hostOf, isIpv6, synOf, type Vector, VECTORS } from '../toeplitz-vectors.js';
import { queuesOffered, setHashing, through } from './verbs.js';

/** The hash types of IPv4. */
export const IPV4 = HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp;
/** What is sent unless told. */
export const A_VECTOR = VECTORS.v4a;

/** Flows that differ in a port alone, with the hash of each. */
export const FLOWS: readonly Vector[] = [...Array(8).keys()].map((n) => {
  const flow = { ...A_VECTOR, sport: A_VECTOR.sport + n };
  return { ...flow, tcp: toeplitz(VERIFICATION_KEY, tcpInput(flow)) };
});

/** Two bridged vifs, the second of which has packets hashed by the default key. */
export async function hashing(
  t: BackendTest,
  flags: number,
  key = VERIFICATION_KEY,
  queues?: number,
): Promise<[FrontendPeer, FrontendPeer]> {
  // Some backends hash only where there's a queue to choose; that they should hash for one queue too is a test of its own.
  const peers = await t.bridged({}, { control: true, queues: queues ?? Math.min(2, await queuesOffered(t)) });
  await setHashing(t, peers[1], flags, key);
  return peers;
}

/** The same with two queues and a mapping table of `size` entries. */
export async function steering(t: BackendTest, size: number): Promise<[FrontendPeer, FrontendPeer]> {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers one queue');
  const [from, to] = await hashing(t, IPV4);
  const { status } = await to.control.setHashMappingSize(size);
  if (status !== CTRL_STATUS.success)
    t.skip(`the backend has no mapping table of ${size} entries: it answers ${status}`);
  return [from, to];
}

/** The hash of a vector's SYN, and that of a ping between its addresses, are the published ones. */
export async function agrees([from, to]: readonly [FrontendPeer, FrontendPeer], vector: Vector): Promise<void> {
  const tcp = await hashed(from, to, synOf(vector, from.link.peer.mac, to.link.peer.mac));
  const ip = await hashed(from, to, pingFrame(from, to, vector));
  expect({ ip: ip?.value, tcp: tcp?.value }, packetOf(vector)).to.deep.equal({ ip: vector.ip, tcp: vector.tcp });
}

/** The hash that comes with a frame; undefined if none does. A SYN of the first vector unless told. */
export async function hashed(
  from: FrontendPeer,
  to: FrontendPeer,
  frame = synOf(A_VECTOR, from.link.peer.mac, to.link.peer.mac),
): Promise<ExtraHash | undefined> {
  return hashOf(await through(from, to, frame));
}

function hashOf(packet: QueuePacket): ExtraHash | undefined {
  return packet.extras.find((extra) => extra.type === 'hash');
}

/** The number of the queue that a vector's SYN comes by. */
export async function queueOf(from: FrontendPeer, to: FrontendPeer, vector: Vector): Promise<number> {
  const packet = await through(from, to, synOf(vector, from.link.peer.mac, to.link.peer.mac));
  return packet.queue.index;
}

/** What Toeplitz gets of a vector's TCP packet. */
export function tcpInput({ source, sport, destination, dport }: Vector): Uint8Array {
  const none = new Uint8Array();
  return hashInput({ src: hostOf(source, none).ipv4, dst: hostOf(destination, none).ipv4, sport, dport });
}

/** A packet, for messages. */
export const packetOf = ({ source, sport }: Vector): string => `packet from ${source}:${sport}`;

/** A ping between a vector's addresses. */
export function pingFrame(from: FrontendPeer, to: FrontendPeer, vector: Vector = A_VECTOR): Uint8Array {
  const ping = isIpv6(vector) ? ping6 : ping4;
  const ends = [hostOf(vector.source, from.link.peer.mac), hostOf(vector.destination, to.link.peer.mac)] as const;
  return ping(...ends, { id: 1, seq: 1, payload: new Uint8Array(32) });
}

/** A UDP packet of the first vector's flow. */
export function datagram(from: FrontendPeer, to: FrontendPeer): Uint8Array {
  const { source, destination, sport, dport } = A_VECTOR;
  const payload = new Uint8Array(32);
  return udp4(hostOf(source, from.link.peer.mac), hostOf(destination, to.link.peer.mac), { sport, dport, payload });
}
