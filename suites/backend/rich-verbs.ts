/** Connections of a frontend that uses everything that the backend offers. */
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { HASH_ALGORITHM, HASH_FLAG, KEY } from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { MANY_QUEUES } from '../support/stale-queues.js';
import { entries } from './gref-verbs.js';
import { group } from './multicast-verbs.js';
import { queuesOffered } from './connection-verbs.js';

/** Keys of the first connection; the second one has those of the test alone. */
const FIRST = {
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
};
/** Keys of the first connection that ask for something, and what offers it. */
const REQUESTS = [
  [KEY.featureXdpHeadroom, KEY.xdpHeadroom, '256'],
  [KEY.featureMulticastControl, KEY.requestMulticastControl, '1'],
] as const;
/** No key of the first connection. */
export const NONE = Object.fromEntries(
  [...Object.keys(FIRST), ...REQUESTS.map(([, key]) => key)].map((key) => [key, undefined]),
);

/** The options of the first connection of a vif that the test connects with `options`. */
export async function firstOptions(t: BackendTest, options: FrontendOptions): Promise<FrontendOptions> {
  const offers = await (await t.connect()).otherKeys();
  const requests = REQUESTS.filter(([offer]) => offers[offer] === '1').map(([, key, value]) => [key, value] as const);
  return { ...options, keys: { ...FIRST, ...Object.fromEntries(requests) } };
}

/** A frontend that uses all that the backend offers, or as much of it as the backend accepts. */
export async function rich(t: BackendTest): Promise<FrontendOptions> {
  const offers = await (await t.connect()).otherKeys();
  const { keys } = await firstOptions(t, {});
  return {
    queues: Math.min(MANY_QUEUES, await queuesOffered(t)),
    control: offers[KEY.featureCtrlRing] === '1',
    ...(offers[KEY.featureStagingGrants] === '1' && { pools: { tx: 2, rx: 8 } }),
    keys: { ...keys, [KEY.featureNoCsumOffload]: '1' },
  };
}

/** A group that `multicast.filter` does not list. */
const GROUP = group(2);

/** Has everything in use that the options of a connection allow: hashes, a table, mapped grants and groups. */
export async function useAll(vif: FrontendPeer, { control, keys = {} }: FrontendOptions): Promise<void> {
  if (keys[KEY.requestMulticastControl] === '1') {
    await vif.changeGroups('mcast-add', GROUP);
  }
  if (!control) return;
  // Which of these messages the backend accepts is left to other tests.
  await vif.control.setHashAlgorithm(HASH_ALGORITHM.toeplitz);
  await vif.control.setHashKey(VERIFICATION_KEY);
  await vif.control.setHashFlags(HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp);
  await vif.control.setHashMappingSize(2);
  await vif.control.setHashMapping([vif.queues.length - 1, vif.queues.length - 1]);
  await vif.control.addGrefMapping(0, entries(vif.control, 2));
}

/** Undoes the settings of {@link useAll}. */
export async function undoAll(vif: FrontendPeer, { control, keys = {} }: FrontendOptions): Promise<void> {
  if (keys[KEY.requestMulticastControl] === '1') await vif.changeGroups('mcast-del', GROUP);
  if (!control) return;
  await vif.control.setHashMappingSize(0);
  await vif.control.setHashFlags(0);
  await vif.control.setHashKey(new Uint8Array());
  await vif.control.setHashAlgorithm(HASH_ALGORITHM.none);
}
