/** netif.h, "Notifications after enqueuing"; ring.h, the macros that push and check. */
import { expect } from 'chai';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import { KEY } from '../../harness/protocol/netif.js';
import { distance } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { EARLY, ELSEWHERE, ROUNDS, STRAY_ROUNDS } from '../support/early-events.js';
import { isFrom } from '../support/flows.js';
import { busyWait } from '../support/races.js';
import { arrives } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { earlyRounds, FOURTH, rxOf, txOf } from './event-verbs.js';
import { idle, through, useBuffers, useUp } from './verbs.js';

const { test, tests } = backendChapter('notifications');
export const notifications = tests;

/** Milliseconds after which Linux has detected that a frontend posts no buffers (60 s) and drained its queue (10 s). */
const IDLE_MS = 75_000;
/** Milliseconds in which a backend that had given up a frontend delivers again. */
const RECOVERY_MS = 10_000;

test('first-response', 'notifies the frontend of the first response', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.connect();
  // The first message of the connection is the ARP request with which the interface is configured.
  await t.check(['NOTIFY-12', 'NOTIFY-02'], () => t.configure(vif));
});

for (const batch of [1, 17]) {
  const title = `notifies when a batch of ${batch} ${batch === 1 ? 'response' : 'responses'} crosses the event index`;
  test(`crossing-${batch}`, title, { fresh: true }, async (t) => {
    const vif = await t.fresh();
    await t.check('NOTIFY-02', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const slots = Array.from({ length: batch }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
        vif.queue.pushTx();
        await vif.answered(slots);
      }
    });
  });
}

/** The same place in each round. */
const AHEAD = Array<number>(ROUNDS).fill(FOURTH);

for (const [name, title, when, places] of [
  ['event-ahead', 'sends no event before the event index', 'is reached', AHEAD],
  ['event-elsewhere', 'sends no event while the event index', 'is in the past or far away', ELSEWHERE],
] as const) {
  test(name, `${title} ${when}`, { fresh: true }, async (t) => {
    const vif = await t.fresh();
    await vif.transmit(vif.quietFrame());
    const early = await earlyRounds(t, txOf(vif), places);
    await t.check('NOTIFY-01', () => expect(early, EARLY).to.be.at.most(STRAY_ROUNDS));
  });
  test(`rx-${name}`, `${title} of the rx ring ${when}`, { fresh: true, needs: 'bridge' }, async (t) => {
    const early = await earlyRounds(t, rxOf(await t.bridged({}, { rxBuffers: 64 })), places);
    await t.check('NOTIFY-01', () => expect(early, EARLY).to.be.at.most(STRAY_ROUNDS));
  });
}

for (const batch of [1, 17]) {
  const what = batch === 1 ? 'a packet' : `the first of ${batch} packets`;
  test(
    `rx-crossing-${batch}`,
    `notifies when ${what} crosses the event index of the rx ring`,
    { fresh: true, needs: 'bridge' },
    async (t) => {
      const [from, to] = await t.bridged({}, { rxBuffers: 64 });
      await t.check('NOTIFY-02', async () => {
        for (let round = 0; round < ROUNDS / 2; round++) {
          const slots = Array.from({ length: batch }, () =>
            from.queue.tx.enqueue(from.frameTo(to.link.peer.mac)),
          ).flat();
          from.queue.pushTx();
          await from.answered(slots);
          // The peer reads its rx ring on events only.
          await through(from, to, from.frameTo(to.link.peer.mac));
        }
      });
    },
  );
}

test('asks-for-event', 'asks for an event on the next request when it is idle', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await vif.ping({ length: 77 });
  const { ring } = vif.queue.tx;
  await t.check('NOTIFY-04', async () => {
    // Further ahead is allowed, to batch (NOTIFY-05). Behind req_prod means that the backend is still awake; an index
    // that stays at or behind req_prod means that it polls, or that it sleeps and will miss the next request.
    const asks = arrives(
      vif.until('tx req_event ahead of req_prod', () => {
        const { reqEvent, reqProd } = ring.indices();
        const ahead = distance(reqProd, reqEvent);
        return ahead >= 1 && ahead <= 256;
      }),
    );
    if (await asks) return;
    const slots = vif.queue.tx.enqueue(vif.quietFrame());
    ring.push();
    const polls = await arrives(vif.answered(slots));
    expect(polls, 'without req_event ahead of req_prod: response to a request without an event').to.equal(true);
    t.info('the backend polls: it responds to a request without an event');
  });
});

test('one-by-one', 'notices every single request', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const rounds = t.rounds(300);
  await t.check(['NOTIFY-03', 'NOTIFY-04'], async () => {
    for (let n = 0; n < rounds; n++) {
      busyWait(n);
      await vif.transmit(vif.quietFrame());
    }
  });
});

test('spurious', 'tolerates spurious events', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { events } = t.domain;
  for (let n = 0; n < 1000; n++) {
    events.notify(vif.queue.txPort);
    events.notify(vif.queue.rxPort);
  }
  await t.check('NOTIFY-07', () => vif.ping());
});

test(
  'spurious-unanswered',
  'does not respond to spurious events with as many of its own',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const other = await t.connect();
    const vif = await t.fresh();
    await vif.transmit(vif.quietFrame());
    const { txPort } = vif.queue;
    const before = vif.context.pump.count(txPort);
    for (let n = 0; n < 50; n++) {
      t.domain.events.notify(txPort);
      // Events that are not yet handled count as one. By the reply on another vif this one has been handled.
      await other.ping();
    }
    await t.check('NOTIFY-13', () => {
      expect(vif.context.pump.count(txPort) - before, 'events after 50 spurious ones').to.be.below(20);
    });
    await t.check('NOTIFY-07', () => vif.ping());
  },
);

