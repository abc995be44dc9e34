/** netif.h, "Guest transmit": responses that come late, by halves, or report errors hundreds of times. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { GSO_TYPE, KEY, RSP, RX_BLANK } from '../../harness/protocol/netif.js';
import { TX_RING } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import { LARGE, throughLarge, unsegmented } from '../support/large-packets.js';
import { arrives } from '../support/losses.js';
import { rspName } from '../support/statuses.js';
import {
  answer,
  expectUnchanged,
  expectUniqueIds,
  happens,
  hasBuffers,
  isAhead,
  LATE_MS,
  publishing,
  readable,
  repeat,
  respondTo,
  seenByFrontend,
  SOON_MS,
  stillPasses,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('responses');
export const responses = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const BRIDGE = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
/** Enough packets to reuse every id, if ids come from a list as long as the ring. */
const MORE_THAN_IDS = TX_RING.size + 20;
/** Responses at once, of which a driver may handle a part for each event. */
const MANY = 160;
/** Pings whose replies do not fit on the ring. */
const BACKLOG = TX_RING.size + 40;
/** Milliseconds for packets that use the buffers which are free. */
const FEW_MS = 10_000;
/** Packets that are outstanding at a time. */
const BATCH = 16;
/** Payload of a ping for which many frontends use several slots. */
const LONG = 1472;
/** Pings that have no reply yet when a frontend has stopped to send. */
const LAST_ASKED = 3;
/** Minutes for which requests have no response. */
const MINUTES = 1;

test('one-missing', 'keeps the buffer of one request while hundreds of others get their responses', PING, async (t) => {
  const vif = await t.fresh();
  const [kept, ...others] = await withhold(t, vif, 1);
  if (!kept) return t.skip('the frontend sends nothing');
  respondTo(vif, others);
  if (!(await arrives(vif.ping()))) t.skip('the frontend sends no more while a request is outstanding');
  let taken = 0;
  await repeat(t, vif, MORE_THAN_IDS, () => arrives(vif.ping().then((packet) => (taken += packet.taken.length))));
  await t.check('RING-16', () => expect(taken, 'packets with an id that was in flight').to.equal(0));
  await t.check('TXW-16', () => expectUnchanged(t, vif, kept));
  answer(vif, [kept]);
  await stillPasses(t, 'TXW-17', vif);
});

test('later-half', 'keeps the buffers of earlier requests while later ones get their responses', PING, async (t) => {
  const vif = await t.fresh();
  // Their ids, if they are given out in order, need more than seven bits.
  const packets = await withhold(t, vif, 160, 2);
  const kept = packets.slice(0, packets.length / 2);
  respondTo(vif, packets.slice(kept.length));
  await repeat(t, vif, packets.length, () => arrives(vif.ping()), FEW_MS);
  await t.check('TXW-16', () => {
    for (const packet of kept) expectUnchanged(t, vif, packet);
  });
  answer(vif, kept);
  await stillPasses(t, 'TXW-17', vif);
});

test(
  'slot-by-slot',
  'keeps the buffer of each slot until that slot has its response',
  { ...PING, reflector: 'icmp-full' },
  async (t) => {
    const vif = await t.fresh();
    const packets = await withhold(t, vif, BATCH, 1, () => vif.pingFrame(LONG));
    // A response to an extra has no id, so packets with extras get their responses as a whole.
    const partly = packets.filter((packet) => packet.extras.length === 0 && hasOwnIds(packet));
    // Every second packet of one slot gets its response.
    const answered = partly.map(({ requests }, n) =>
      requests.filter((_, at) => at !== n % Math.max(2, requests.length)),
    );
    partly.forEach(({ queue }, n) => answered[n]?.forEach(({ id }) => queue.tx.answerRequest(id, RSP.okay)));
    respondTo(vif, []);
    await repeat(t, vif, packets.length, () => arrives(vif.ping({ length: LONG })), FEW_MS);
    await t.check('TXW-16', () => {
      partly.forEach((packet, n) => expectUnchanged(t, vif, packet, answered[n]));
    });
    partly.forEach(({ queue, requests }, n) => {
      for (const each of requests) if (!answered[n]?.includes(each)) queue.tx.answerRequest(each.id, RSP.okay);
    });
    answer(
      vif,
      packets.filter((each) => !partly.includes(each)),
    );
    await stillPasses(t, 'TXW-17', vif);
  },
);

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  const title = `sends as before after hundreds of responses with status ${rspName(status)}`;
  test(`${name}-often`, title, PING, async (t) => {
    const vif = await t.fresh();
    await t.check('TXW-17', () =>
      repeat(t, vif, Math.ceil(MORE_THAN_IDS / BATCH), async () => {
        respondTo(vif, await withhold(t, vif, BATCH), status);
        await vif.ping();
      }),
    );
    const packets = await withhold(t, vif, BATCH);
    await t.check('RING-16', () => expectUniqueIds(vif, packets));
  });

  const release = `ends the grant of a request after a response with status ${status} as it does after any other`;
  test(`${name}-releases`, release, PING, async (t) => {
    const vif = await t.fresh();
    // Whether a frontend ends grants at all before the vif closes is its own choice.
    const kept = async (each: number): Promise<number> => {
      const packets = await withhold(t, vif, BATCH, 2);
      respondTo(vif, packets, each);
      // To send, the frontend has looked for responses; some look later.
      for (let n = 0; n < 4; n++) await vif.ping();
      const refs = [...new Set(packets.flatMap(({ requests }) => requests.map(({ gref }) => gref)))];
      const left = (): number => refs.filter((ref) => readable(t, vif, ref)).length;
      await happens(vif, 'end of the grants', () => left() === 0, LATE_MS);
      return left();
    };
    const usual = Math.max(await kept(RSP.okay), await kept(RSP.okay));
    // A grant that ended may be in use again for another packet.
    if (usual > BATCH / 2) t.skip('the frontend keeps the grants of its requests');
    const more = await kept(status);
    await t.check('TXW-17', () => expect(more, `grants of ${BATCH} requests that are left`).to.be.below(BATCH - 2));
  });
}

