/** netif.h, "Notifications after enqueuing"; ring.h, the macros that push and check. */
import { expect } from 'chai';
import { arpRequest } from '../../harness/packet/build.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { BackendQueue } from '../../harness/peer/backend-queue.js';
import { KEY } from '../../harness/protocol/netif.js';
import { advance, distance, RX_RING } from '../../harness/protocol/ring.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import type { Port } from '../../harness/xen/domain.js';
import { Patience } from '../../harness/xen/wait.js';
import { EARLY, ELSEWHERE, ROUNDS, STRAY_ROUNDS } from '../support/early-events.js';
import { arrives } from '../support/losses.js';
import { busyWait } from '../support/races.js';
import { happens, hasBuffers, isAhead, repeat, SOON_MS } from './verbs.js';

const { test, tests } = frontendChapter('notifications');
export const notifications = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
/** Spurious events in one burst, and number of bursts. */
const EVENTS = 4;
const BURSTS = 250;
/** How far ahead an event index is that the frontend never reaches in a round. */
const FAR_AHEAD = 100_000;
type PeerRing = BackendQueue['tx' | 'rx']['ring'];

/** Pings by which a guest is made to send four requests. */
const MOST_PINGS = 12;
/** Pings that arrive alone. */
const ALONE = 6;
/** Pings that arrive together, the replies to which may be published together. */
const BATCHES = [2, 3, 17, 40];

test('first-request', 'notifies the backend of the first request', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.plug();
  await vif.connect();
  await t.check('NOTIFY-02', () => t.configure(vif));
});

test('first-event', 'notifies the very first tx request', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.plug();
  await vif.connect();
  // A whole connection of another vif is the sentinel: by then the frontend has notified each ring, as drivers do.
  await t.fresh();
  const { tx, txPort } = vif.queue;
  const { pump } = vif.context;
  const sent = (): boolean => tx.ring.indices().reqProd !== 0;
  if (sent()) t.skip('the frontend sends on its own');
  const before = pump.count(txPort);
  vif.queue.deaf = true;
  const request = arpRequest(vif.link.peer, vif.link.iut.ipv4);
  for (let n = 0; n < MOST_PINGS && !sent(); n++) {
    await vif.deliver(request);
    await happens(vif, 'tx request', sent);
  }
  if (!sent()) t.skip(`the guest does not reply to ${MOST_PINGS} ARP requests`);
  await t.check('NOTIFY-12', () => vif.until('event of the first tx request', () => pump.count(txPort) > before));
});

test(
  'one-by-one',
  'notices every single response and notifies every single request',
  { reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    const usual = 300;
    const rounds = t.rounds(usual);
    const once = async (n: number): Promise<void> => {
      busyWait(n);
      await vif.ping();
    };
    await t.check(['NOTIFY-02', 'NOTIFY-03', 'NOTIFY-04'], () =>
      rounds > usual ? repeat(t, vif, rounds, once, Infinity) : repeat(t, vif, rounds, once),
    );
  },
);

test(
  'event-ahead',
  'sends no event before the event index is reached',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { tx, rx, txPort } = vif.queue;
    const { pump } = vif.context;
    await vif.ping();
    const early = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      vif.queue.deaf = true;
      tx.ring.setReqEvent(advance(tx.ring.reqCons, 4));
      const before = pump.count(txPort);
      const sent = (): number => distance(tx.ring.reqCons, tx.ring.indices().reqProd);
      // A stack may lose a ping.
      for (let n = 0; n < MOST_PINGS && sent() < 4; n++) {
        await hasBuffers(t, vif, 1);
        const seen = sent();
        rx.enqueue(vif.pingFrame().frame);
        // Both rings may share a channel, on which new buffers are to cause no event either.
        rx.ring.setReqEvent(advance(rx.ring.reqCons, FAR_AHEAD));
        vif.queue.pushRx();
        await happens(vif, 'tx request', () => sent() > seen);
        if (sent() < 4 && pump.count(txPort) > before) early.add(round);
      }
      if (sent() < 4) t.skip(`the guest does not reply to ${MOST_PINGS} pings without a response in between`);
      // The fourth request crosses the index: its event ends the round, and arrives after any stray one.
      await t.check('NOTIFY-02', () => vif.until('event at the fourth request', () => pump.count(txPort) > before));
      vif.queue.deaf = false;
      vif.queue.service();
    }
    t.info(`${ROUNDS} rounds of 3 requests before the index`);
    await t.check('NOTIFY-01', () => expect(early.size, EARLY).to.be.at.most(STRAY_ROUNDS));
  },
);

