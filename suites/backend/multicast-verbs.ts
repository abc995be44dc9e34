/** Observations of multicast through a bridge. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { formatMac } from '../../harness/packet/address.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { LOST_TRIES } from '../support/losses.js';
import { through } from './verbs.js';

/**
 * Sends a frame to each of `addresses` and returns the addresses whose frames arrive. A unicast frame follows them on
 * the same path: once it has arrived, no other frame is still on its way. A guest may lose a frame, so frames that do
 * not arrive are sent up to `tries` times.
 */
export async function delivered(
  from: FrontendPeer,
  to: FrontendPeer,
  addresses: readonly Uint8Array[],
  tries = LOST_TRIES,
): Promise<string[]> {
  const sent = addresses.map((address) => ({ address, frame: from.frameTo(address) }));
  const missing = (): typeof sent =>
    sent.filter((each) => !to.received.some(({ frame }) => sameBytes(frame, each.frame)));
  for (let left = tries; left > 0 && missing().length > 0; left--) {
    for (const { frame } of missing()) await from.transmit(frame);
    await through(from, to, from.frameTo(to.link.peer.mac));
  }
  const lost = missing();
  return sent.filter((each) => !lost.includes(each)).map(({ address }) => formatMac(address));
}
