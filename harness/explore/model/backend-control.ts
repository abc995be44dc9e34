/** What a frontend sets in its backend: multicast groups, hashing, mapping tables and mapped grants. */
import { expect } from 'chai';
import fc from 'fast-check';
import { formatMac } from '../../packet/address.js';
import type { FrontendPeer } from '../../peer/frontend.js';
import type { ExtraHash } from '../../protocol/extra.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, HASH_ALGORITHM, HASH_FLAG, HASH_TYPE, RSP } from '../../protocol/netif.js';
import { toeplitz, VERIFICATION_KEY } from '../../protocol/toeplitz.js';
import { entry, statusesOf } from '../../../suites/backend/gref-verbs.js';
import { addressInput, datagram, hashed, pingFrame, tcpInput } from '../../../suites/backend/hash-verbs.js';
import { delivered } from '../../../suites/backend/multicast-verbs.js';
import { statuses } from '../../../suites/backend/refusal-verbs.js';
import { synOf, VECTORS } from '../../../suites/support/toeplitz-vectors.js';
import type { Step } from '../step.js';
import { type BackendModel, type BackendWorld, withVif } from './backend.js';
import { END, type EndIndex, otherEnd, way } from './ends.js';

type BackendStep<A> = Step<BackendWorld, BackendModel, A>;

const { success } = CTRL_STATUS;
const GROUPS = [0, 1, 2, 3].map((n) => Uint8Array.of(0x01, 0x00, 0x5e, 0x7e, 0x6e, n));
const FLOWS = [VECTORS.v4a, VECTORS.v4b, VECTORS.v4c, VECTORS.v4d, VECTORS.v4e];
/** The verification key, a short one, and none. */
const KEYS = [VERIFICATION_KEY, VERIFICATION_KEY.subarray(4, 20), new Uint8Array()];

const macOf = (n: number): string => formatMac(GROUPS[n] ?? Uint8Array.of());

const listen: BackendStep<{ end: EndIndex; group: number; add: boolean }> = {
  name: 'listen',
  checks: ['RING-09'],
  args: fc.record({ end: END, group: fc.nat(GROUPS.length - 1), add: fc.boolean() }),
  when: ({ vifs }, { end }) => vifs[end].choice.multicast,
  async run({ t, vifs }, model, { end, group, add }) {
    const address = GROUPS[group];
    if (!address) return model;
    const { groups, perhaps } = model.vifs[end];
    let status: number | undefined;
    await t.check('RING-09', async () => {
      [status] = statuses(await vifs[end].changeGroups(add ? 'mcast-add' : 'mcast-del', address));
    });
    const others = groups.filter((each) => each !== group);
    const uncertain = perhaps.filter((each) => each !== group);
    // A list may be full, and a dummy request may be dropped once it has been read.
    if (status !== RSP.okay) return withVif(model, end, { groups: others, perhaps: [...uncertain, group] });
    return withVif(model, end, { groups: add ? [...others, group] : others, perhaps: uncertain });
  },
};

const multicast: BackendStep<{ to: EndIndex }> = {
  name: 'multicast',
  checks: ['TXW-36', 'MCAST-06', 'MCAST-07', 'MCAST-09', 'MCAST-16'],
  args: fc.record({ to: END }),
  when: () => true,
  async run(world, model, { to: end }) {
    const { t } = world;
    const [from, to] = way(world, otherEnd(end));
    const { choice, groups, perhaps, earlier } = model.vifs[end];
    let seen: string[] = [];
    await t.check('TXW-36', async () => void (seen = await delivered(from, to, GROUPS)));
    const all = [...GROUPS.keys()];
    if (!choice.multicast) {
      await t.check('MCAST-07', () => expect(seen).to.have.members(all.map(macOf)));
      return model;
    }
    await t.check('MCAST-09', () => expect(seen).to.include.members(groups.map(macOf)));
    const unlisted = all.filter((n) => !groups.includes(n) && !perhaps.includes(n));
    const seenOf = (numbers: readonly number[]): string[] => numbers.map(macOf).filter((mac) => seen.includes(mac));
    const never = unlisted.filter((n) => !earlier.includes(n));
    await t.check('MCAST-06', () => expect(seenOf(never), 'groups that were never in the list').to.deep.equal([]));
    const gone = unlisted.filter((n) => earlier.includes(n));
    await t.check('MCAST-16', () => expect(seenOf(gone), 'groups of an earlier connection').to.deep.equal([]));
    return model;
  },
};

const hash: BackendStep<{ end: EndIndex; flags: number; key: number }> = {
  name: 'hash',
  checks: [],
  args: fc.record({ end: END, flags: fc.integer({ min: 0, max: 15 }), key: fc.nat(KEYS.length - 1) }),
  when: ({ vifs }, { end }) => vifs[end].choice.control,
  async run({ vifs }, model, { end, flags, key: index }) {
    const { control } = vifs[end];
    const key = KEYS[index] ?? VERIFICATION_KEY;
    const { status } = await control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
    if (status !== success) return model;
    const { data: supported } = await control.ask(CTRL_TYPE.getHashFlags);
    const accepted = [await control.setHashKey(key), await control.setHashFlags(flags & supported)];
    // What a refusal leaves behind is open: nothing is expected of the values any more.
    if (accepted.some((response) => response.status !== success)) return withVif(model, end, { hashing: UNKNOWN });
    return withVif(model, end, { hashing: { flags: flags & supported, key } });
  },
};