test('event-elsewhere', 'sends no event while the event index is in the past or far away', PING, async (t) => {
  const vif = await t.fresh();
  await vif.ping();
  const { tx, txPort } = vif.queue;
  const early = await earlyRounds(t, vif, { ring: tx.ring, port: txPort, frame: () => vif.pingFrame().frame });
  await t.check('NOTIFY-01', () => expect(early, EARLY).to.be.at.most(STRAY_ROUNDS));
});

test(
  'refill-elsewhere',
  'sends no event of new buffers while the event index is in the past or far away',
  PING,
  async (t) => {
    const vif = await t.fresh();
    if ((await vif.otherKey(KEY.featureRxNotify)) !== '1') t.skip('the frontend does not advertise feature-rx-notify');
    await vif.ping();
    const { rx, rxPort } = vif.queue;
    const early = await earlyRounds(t, vif, { ring: rx.ring, port: rxPort, frame: () => vif.quietFrame() });
    await t.check('NOTIFY-01', () => expect(early, EARLY).to.be.at.most(STRAY_ROUNDS));
  },
);

test('event-at-end', 'notifies a batch of requests whose last one reaches the event index', PING, async (t) => {
  const vif = await t.fresh();
  const { tx, rx, txPort } = vif.queue;
  const { pump } = vif.context;
  let judged = 0;
  for (const size of BATCHES) {
    if (rx.buffers.length < size) await happens(vif, 'rx buffers', () => rx.buffers.length >= size);
    if (rx.buffers.length < size) break;
    vif.queue.deaf = true;
    tx.ring.setReqEvent(advance(tx.ring.reqCons, size));
    rx.ring.setReqEvent(advance(rx.ring.reqCons, FAR_AHEAD));
    const before = pump.count(txPort);
    for (let n = 0; n < size; n++) rx.enqueue(vif.pingFrame().frame);
    vif.queue.pushRx();
    const all = (): boolean => distance(tx.ring.reqCons, tx.ring.indices().reqProd) >= size;
    // A stack may limit how many pings it replies to, and a frontend how many packets it has outstanding.
    if (await happens(vif, `${size} tx requests`, all)) {
      judged++;
      await t.check('NOTIFY-02', () => vif.until('event of the last request', () => pump.count(txPort) > before));
    }
    vif.queue.deaf = false;
    vif.queue.service();
  }
  if (judged === 0) t.skip(`the guest does not reply to ${BATCHES[0]} pings without a response in between`);
});

test('refill-at-end', 'notifies a batch of buffers whose last one reaches the event index', PING, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh();
  if ((await vif.otherKey(KEY.featureRxNotify)) !== '1') t.skip('the frontend does not advertise feature-rx-notify');
  const { rx, rxPort } = vif.queue;
  const { pump } = vif.context;
  let judged = 0;
  for (const size of BATCHES) {
    if (rx.buffers.length < size) await happens(vif, 'rx buffers', () => rx.buffers.length >= size);
    if (rx.buffers.length < size) break;
    // By then the frontend has posted the buffers that it posts without a packet.
    await other.ping();
    vif.queue.deaf = true;
    const from = rx.ring.indices().reqProd;
    rx.ring.setReqEvent(advance(from, size));
    const before = pump.count(rxPort);
    for (let n = 0; n < size; n++) rx.enqueue(vif.quietFrame());
    vif.queue.pushRx();
    // A frontend may post some of them later, and others not at all.
    if (await happens(vif, `${size} new buffers`, () => distance(from, rx.ring.indices().reqProd) >= size)) {
      judged++;
      await t.check('NOTIFY-02', () => vif.until('event of the last buffer', () => pump.count(rxPort) > before));
    }
    vif.queue.deaf = false;
    vif.queue.service();
  }
  if (judged === 0) t.skip(`the frontend does not post ${BATCHES[0]} buffers after as many packets`);
});