test(
  'very-late',
  'keeps the buffers of requests whose responses are a minute late',
  { ...PING, long: true },
  async (t) => {
    const vif = await t.fresh();
    const packets = await withhold(t, vif, BATCH);
    for (let waited = 0; waited < MINUTES; waited++) {
      await vif.context.patience.pass(60_000);
      await arrives(vif.ping());
    }
    await t.check('TXW-16', () => {
      for (const packet of packets) expectUnchanged(t, vif, packet);
    });
    const later = vif.received.splice(0);
    await t.check('RING-16', () => expectUniqueIds(vif, [...packets, ...later]));
    respondTo(vif, [...packets, ...later]);
    await stillPasses(t, 'TXW-17', vif);
  },
);

test('all-but-one', 'sends again once all requests of a full ring but one have their responses', PING, async (t) => {
  const vif = await t.fresh();
  const [kept, ...others] = await withhold(t, vif, TX_RING.size);
  if (!kept || others.length < BATCH) return t.skip('the frontend has few requests outstanding');
  answer(vif, others);
  await t.check('TXW-17', () => vif.ping());
  respondTo(vif, [kept]);
  await stillPasses(t, 'TXW-17', vif);
});

test(
  'held-from-start',
  'keeps the ids and buffers of its very first requests until their responses',
  PING,
  async (t) => {
    const vif = await publishing(t, { ...BACKEND_KEYS, [KEY.featureMulticastControl]: '1' });
    await vif.mapRings();
    for (const { tx } of vif.queues) tx.respond = false;
    const packets = collect(vif);
    await vif.setState(XENBUS_STATE.connected);
    await demanded(['XB-08'], vif.awaitState([XENBUS_STATE.connected]));
    if (!(await arrives(t.configure(vif))))
      t.skip('the frontend sends no more while its first requests are outstanding');
    await withhold(t, vif, BATCH);
    const taken = packets.flatMap((packet) => packet.taken);
    await t.check('RING-16', () => expect(taken, 'ids that were in flight').to.deep.equal([]));
    // The page of a multicast request may hold anything.
    const withData = packets.filter(({ frame }) => frame.length > 0);
    await t.check('TXW-16', () => {
      for (const packet of withData) expectUnchanged(t, vif, packet);
    });
    respondTo(vif, packets);
    await stillPasses(t, 'TXW-17', vif);
  },
);

test('burst', 'sets rsp_event past all tx responses of a large batch', PING, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, MANY, 2);
  const { ring } = vif.queue.tx;
  const { rspEvent: before } = ring.indices();
  answer(vif, packets);
  t.info(`${packets.length} responses at once`);
  if (!(await happens(vif, 'request for an event', () => ring.indices().rspEvent !== before)))
    t.skip('the frontend asks for no event');
  await t.check('NOTIFY-04', () =>
    vif.until('tx rsp_event beyond all responses', () => isAhead(ring, ring.rspProdPvt)),
  );
});

