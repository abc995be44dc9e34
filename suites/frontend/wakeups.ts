/** ring.h, RING_FINAL_CHECK_FOR_RESPONSES and RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: no order of accesses loses a wake-up. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { agree } from '../../harness/peer/backend-control.js';
import type { CtrlRequest } from '../../harness/protocol/ctrl.js';
import { CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { advance, RING_OFFSET } from '../../harness/protocol/ring.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { atStore, FAR_AHEAD, storesTo } from '../support/moments.js';
import { awaitSettled, happens, hasBuffers, isAhead, withhold } from './verbs.js';

const { test, tests } = frontendChapter('wakeups');
export const wakeups = tests;

const CONTROLLED = { ...BACKEND_KEYS, [KEY.featureCtrlRing]: '1', [KEY.multiQueueMaxQueues]: '2' };
const PING = { fresh: true, reflector: 'icmp' } as const;
/** Tx packets without responses, of which all but one may have to come before an event. */
const MOST_PACKETS = 8;

/** Two responses of a ring, each of which is to be written and then published. */
type Responses = readonly [first: () => void, second: () => void];

const RESPONSES: Readonly<Record<'tx' | 'rx', (t: FrontendTest, vif: BackendPeer) => Promise<Responses>>> = {
  async tx(t, vif) {
    const { tx } = vif.queue;
    const packets = (await withhold(t, vif, MOST_PACKETS, 2)).filter(({ queue }) => queue === vif.queue);
    const answer = (): void => {
      const packet = packets.shift();
      if (packet) tx.answer(packet);
    };
    // A frontend may ask for an event after several responses.
    const asleep = (): boolean => isAhead(tx.ring, tx.ring.rspProdPvt);
    const first = (): void => {
      do answer();
      while (packets.length > 1 && asleep());
    };
    const others = (): void => {
      while (packets.length > 0) answer();
    };
    return [first, others];
  },
  async rx(t, vif) {
    await hasBuffers(t, vif, 2);
    const { rx } = vif.queue;
    const write = (): void => {
      rx.enqueue(vif.quietFrame());
      rx.writeEnqueued();
    };
    return [write, write];
  },
};

for (const half of ['tx', 'rx'] as const) {
  const title = `finds a response on the ${half} ring that came while it asked for an event`;
  test(`final-check-${half}`, title, PING, async (t) => {
    const vif = await t.fresh();
    const { queue } = vif;
    const { ring } = queue[half];
    const stores = storesTo(t, ring.page);
    const [first, second] = await RESPONSES[half](t, vif);
    // An earlier event would wake the frontend once more. The sentinel is another vif: this one may have no buffer left.
    await (await t.fresh()).ping();
    first();
    if (half === 'tx') queue.pushTx();
    else queue.pushRx();
    let end = 0;
    // To the peer the frontend has not asked yet, so it sends no event.
    const asks = atStore(stores, RING_OFFSET.rspEvent, () => {
      second();
      ring.push();
      end = ring.rspProdPvt;
      return true;
    });
    if (!(await happens(vif, 'request for an event', asks))) t.skip('the frontend asks for no event');
    await t.check('NOTIFY-04', () => vif.until(`${half} rsp_event beyond that response`, () => isAhead(ring, end)));
  });
}

test('final-check-control', 'finds a control response that came while it asked for an event', PING, async (t) => {
  const vif = await t.plug(CONTROLLED);
  const requests: CtrlRequest[] = [];
  // Those for different queues may be out at the same time.
  vif.answer = (request) => {
    if (request.type !== CTRL_TYPE.getGrefMappingSize) return agree(request);
    requests.push(request);
    return undefined;
  };
  await vif.connect();
  await happens(vif, 'two control requests', () => requests.length > 1);
  const { control } = vif;
  const [first, second] = requests;
  if (!control || !first || !second) return t.skip('the frontend sends no two control requests at once');
  const stores = storesTo(t, control.ring.page);
  // An earlier event would wake the frontend once more.
  await awaitSettled(t, vif);
  let end = 0;
  const asks = atStore(stores, RING_OFFSET.rspEvent, () => {
    control.respond(second, agree(second));
    control.ring.push();
    end = control.ring.rspProdPvt;
    return true;
  });
  control.respond(first, agree(first));
  control.push();
  if (!(await happens(vif, 'request for an event', asks))) t.skip('the frontend asks for no event');
  await t.check('NOTIFY-04', () =>
    vif.until('control rsp_event beyond that response', () => isAhead(control.ring, end)),
  );
});

for (const half of ['tx', 'rx'] as const) {
  const title = `notifies a request on the ${half} ring if the event is requested while it is published`;
  test(`event-index-${half}`, title, PING, async (t) => {
    const vif = await t.fresh();
    const { queue, context } = vif;
    const { ring } = queue[half];
    const stores = storesTo(t, ring.page);
    if (half === 'rx' && vif.published[KEY.featureRxNotify] !== '1') t.skip('the frontend notifies no buffers');
    const port = half === 'tx' ? queue.txPort : queue.rxPort;
    // An earlier event may still be on its way.
    await awaitSettled(t, vif);
    queue.deaf = true;
    // On a shared channel no event is for the other ring.
    for (const each of [queue.tx.ring, queue.rx.ring]) each.setReqEvent(advance(each.reqCons, FAR_AHEAD));
    const { reqProd: before } = ring.indices();
    let events = Infinity;
    const publishes = atStore(stores, RING_OFFSET.reqProd, () => {
      const { reqProd } = ring.indices();
      events = context.pump.count(port);
      ring.setReqEvent(reqProd);
      return reqProd !== before;
    });
    // A frontend may replace its buffers in batches as large as the ring.
    while (!publishes() && queue.rx.buffers.length > 0) {
      queue.rx.enqueue(half === 'tx' ? vif.pingFrame().frame : vif.quietFrame());
      queue.pushRx();
      await happens(vif, 'request', publishes);
    }
    if (!publishes()) t.skip('the frontend publishes no request');
    await t.check('NOTIFY-03', () =>
      vif.until(`event on the ${half} channel`, () => context.pump.count(port) > events),
    );
  });
}