test('whole-batch', 'sets rsp_event past all packets of a large batch', PING, async (t) => {
  const vif = await t.fresh();
  const { rx } = vif.queue;
  // How many buffers a frontend posts is its own choice.
  await arrives(vif.buffers(RX_RING.size, vif.queue, { ms: SOON_MS }));
  await hasBuffers(t, vif, 2);
  t.info(`${rx.buffers.length} packets at once`);
  while (rx.buffers.length > 0) rx.enqueue(vif.quietFrame());
  vif.queue.pushRx();
  const asks = (): boolean => isAhead(rx.ring, rx.ring.rspProdPvt);
  const what = 'rx rsp_event ahead of rsp_prod';
  if (!(await happens(vif, what, asks, Patience.defaultMs)) && (await looksUnasked(t, vif)))
    t.skip('the frontend polls its rings: it needs no event');
  await t.check('NOTIFY-04', () => vif.until(what, asks));
});

test('alone', 'handles a packet without waiting for another one', PING, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh();
  await vif.ping();
  let late = false;
  for (let n = 0; n < ALONE && !late; n++) {
    // By then the frontend has handled the event of its last reply, for which it may look at both rings.
    await other.ping();
    const { frame, isReply } = vif.pingFrame();
    await vif.deliver(frame);
    const replied = (): boolean => vif.received.some((packet) => isReply(packet.frame));
    // A stack may lose a ping, and then does not reply to it later either.
    if (await happens(vif, 'reply', replied, Patience.defaultMs)) continue;
    await vif.deliver(vif.quietFrame());
    late = await happens(vif, 'reply', replied);
  }
  await t.check('NOTIFY-04', () => expect(late, 'a reply comes after another packet only').to.equal(false));
});

test('asks-for-event', 'asks for an event on the next response when it is idle', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await vif.ping();
  const { ring } = vif.queue.rx;
  const ahead = (): number => {
    const { rspEvent, rspProd } = ring.indices();
    return distance(rspProd, rspEvent);
  };
  const asks = (): boolean => ahead() >= 1 && ahead() <= ring.layout.size;
  if (!(await happens(vif, 'rx rsp_event ahead of rsp_prod', asks)) && (await looksUnasked(t, vif))) {
    t.skip('the frontend polls its rings: it needs no event');
  }
  await t.check('NOTIFY-04', () => {
    expect(ahead(), 'rx rsp_event, counted from rsp_prod').to.be.within(1, ring.layout.size);
  });
});

for (const queues of [1, 2]) {
  const title = `tolerates hundreds of spurious events on ${queues === 1 ? 'its queue' : 'each of its queues'}`;
  test(queues === 1 ? 'spurious' : `spurious-${queues}`, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: String(queues) });
    if (vif.queues.length < queues) t.skip('the frontend uses a single queue');
    for (let burst = 0; burst < BURSTS; burst++) {
      for (const { txPort, rxPort } of vif.queues) {
        for (let n = 0; n < EVENTS; n++) [txPort, rxPort].forEach((port) => void t.domain.events.notify(port));
      }
      // Events of one burst may reach the frontend as one.
      await vif.context.patience.pass(1);
    }
    await t.check('NOTIFY-07', async () => {
      for (const queue of vif.queues) await vif.ping({ queue });
    });
  });
}