test('backlog', 'sends the packets that it queued while the ring was full, and keeps sending', PING, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, 2 * TX_RING.size);
  // A frontend may read no more packets while it cannot send.
  const isRead = (): Promise<boolean> => arrives(vif.deliver(vif.pingFrame().frame, {}, vif.queue, { ms: SOON_MS }));
  for (let n = 0; n < BACKLOG && (await isRead());) n++;
  await seenByFrontend(vif);
  packets.push(...vif.received.splice(0));
  // The peer looks at the indices of the ring whenever it is notified.
  await t.check('RING-06', async () => {
    respondTo(vif, packets);
    await happens(vif, 'packets that were queued', () => vif.received.length >= TX_RING.size, LATE_MS);
  });
  t.info(`${vif.received.length} packets were queued`);
  await t.check('TXW-17', async () => {
    for (let n = 0; n < BATCH; n++) await vif.ping();
  });
});

for (const [name, kind, lengths] of [
  ['full', 'packets', [64]],
  ['full-of-long', 'long packets', [LONG]],
  // Packets of an even number of slots leave one slot over.
  ['full-but-one', 'long packets and a short one', [64, LONG]],
] as const) {
  const title = `sends what it queued on a ring full of ${kind} once all responses arrive, without another event`;
  const reflector = name === 'full' ? 'icmp' : 'icmp-full';
  test(name, title, { ...PING, reflector }, async (t) => {
    const vif = await t.fresh();
    const asked: ReturnType<BackendPeer['pingFrame']>[] = [];
    const ask = (): { readonly frame: Uint8Array } => {
      const ping = vif.pingFrame(lengths[asked.length] ?? lengths.at(-1));
      asked.push(ping);
      return ping;
    };
    // The peer looks at the indices of the ring whenever it is notified.
    let packets: QueuePacket[] = [];
    await t.check('RING-06', async () => (packets = await withhold(t, vif, 2 * TX_RING.size, 1, ask)));
    if (name === 'full') {
      const other = await t.connect();
      // A stack may limit the pings that it has not sent yet, on all its interfaces together: Linux's does.
      await t.check('ROB-02', async () => (await arrives(other.ping({ tries: 1 }))) || other.arp());
    }
    respondTo(vif, packets);
    const late = asked.slice(-LAST_ASKED);
    const isQueued = (): boolean => vif.received.some(({ frame }) => late.some(({ isReply }) => isReply(frame)));
    const isSent = await happens(vif, 'packet that was queued', isQueued, LATE_MS);
    await t.check('TXW-17', async () => {
      await vif.ping();
      // A frontend may drop packets while its ring is full.
      if (!isSent && isQueued()) expect.fail('packets were queued until another one was received');
    });
    if (!isSent) t.info('the frontend drops packets while its ring is full');
  });
}

for (const [at, which] of [
  [0, 'first'],
  [-1, 'last'],
] as const) {
  for (const [name, status] of Object.entries({ okay: RSP.okay, error: RSP.error })) {
    const title = `keeps the other buffers of a packet after a response of status ${rspName(status)} to its ${which} request`;
    test(`${which}-${name}`, title, BRIDGE, async (t) => {
      const [from, to] = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
      await hasBuffers(t, from, Math.ceil(LARGE / PAGE_SIZE) + 3);
      for (const { tx } of to.queues) tx.respond = false;
      const blank = RX_BLANK;
      const large = throughLarge(from, to, blank, GSO_TYPE.tcpv4, LARGE);
      const packet = unsegmented(t, await demanded(['GSO-15'], large));
      const done = packet.requests.at(at);
      if (!done || packet.requests.length < 2) return t.skip('the frontend sends a large packet in one slot');
      if (!hasOwnIds(packet))
        return t.skip('the slots of a packet share an id: a response does not say which it is for');
      packet.queue.tx.answerRequest(done.id, status);
      packet.queue.pushTx();
      // Whatever the frontend sends now, it may use only the buffer that has its response.
      for (let n = 0; n < BATCH; n++) {
        const frame = from.frameTo(to.link.peer.mac);
        await from.deliver(frame);
        await arrives(to.receive('another packet', (each) => sameBytes(each.frame, frame)));
      }
      await t.check('TXW-16', () => expectUnchanged(t, to, packet, [done]));
    });
  }
}

/** Whether each slot of a packet has an id of its own, so that a response to it names the slot. */
const hasOwnIds = ({ requests }: QueuePacket): boolean =>
  new Set(requests.map(({ id }) => id)).size === requests.length;

/** The packets that a vif receives from now on, also those that others remove from its list. */
function collect({ received, arrived }: BackendPeer): QueuePacket[] {
  const all: QueuePacket[] = [];
  const look = (): void => {
    all.push(...received.slice(-1));
    arrived.once(look);
  };
  arrived.once(look);
  return all;
}
