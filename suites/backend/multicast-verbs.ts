/** Actions and observations of multicast through a bridge. */
import { formatMac } from '../../harness/packet/address.js';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY, RSP } from '../../harness/protocol/netif.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { LOST_TRIES } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { statuses } from './refusal-verbs.js';
import { through } from './verbs.js';

/** The multicast request of a frontend's directory. */
export const requested = (value: '0' | '1' | undefined): Record<string, string | undefined> => ({
  [KEY.requestMulticastControl]: value,
});
export const REQUESTED = { keys: requested('1') };

/** A group of IPv4 that no guest uses. */
export const group = (last: number): Uint8Array => Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x6e, last);
/** No test adds this group. */
export const UNLISTED = group(9);

/**
 * Sends frames through a bridge and returns those that arrive. A unicast frame follows them on the same path: once it
 * has arrived, no other frame is still on its way. A guest may lose a frame, so frames that do not arrive are sent up to
 * `tries` times.
 */
export async function arriving(
  from: FrontendPeer,
  to: FrontendPeer,
  frames: readonly Uint8Array[],
  tries = LOST_TRIES,
): Promise<Uint8Array[]> {
  const missing = (): Uint8Array[] => frames.filter((each) => !to.received.some(({ frame }) => isPadded(frame, each)));
  for (let left = tries; left > 0 && missing().length > 0; left--) {
    for (const frame of missing()) await from.transmit(frame);
    await through(from, to, from.frameTo(to.link.peer.mac));
  }
  const lost = missing();
  return frames.filter((each) => !lost.includes(each));
}

/** Which of `addresses` a frame reaches; see {@link arriving}. */
export async function delivered(
  from: FrontendPeer,
  to: FrontendPeer,
  addresses: readonly Uint8Array[],
  tries = LOST_TRIES,
): Promise<string[]> {
  const sent = addresses.map((address) => ({ address, frame: from.frameTo(address) }));
  const frames = sent.map(({ frame }) => frame);
  const seen = await arriving(from, to, frames, tries);
  return sent.filter(({ frame }) => seen.includes(frame)).map(({ address }) => formatMac(address));
}

/** Two bridged vifs; the second requested a filter. Skips the test if the backend then filters nothing, as it may. */
export async function filtering(
  t: BackendTest,
  options: FrontendOptions = {},
  from: FrontendOptions = {},
): Promise<[FrontendPeer, FrontendPeer]> {
  const peers = await t.bridged(from, { ...REQUESTED, ...options });
  await forwardsGroups(t, ...peers);
  if ((await delivered(...peers, [UNLISTED])).length > 0) t.skip('the backend filters no multicast');
  return peers;
}

/** Skips the test if a group does not even reach the end of a bridge that requested no filter: a guest may drop all groups. */
export async function forwardsGroups(t: BackendTest, unfiltered: FrontendPeer, filtered: FrontendPeer): Promise<void> {
  // A bridge need not forward frames to an address from which it has seen none.
  await unfiltered.announce();
  if ((await delivered(filtered, unfiltered, [UNLISTED])).length === 0) t.skip('the guest forwards no multicast');
}

/** Adds groups to the list; skips the test if the backend refuses one. */
export async function lists(t: BackendTest, vif: FrontendPeer, groups: readonly Uint8Array[]): Promise<void> {
  for (const address of groups) {
    const [dummy] = statuses(await vif.changeGroups('mcast-add', address));
    if (dummy === RSP.error) t.skip(`the backend does not list ${formatMac(address)}`);
  }
}