test(
  'rx-notify',
  'advertises feature-rx-notify = 1 if it notifies new buffers',
  { about: KEY.featureRxNotify },
  async (t) => {
    const vif = await t.connect();
    const value = await vif.otherKey(KEY.featureRxNotify);
    if ((value ?? '0') === '0') return t.skip('the frontend does not advertise feature-rx-notify');
    await t.check('NOTIFY-08', () => expect(value, KEY.featureRxNotify).to.equal('1'));
  },
);

test(
  'rx-refill',
  'notifies new buffers when the backend asks for it',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    if ((await vif.otherKey(KEY.featureRxNotify)) !== '1')
      return t.skip('the frontend does not advertise feature-rx-notify');
    const { rx } = vif.queue;
    // More deliveries than the ring has buffers: after the first ring each waits for a refill that comes with an event.
    await t.check('RXW-17', async () => {
      for (let n = 0; n < rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame());
    });
    await t.check('NOTIFY-02', () => vif.ping());
  },
);

/** Whether the frontend finds responses that come without an event. */
async function looksUnasked(t: FrontendTest, vif: BackendPeer): Promise<boolean> {
  const { rx, rxPort } = vif.queue;
  // A stack may lose one of them.
  const pings = Array.from({ length: 3 }, () => vif.pingFrame());
  await hasBuffers(t, vif, pings.length);
  for (const { frame } of pings) rx.enqueue(frame);
  rx.writeEnqueued();
  rx.ring.push();
  const replied = (): boolean => vif.received.some(({ frame }) => pings.some(({ isReply }) => isReply(frame)));
  const found = await happens(vif, 'reply to a ping without an event', replied, Patience.defaultMs);
  // A frontend that sleeps would not find them later either.
  vif.context.domain.events.notify(rxPort);
  return found;
}

/** Asks for an event at the next request, also if requests are published meanwhile. */
function armNext(ring: PeerRing): void {
  let next: number;
  do {
    next = ring.indices().reqProd;
    ring.setReqEvent(advance(next, 1));
  } while (ring.indices().reqProd !== next);
}

/**
 * In how many rounds a frontend notifies `port` although the event index of `ring` is {@link ELSEWHERE}. The frames that
 * it receives make it publish requests there.
 */
async function earlyRounds(
  t: FrontendTest,
  vif: BackendPeer,
  { ring, port, frame }: { readonly ring: PeerRing; readonly port: Port; readonly frame: () => Uint8Array },
): Promise<number> {
  const { queue } = vif;
  const { pump } = vif.context;
  // Waiting for buffers would set the event index of the rx ring.
  const published = async (): Promise<boolean> => {
    const from = ring.indices().reqProd;
    // A stack may lose a ping, and a frontend may post several buffers together.
    for (let n = 0; n < MOST_PINGS && queue.rx.buffers.length > 0; n++) {
      queue.rx.enqueue(frame());
      queue.pushRx();
      if (await happens(vif, 'new request', () => ring.indices().reqProd !== from)) return true;
    }
    return false;
  };
  let early = 0;
  for (const place of ELSEWHERE) {
    queue.deaf = true;
    // Both rings may share a channel: the other one asks for no event.
    for (const each of [queue.tx.ring, queue.rx.ring]) each.setReqEvent(advance(each.indices().reqProd, FAR_AHEAD));
    ring.setReqEvent(advance(ring.indices().reqProd, place));
    const before = pump.count(port);
    const requests = (await published()) && (await published());
    const events = pump.count(port) - before;
    // The event of the next request comes after any that is early.
    armNext(ring);
    if (!requests || !(await published())) t.skip(`the frontend publishes nothing after ${MOST_PINGS} packets`);
    await t.check('NOTIFY-02', () =>
      vif.until('event of a request at the index', () => pump.count(port) > before + events),
    );
    if (pump.count(port) - before > 1) early++;
    queue.deaf = false;
    queue.service();
  }
  return early;
}