/** Hashing with settings that the backend has accepted in part. */
const UNKNOWN = { flags: -1, key: new Uint8Array() };

const flow: BackendStep<{ to: EndIndex; flow: number; protocol: 'tcp' | 'udp' | 'icmp' }> = {
  name: 'flow',
  checks: ['TXW-36', 'HASH-08', 'HASH-10', 'HASH-11', 'HASH-33', 'HASH-36', 'HASH-38', 'TOEP-09'],
  args: fc.record({
    to: END,
    flow: fc.nat(FLOWS.length - 1),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
  }),
  when: () => true,
  async run(world, model, { to: end, flow: index, protocol }) {
    const { t } = world;
    const [from, to] = way(world, otherEnd(end));
    const vector = FLOWS[index] ?? VECTORS.v4a;
    const { hashing, hashedEarlier, choice } = model.vifs[end];
    const frame =
      protocol === 'tcp'
        ? synOf(vector, from.link.peer.mac, to.link.peer.mac, ++world.frames)
        : (protocol === 'udp' ? datagram : pingFrame)(from, to, vector);
    let seen: ExtraHash | undefined;
    await t.check('TXW-36', async () => void (seen = await hashed(from, to, frame)));
    if (!hashing) {
      // What an earlier connection has set may survive where there is a control ring to change it.
      const requirement = hashedEarlier && choice.control ? 'HASH-38' : 'HASH-36';
      await t.check(requirement, () => expect(seen, 'HASH extra').to.equal(undefined));
    } else if (seen && hashing !== UNKNOWN) {
      const { hashType, value } = seen;
      const { flags, key } = hashing;
      const others = protocol === 'tcp' ? 'HASH-11' : 'HASH-10';
      await t.check(flags === 0 ? 'HASH-08' : others, () =>
        expect(hashType, 'type of the hash').to.be.oneOf(typesOf(flags, protocol)),
      );
      const input = hashType === HASH_TYPE.ipv4Tcp ? tcpInput(vector) : addressInput(vector);
      await t.check(key.length === 0 ? 'TOEP-09' : 'HASH-33', () =>
        expect(value, 'value of the hash').to.equal(toeplitz(key, input)),
      );
    }
    return model;
  },
};

/** The hash types that a packet over IPv4 may get. */
function typesOf(flags: number, protocol: 'tcp' | 'udp' | 'icmp'): number[] {
  const tcp = protocol === 'tcp' && (flags & HASH_FLAG.ipv4Tcp) !== 0 ? [HASH_TYPE.ipv4Tcp] : [];
  return (flags & HASH_FLAG.ipv4) !== 0 ? [...tcp, HASH_TYPE.ipv4] : tcp;
}

const table: BackendStep<{ end: EndIndex; queues: number[] }> = {
  name: 'table',
  checks: [],
  args: fc.record({
    end: END,
    queues: fc.oneof(...[1, 2, 4, 8].map((size) => fc.array(fc.nat(2), { minLength: size, maxLength: size }))),
  }),
  when: ({ vifs }, { end, queues }) => vifs[end].hashing !== undefined && Math.max(...queues) < vifs[end].choice.queues,
  async run({ vifs }, model, { end, queues }) {
    // The monitor judges on which queue the packets arrive.
    const { status } = await vifs[end].control.setHashMappingSize(queues.length);
    if (status === success) await vifs[end].control.setHashMapping(queues);
    return model;
  },
};

/** The size of a mapping table, by its backend and queue, in entries. */
async function mappingSize(vif: FrontendPeer, queue: number): Promise<number> {
  const { status, data } = await vif.control.getGrefMappingSize(queue);
  return status === success ? data : 0;
}

/** Has the backend map tx buffers, which carry the next packets; then it may unmap them at once. */
const map: BackendStep<{ end: EndIndex; queue: number; count: number; unmap: boolean }> = {
  name: 'map',
  checks: ['GREF-23'],
  args: fc.record({ end: END, queue: fc.nat(2), count: fc.integer({ min: 1, max: 8 }), unmap: fc.boolean() }),
  when: ({ vifs }, { end, queue }) => vifs[end].choice.control && queue < vifs[end].choice.queues,
  async run(world, model, { end, queue: index, count, unmap }) {
    const vif = world.vifs[end];
    const { mapped } = model.vifs[end];
    const queue = vif.queues[index] ?? vif.queue;
    const used = mapped[index] ?? 0;
    if (used + count > (await mappingSize(vif, index))) return model;
    // netif.h allows read-only entries; their pages are granted so.
    const list = vif.control.list(queue.tx.prepare(count).map((ref) => entry(ref, GREF_FLAG.readonly)));
    const { status } = await vif.control.addGrefMapping(index, list);
    if (status !== success) return model;
    if (!unmap) return withVif(model, end, { mapped: { ...mapped, [index]: used + count } });
    await world.t.check('GREF-23', async () => {
      await vif.control.delGrefMapping(index, list);
      expect(statusesOf(list), 'statuses of the entries').to.deep.equal(Array(count).fill(0));
    });
    return model;
  },
};

/** The steps of this file. */
export const BACKEND_CONTROL: readonly Step<BackendWorld, BackendModel, unknown>[] = [
  listen,
  multicast,
  hash,
  flow,
  table,
  map,
];
