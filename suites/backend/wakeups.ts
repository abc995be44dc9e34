/** ring.h, RING_FINAL_CHECK_FOR_REQUESTS and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: no order of accesses loses a wake-up. */
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { advance, RING_OFFSET } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import { atStore, storesTo } from '../support/moments.js';

const { test, tests } = backendChapter('wakeups');
export const wakeups = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
/** Distance of an event index that is not reached. */
const FAR_AHEAD = 2 ** 30;

test('final-check-tx', 'finds a tx request that came while it asked for an event', PING, async (t) => {
  const vif = await t.fresh();
  const { queue } = vif;
  const stores = storesTo(t, queue.tx.ring.page);
  // A whole connection of another vif is the sentinel: an earlier event would wake the backend once more.
  await (await t.fresh()).ping();
  const first = queue.tx.enqueue(vif.quietFrame());
  queue.pushTx();
  let second: readonly SentSlot[] = [];
  // To the peer the backend has not asked yet, so it sends no event.
  const asks = atStore(stores, RING_OFFSET.reqEvent, () => {
    second = queue.tx.enqueue(vif.quietFrame());
    queue.tx.ring.push();
    return true;
  });
  await vif.answered(first);
  if (!(await arrives(vif.until('request for an event', asks)))) t.skip('the backend asks for no event');
  await t.check('NOTIFY-04', () => vif.answered(second));
});

for (const half of ['tx', 'rx'] as const) {
  const title = `notifies a response on the ${half} ring if the event is requested while it is published`;
  test(`event-index-${half}`, title, PING, async (t) => {
    const vif = await t.fresh();
    const { queue, context } = vif;
    const { ring } = queue[half];
    const stores = storesTo(t, ring.page);
    if (queue.txPort === queue.rxPort) t.skip('the backend does not split its event channels');
    // A whole connection of another vif is the sentinel: an earlier event may still be on its way.
    await (await t.fresh()).ping();
    const port = half === 'tx' ? queue.txPort : queue.rxPort;
    queue.deaf = true;
    ring.setRspEvent(advance(ring.rspCons, FAR_AHEAD));
    const { rspProd: before } = ring.indices();
    let events = Infinity;
    const publishes = atStore(stores, RING_OFFSET.rspProd, () => {
      const { rspProd } = ring.indices();
      events = context.pump.count(port);
      ring.setRspEvent(rspProd);
      return rspProd !== before;
    });
    queue.tx.enqueue(vif.pingFrame().frame);
    queue.pushTx();
    if (!(await arrives(vif.until('response', publishes)))) t.skip('the backend publishes no response');
    await t.check('NOTIFY-03', () =>
      vif.until(`event on the ${half} channel`, () => context.pump.count(port) > events),
    );
  });
}
