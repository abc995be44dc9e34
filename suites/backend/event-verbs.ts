/** Responses that do not reach the event index, and then one that does: on either ring. */
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { advance, distance } from '../../harness/protocol/ring.js';
import type { FrontRing } from '../../harness/protocol/shared-ring.js';
import type { BackendTest } from '../../harness/run/suite.js';
import type { Port } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import { arrives } from '../support/losses.js';

/** The place of the event index that the fourth response after those that the peer has read reaches. */
export const FOURTH = 4;

/** One ring of a vif and its event channel, and what makes the backend put a response on that ring. */
interface Watched {
  readonly vif: FrontendPeer;
  readonly ring: FrontRing;
  readonly port: Port;
  readonly cause: () => Promise<unknown> | void;
}

/** The tx ring of a vif: each request that the frontend sends gets a response. */
export function txOf(vif: FrontendPeer): Watched {
  const { tx, txPort: port } = vif.queue;
  const cause = (): void => {
    tx.enqueue(vif.quietFrame());
    vif.queue.pushTx();
  };
  return { vif, ring: tx.ring, port, cause };
}

/** The rx ring of a vif: each frame that the first vif sends through the bridge gets a response. */
export function rxOf([from, vif]: readonly [FrontendPeer, FrontendPeer]): Watched {
  const { rx, rxPort: port } = vif.queue;
  return { vif, ring: rx.ring, port, cause: () => from.transmit(from.frameTo(vif.link.peer.mac)) };
}

/** The number of responses that the peer has not read. */
const unread = (ring: FrontRing): number => distance(ring.rspCons, ring.indices().rspProd);

/** Makes the backend put one response more, while the peer reads none. A guest may lose a frame: that is sent again. */
async function oneMore({ vif, ring, cause }: Watched): Promise<void> {
  const before = unread(ring);
  for (let tries = 3; ; tries--) {
    await cause();
    const seen = demanded(
      ['RING-09'],
      vif.until('response', () => unread(ring) > before),
    );
    if (tries === 1) return void (await seen);
    if (await arrives(seen)) return;
  }
}

/** Sets the event index to the next response. A packet of the guest's own may arrive at that moment. */
function askForNext(ring: FrontRing): void {
  for (let next = 0; unread(ring) >= next;) {
    next = unread(ring) + 1;
    ring.setRspEvent(advance(ring.rspCons, next));
  }
}

/**
 * In each round sets the event index so far after what the peer has read, and lets the backend put three responses that
 * do not reach it; then the next one reaches the index, which is set there if it is elsewhere. The peer reads nothing
 * until its event. Returns the number of rounds with an event before that.
 */
export async function earlyRounds(t: BackendTest, watched: Watched, places: readonly number[]): Promise<number> {
  const { vif, ring, port } = watched;
  const { pump } = vif.context;
  let early = 0;
  for (const place of places) {
    vif.queue.deaf = true;
    ring.setRspEvent(advance(ring.rspCons, place));
    const before = pump.count(port);
    while (unread(ring) < 3) await oneMore(watched);
    if (unread(ring) === 3 && pump.count(port) > before) early++;
    if (place !== FOURTH) askForNext(ring);
    const after = place === FOURTH ? before : pump.count(port);
    await oneMore(watched);
    // This event ends the round, and arrives after any stray one.
    await t.check('NOTIFY-02', () =>
      vif.until('event at the response that reaches the index', () => pump.count(port) > after),
    );
    vif.queue.deaf = false;
    vif.queue.service();
  }
  t.info(`${places.length} rounds of 3 responses before the index`);
  return early;
}