for (const [name, title, options, port] of [
  ['late-event', 'serves requests whose event comes late', { fresh: true }, undefined],
  [
    'wrong-channel',
    'tolerates an event of tx on the rx channel',
    { fresh: true, gate: KEY.featureSplitEventChannels },
    'rxPort',
  ],
] as const) {
  test(name, title, { ...options, reflector: 'icmp' }, async (t) => {
    const other = await t.connect();
    const vif = await t.fresh();
    for (let round = 0; round < 4; round++) {
      const slots = [1, 2, 3].flatMap(() => vif.queue.tx.enqueue(vif.quietFrame()));
      vif.queue.tx.ring.push();
      if (port) t.domain.events.notify(vif.queue[port]);
      // By the reply on another vif, a backend that needs no event would have responded.
      await other.ping();
      t.domain.events.notify(vif.queue.txPort);
      await t.check('RING-09', () => vif.answered(slots));
    }
  });
}

test(
  'late-refill',
  'resumes delivery when the event of new buffers comes late',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const younger = await t.fresh();
    const { rx } = vif.queue;
    await useBuffers(vif);
    for (let n = 0; n < 6; n++) await vif.transmit(vif.pingFrame().frame);
    rx.repost = true;
    rx.enqueue(64);
    rx.ring.push();
    await younger.ping();
    t.domain.events.notify(vif.queue.rxPort);
    await t.check('RXW-27', () => vif.ping());
  },
);

test('rx-event', 'asks for an event when it waits for buffers', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  // What is due to the first vif must not go to the youngest one.
  const younger = await t.fresh();
  await useBuffers(vif);
  const waiting = vif.pingFrame();
  await vif.transmit(waiting.frame);
  // By this reply the stack has replied to the first ping, too: that reply waits for a buffer.
  await younger.ping();
  vif.queue.rx.repost = true;
  // The backend is notified only if it asks for that.
  vif.queue.post(64);
  const isReply = ({ frame }: QueuePacket): boolean => waiting.isReply(frame);
  const isSoon = await arrives(vif.receive('packet that waited for a buffer', isReply));
  // If the backend kept the packet, the next event of any kind delivers it.
  if (!isSoon) await t.check('RXW-27', () => vif.ping());
  const isLate = !isSoon && vif.received.some(isReply);
  await t.check('NOTIFY-10', () =>
    expect(isLate, 'packet that waited arrives only with a later event').to.equal(false),
  );
  if (!isSoon && !isLate) t.info('the backend drops packets while no buffer is posted');
});

for (const [name, value, how] of [
  ['no-rx-notify', undefined, 'without feature-rx-notify'],
  ['rx-notify-0', '0', 'with feature-rx-notify = 0'],
] as const) {
  test(name, `resumes delivery to a frontend ${how}`, { fresh: true, needs: 'bridge' }, async (t) => {
    // The frames come from another vif: no event of this frontend reaches the backend once its buffers are used up.
    const [from, to] = await t.bridged({}, { keys: { [KEY.featureRxNotify]: value } });
    const { rx } = to.queue;
    rx.repost = false;
    // Ends when frames for which there is no buffer have reached the vif.
    await useUp(from, to, rx.posted + 1);
    rx.enqueue(64);
    // Published without an event, whatever the backend asked for: such a frontend sends no event.
    rx.ring.push();
    const before = to.received.length;
    // A bridge forwards frames of others, too.
    const arrived = (): Uint8Array[] =>
      to.received.flatMap(({ frame }, n) => (n >= before && isFrom(frame, from.link.peer.mac) ? [frame] : []));
    const hasArrived = (): boolean => arrived().length > 0;
    const isSoon = await arrives(to.until('frame that waited for a buffer', hasArrived, { on: [to.arrived] }));
    // Frames of others may have used them.
    rx.enqueue(64);
    rx.ring.push();
    const last = from.frameTo(to.link.peer.mac);
    await t.check('NOTIFY-09', () => through(from, to, last));
    // A backend may drop the frames that find no buffer. If it keeps them, nothing but itself can make it look again.
    const isLate = !isSoon && arrived().some((frame) => !isPadded(frame, last));
    await t.check('RXW-31', () => expect(isLate, 'frame that waited arrives only with a later frame').to.equal(false));
  });
}

test('idle', 'passes packets after a minute without any', { fresh: true, reflector: 'icmp', long: true }, async (t) => {
  const vif = await t.fresh();
  await vif.ping();
  await idle(t, IDLE_MS);
  await t.check('NOTIFY-04', () => vif.transmit(vif.quietFrame()));
  await t.check(['NOTIFY-02', 'RING-19'], () => vif.ping());
});

test(
  'starved-for-long',
  'delivers again after a minute without buffers',
  { fresh: true, reflector: 'icmp', long: true },
  async (t) => {
    const vif = await t.fresh();
    await useBuffers(vif);
    for (let n = 0; n < 6; n++) await vif.transmit(vif.pingFrame().frame);
    await idle(t, IDLE_MS);
    vif.queue.rx.repost = true;
    vif.queue.post(64);
    await t.check('RXW-27', () => vif.ping({ ms: RECOVERY_MS }));
    // What waited may have expired by then.
    await t.check('ROB-01', async () => (await t.connect()).ping());
  },
);
