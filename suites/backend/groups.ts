/** netif.h, "feature-multicast-control": the filter on every queue, for every kind of frame, and when it is requested. */
import { expect } from 'chai';
import { formatMac } from '../../harness/packet/address.js';
import { udp4, udp6, withTag } from '../../harness/packet/build.js';
import { ETHERNET_HEADER, PADDED_FRAME, USUAL_MTU } from '../../harness/packet/ethernet.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import {
  arriving,
  delivered,
  filtering,
  forwardsGroups,
  group,
  lists,
  REQUESTED,
  requested,
} from './multicast-verbs.js';
import { queuesOffered, reconnect } from './connection-verbs.js';

const { test, tests } = backendChapter('groups');
export const groups = tests;

const BRIDGE = { gate: KEY.featureMulticastControl, fresh: true, needs: 'bridge' } as const;
const STATIC = { ...BRIDGE, gate: [KEY.featureMulticastControl, `!${KEY.featureDynamicMulticastControl}`] } as const;
const [A, B] = [group(1), group(2)];
const MOST_QUEUES = 4;

test('each-queue', 'filters by its list on each queue', BRIDGE, async (t) => {
  const queues = Math.min(await queuesOffered(t), MOST_QUEUES);
  if (queues < 2) return t.skip('the backend offers only one queue');
  const [from, to] = await filtering(t, { queues }, { queues });
  await lists(t, to, [A]);
  // Many backends deliver a frame on the queue with the number of that on which it was sent.
  for (const { index } of from.queues) {
    from.main = index;
    const seen = await delivered(from, to, [A, B]);
    await t.check('MCAST-09', () => expect(seen, `frames sent on queue ${index}`).to.include(formatMac(A)));
    await t.check('MCAST-19', () => expect(seen, `frames sent on queue ${index}`).to.deep.equal([formatMac(A)]));
  }
});

/** Kinds of frames to an IPv4 group, with a payload that no other frame has. */
const KINDS: Readonly<Record<string, (from: FrontendPeer, mac: Uint8Array) => Uint8Array>> = {
  'the shortest': (from, mac) => from.frameTo(mac, from.frameTo(mac).subarray(ETHERNET_HEADER, PADDED_FRAME - 4)),
  tagged: (from, mac) => withTag(from.frameTo(mac), 5),
  'tagged with priority alone': (from, mac) => withTag(from.frameTo(mac), 0xe000),
  'UDP over IPv4': udpTo,
  'UDP over IPv4, tagged': (from, mac) => withTag(udpTo(from, mac), 5),
  'UDP over IPv6': (from, mac) => {
    const ipv6 = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...mac.subarray(2));
    return udp6(from.link.peer, { mac, ipv6 }, { sport: 5353, dport: 5353, payload: from.pingFrame(32).payload });
  },
  'the longest': (from, mac) => from.frameTo(mac, from.pingFrame(USUAL_MTU).payload),
};

function udpTo(from: FrontendPeer, mac: Uint8Array): Uint8Array {
  const ipv4 = Uint8Array.of(0xef, ...mac.subarray(3));
  return udp4(from.link.peer, { mac, ipv4 }, { sport: 5353, dport: 5353, payload: from.pingFrame(32).payload });
}

test('kinds', 'filters frames of every kind', BRIDGE, async (t) => {
  const [from, to] = await filtering(t);
  await lists(t, to, [A]);
  const unknown: string[] = [];
  for (const [kind, frameTo] of Object.entries(KINDS)) {
    const [listed, other] = [frameTo(from, A), frameTo(from, B)];
    const seen = await arriving(from, to, [listed, other]);
    if (!seen.includes(listed)) unknown.push(kind);
    await t.check('MCAST-06', () => expect(seen.includes(other), `delivery of a frame, ${kind}`).to.equal(false));
  }
  if (unknown.length > 0) t.info(`the guest forwards no frames of these kinds: ${unknown.join(', ')}`);
});

test('outgoing', 'forwards what a frontend with a filter sends', BRIDGE, async (t) => {
  // The same path without a filter: a guest may drop all groups.
  const plain = await t.bridged();
  await forwardsGroups(t, ...plain);
  for (const peer of plain) await t.unplug(peer);
  const [from, to] = await t.bridged(REQUESTED);
  await lists(t, from, [A]);
  await t.check(['MCAST-06', 'MCAST-07'], async () => {
    expect(await delivered(from, to, [A, B]), 'groups that arrived').to.deep.equal([A, B].map(formatMac));
  });
});

test('sampled-late', 'follows a request that changes before the frontend goes to Connected', STATIC, async (t) => {
  const [from, to] = await t.bridged({}, { keys: requested('0') });
  await forwardsGroups(t, from, to);
  const filters = async (before: '0' | '1', value: '0' | '1'): Promise<boolean> => {
    await to.writeKeys(requested(before));
    return filtersAfterReconnect(t, [from, to], value);
  };
  if ((await filters('0', '0')) || !(await filters('1', '1'))) t.skip('the backend filters no multicast');
  await t.check('MCAST-04', async () => {
    expect(await filters('1', '0'), 'filter after 1 in InitWait and 0 in Connected').to.equal(false);
    expect(await filters('0', '1'), 'filter after 0 in InitWait and 1 in Connected').to.equal(true);
  });
});

/** Connects the second of two vifs again, with a request, and returns whether the backend then filters. */
async function filtersAfterReconnect(
  t: BackendTest,
  peers: readonly [FrontendPeer, FrontendPeer],
  value: '0' | '1',
): Promise<boolean> {
  await reconnect(t, peers[1], { keys: requested(value) });
  await t.bridge(peers);
  return (await delivered(...peers, [B])).length === 0;
}
