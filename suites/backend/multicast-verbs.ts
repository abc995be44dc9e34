/** Observations of multicast through a bridge. */
import { sameBytes } from '../../harness/bytes/bytes.js';
import { formatMac } from '../../harness/packet/address.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { LOST_TRIES } from '../support/losses.js';
import { through } from './verbs.js';

/**
 * Which of `addresses` a frame reaches. A unicast frame after them, on the same path, shows that all have arrived that
 * will. A guest may lose a frame, so frames that do not arrive are sent `tries` times.
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
