/** netif.h, "Guest receive": what a frontend accepts. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { noncePayload, ping4 } from '../../harness/packet/build.js';
import { LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { RxShape } from '../../harness/peer/backend-rx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { GSO_TYPE, KEY, NR_SLOTS_MIN, RSP, RXF } from '../../harness/protocol/netif.js';
import { RX_RING } from '../../harness/protocol/ring.js';
import type { RxResponse } from '../../harness/protocol/rx.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { gsoExtra } from '../support/large-packets.js';
import { arrives, countLost, expectSomeArrive } from '../support/losses.js';
import { rspName } from '../support/statuses.js';
import { happens, hasBuffers, seenByFrontend, stillPasses, survives } from './verbs.js';

const { test, tests } = frontendChapter('receive');
export const receive = tests;

/** Packets of which a stack may lose some, but not all. */
const ROUNDS = 4;
/** Milliseconds in which most frontends have replaced a buffer. */
const REFILL_MS = 20;
/** The identifier of the pings that are sent through a bridge. */
const ORDER_ID = 0x6f72;
const PING = { fresh: true, reflector: 'icmp' } as const;
const SG = { gate: KEY.featureSg, reflector: 'icmp' } as const;
/** A packet that some guests do not survive, since no backend sends it. */
const HOSTILE = { fresh: true, reflector: 'icmp', destructive: true } as const;

for (const offset of [1, 2, 64, PAGE_SIZE - LARGEST_FRAME]) {
  test(`offset-${offset}`, `finds a frame at offset ${offset} of its buffer`, { reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    // A guest with a small MTU replies to no larger one.
    await t.check('RXW-08', () => vif.ping({ length: 500, shape: { offset } }));
  });
}

// 65,535 bytes fill 17 pages at worst; no header asks a frontend to accept more (Linux drops some packets of 18 slots).
for (const count of [2, 3, 9, 17]) {
  test(`slots-${count}`, `reassembles a packet of ${count} slots`, { ...SG, reflector: 'icmp-full' }, async (t) => {
    const vif = await t.connect();
    const piece = Math.floor((LARGEST_FRAME - 300) / (count - 1));
    const later = Array<number>(count - 1).fill(piece);
    const fragments = [LARGEST_FRAME - piece * (count - 1), ...later];
    await hasBuffers(t, vif, count);
    const ping = (): Promise<unknown> => vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { fragments } });
    // No header says how many slots a frontend has to accept.
    await t.check(count === 2 ? 'RXW-09' : 'RXW-29', ping);
  });
}

test('offsets', 'reads each fragment at its own offset', SG, async (t) => {
  const vif = await t.connect();
  const fragments = [300, 200, 250];
  await hasBuffers(t, vif, fragments.length);
  const length = 750 - PING_HEADERS;
  if (!(await arrives(vif.ping({ length, shape: { fragments } }))))
    t.skip('the frontend accepts no packet of three slots');
  await t.check('RXW-08', async () => {
    // Each fragment once at the end of its page, and once after it.
    for (const last of fragments.keys()) {
      const offset = fragments.map((bytes, n) => (n === last ? PAGE_SIZE - bytes : 64 * (n + 1)));
      await vif.ping({ length, shape: { fragments, offset } });
    }
  });
});

test(
  'across-the-end',
  'accepts a packet that continues at the start of the ring',
  { ...SG, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue.rx;
    const shape = { fragments: [300, 200, 250] };
    await hasBuffers(t, vif, shape.fragments.length);
    const length = 750 - PING_HEADERS;
    if (!(await arrives(vif.ping({ length, shape })))) t.skip('the frontend accepts no packet of three slots');
    let round = 0;
    const lost = await countLost(ROUNDS, async () => {
      const sentinels = round++ % 2;
      while (ring.rspProdPvt % RX_RING.size !== RX_RING.size - 2 - sentinels) await vif.deliver(vif.quietFrame());
      // A guest with little room has handled all of these when it replies.
      if (sentinels > 0) await arrives(vif.resolve({ tries: 1 }));
      return vif.ping({ length, shape, tries: 1 });
    });
    // A stack may lose a ping, but not each of these.
    await t.check(['RING-01', 'RXW-09'], () => expectSomeArrive(lost, ROUNDS));
  },
);

test('writable', 'posts buffers that the backend may write', async (t) => {
  const vif = await t.connect();
  await vif.buffers(1);
  // The peer fills every buffer by a grant copy, and rejects a frontend whose buffer it can't write.
  await t.check('RXW-01', () => vif.deliver(vif.quietFrame()));
});

test('enough-buffers', 'posts enough buffers for a packet of the largest size', { gate: KEY.featureSg }, async (t) => {
  const vif = await t.connect();
  await t.check('SLOT-08', async () => {
    // A frontend may replace its buffers in batches, but must not wait with too few of them.
    for (let n = 0; n < RX_RING.size; n++) {
      await vif.buffers(NR_SLOTS_MIN);
      await vif.deliver(vif.quietFrame());
    }
  });
});

test('refill', 'replaces used buffers', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('RXW-17', async () => {
    // More packets than the ring has buffers: without new buffers there is no room for the last packets.
    for (let n = 0; n < vif.queue.rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame());
  });
});

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  test(
    `status-${name}`,
    `drops a packet with status ${rspName(status)} and continues`,
    { fresh: true, reflector: 'icmp' },
    async (t) => {
      const vif = await t.fresh();
      await wrong(vif, (response) => ({ ...response, status }));
      await stillPasses(t, 'RXW-12', vif);
    },
  );
}

test(
  'status-error-in-chain',
  'drops a packet with an error in its second slot and continues',
  { ...SG, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame(600);
    await hasBuffers(t, vif, 2);
    await vif.deliver(frame, {
      fragments: [300, frame.length - 300],
      alter: (response, n) => (n === 1 ? { ...response, status: RSP.error } : response),
    });
    await stillPasses(t, 'RXW-12', vif);
  },
);

for (const bad of [0, 1, 2]) {
  const title = `drops nothing after a packet with an error in slot ${bad + 1} of 3`;
  test(`after-error-in-${bad}`, title, { ...SG, fresh: true }, async (t) => {
    const vif = await t.fresh();
    const fragments = [300, 200, 250];
    await hasBuffers(t, vif, fragments.length + 1);
    await losesNone(t, vif, { fragments, alter: (response, n) => (n === bad ? failed(response) : response) });
  });
}

test('after-error', 'drops nothing after a packet of one slot with an error', PING, async (t) => {
  await losesNone(t, await t.fresh(), { alter: failed });
});

for (const name of ['before', 'after'] as const) {
  test(`right-${name}-error`, `accepts a packet that it finds right ${name} one with an error`, PING, async (t) => {
    const vif = await t.fresh();
    await hasBuffers(t, vif, 2);
    const lost = await countLost(ROUNDS, async () => {
      await vif.buffers(2);
      const { frame, isReply } = vif.pingFrame();
      const { rx } = vif.queue;
      const both = [() => rx.enqueue(frame), () => rx.enqueue(vif.pingFrame().frame, { alter: failed })];
      for (const enqueue of name === 'before' ? both : both.reverse()) enqueue();
      vif.queue.pushRx();
      return vif.receive('reply', (packet) => isReply(packet.frame));
    });
    await t.check('RXW-12', () => expectSomeArrive(lost, ROUNDS));
  });
}

test(
  'recycles',
  'reuses the buffers of responses that carry no data',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check('RXW-12', async () => {
      for (let n = 0; n < 300; n++) await wrong(vif, (response) => ({ ...response, status: RSP.error }));
      await vif.ping();
    });
  },
);

test(
  'strong-after-errors',
  'posts enough buffers for a large packet after hundreds of errors, if it did before',
  { fresh: true },
  async (t) => {
    const vif = await t.fresh();
    await hasBuffers(t, vif, NR_SLOTS_MIN);
    let most = NR_SLOTS_MIN;
    await t.check('RXW-12', async () => (most = await postsAfter(vif, errorsFor(vif))));
    if (most >= NR_SLOTS_MIN) return;
    // No header says how many buffers a frontend posts: it may post fewer after any packets.
    const other = await t.fresh();
    const usual = await postsAfter(other, errorsFor(other).map(withoutError));
    if (usual < NR_SLOTS_MIN) t.skip(`the frontend posts ${usual} rx buffers after as many packets without an error`);
    await t.check('RXW-12', () => expect(most, 'posted buffers').to.be.at.least(NR_SLOTS_MIN));
  },
);

test('status-zero', 'survives a response with status 0', HOSTILE, async (t) => {
  const vif = await t.fresh();
  await wrong(vif, (response) => ({ ...response, status: 0 }));
  await stillPasses(t, 'RXW-13', vif);
  await survives(t, 'RXW-13', vif);
});

test('beyond-page', 'survives a response that reaches beyond its page', HOSTILE, async (t) => {
  const vif = await t.fresh();
  await wrong(vif, (response) => ({ ...response, offset: PAGE_SIZE - 10, status: 100 }));
  await survives(t, 'RXW-14', vif);
});

test('unknown-extra', 'survives extras of unknown type', HOSTILE, async (t) => {
  const vif = await t.fresh();
  const { rx } = vif.queue;
  await hasBuffers(t, vif, 2);
  await t.check('RXW-16', async () => {
    // More extras than the ring has slots: a frontend that loses their buffers has none left.
    for (let n = 0; n < rx.ring.layout.size + 20; n++) {
      // A frontend may post the next buffers when it has used the last one.
      if (rx.buffers.length === 1) await vif.deliver(vif.quietFrame());
      await vif.buffers(2);
      rx.enqueue(vif.pingFrame().frame, { flags: RXF.extraInfo });
      rx.putExtraBytes(Uint8Array.of(0x55, 0, 0, 0, 0, 0, 0, 0));
      vif.queue.pushRx();
    }
  });
  await stillPasses(t, 'RXW-16', vif);
  await survives(t, 'RXW-16', vif);
});

test('half-packet', 'survives a packet whose second half comes later', { ...SG, fresh: true }, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh();
  const { frame } = vif.pingFrame(600);
  await hasBuffers(t, vif, 2);
  vif.queue.rx.enqueue(frame.subarray(0, 300), { flags: RXF.moreData });
  vif.queue.pushRx();
  await seenByFrontend(vif);
  // From here on it may pass on the whole, or the second half alone.
  vif.monitor.lookAway('toFrontendStack');
  vif.queue.rx.enqueue(frame.subarray(300));
  vif.queue.pushRx();
  await survives(t, 'RXW-15', vif);
  await t.check('RXW-15', () => other.ping());
});

test('order', 'passes on packets in the order of the ring', { fresh: true, needs: 'bridge' }, async (t) => {
  // The stack of a guest may reply in any order, so the packets are seen where a bridge sends them out.
  const [from, to] = await t.bridged();
  await hasBuffers(t, from, 2);
  const count = Math.min(16, from.queue.rx.buffers.length);
  const frames = Array.from({ length: count }, (_, seq) =>
    ping4(from.link.peer, to.link.peer, { id: ORDER_ID, seq, payload: noncePayload(seq, 64) }),
  );
  for (const frame of frames) from.queue.rx.enqueue(frame);
  from.queue.pushRx();
  // A guest may drop some of them.
  const order = (): number[] =>
    to.received.map(({ frame }) => frames.findIndex((each) => sameBytes(each, frame))).filter((number) => number >= 0);
  await happens(to, 'every packet from the bridge', () => order().length === count);
  if (order().length < 2) t.skip(`${order().length} packets came out of the bridge`);
  await t.check('RXW-30', () => {
    // A bridge may duplicate a packet.
    const first = [...new Set(order())];
    expect(first, 'order of the packets').to.deep.equal([...first].sort((a, b) => a - b));
  });
});

/** Checks that pings get their replies which follow packets of a shape with an error. */
async function losesNone(t: FrontendTest, vif: BackendPeer, shape: RxShape): Promise<void> {
  const length = shape.fragments ? shape.fragments.reduce((sum, bytes) => sum + bytes) - PING_HEADERS : undefined;
  const lost = await countLost(ROUNDS, async () => {
    await vif.deliver(vif.pingFrame(length).frame, shape);
    return vif.ping({ tries: 1 });
  });
  // A stack may lose a ping, but not each of these.
  await t.check('RXW-12', () => expectSomeArrive(lost, ROUNDS));
}

/** The most rx buffers that a frontend posts after hundreds of packets of these kinds, up to those of a large packet. */
async function postsAfter(vif: BackendPeer, kinds: readonly RxShape[]): Promise<number> {
  // A buffer that is lost with each packet of half of the kinds would empty the ring.
  for (let round = 0; round < (2 * RX_RING.size) / kinds.length; round++) {
    for (const kind of kinds) await vif.deliver(vif.quietFrame(), kind);
  }
  // A frontend that replaces its buffers in batches has as many only now and then.
  let most = 0;
  for (let n = 0; n < RX_RING.size && most < NR_SLOTS_MIN; n++) {
    await vif.deliver(vif.quietFrame());
    await arrives(vif.buffers(NR_SLOTS_MIN, vif.queue, { ms: REFILL_MS }));
    most = Math.max(most, vif.queue.rx.buffers.length);
  }
  return most;
}

const withoutError = ({ alter: _, ...shape }: RxShape): RxShape => shape;

/** Packets with an error in each of their slots, without and with an extra, as far as a frontend accepts them. */
function errorsFor({ published }: BackendPeer): RxShape[] {
  const layouts = published[KEY.featureSg] === '1' ? [[64], [32, 32]] : [[64]];
  const withGso = published[KEY.featureGsoTcpv4] === '1' ? [[], [gsoExtra(GSO_TYPE.tcpv4)]] : [[]];
  return [RSP.error, RSP.dropped].flatMap((status) =>
    layouts.flatMap((fragments) =>
      fragments.flatMap((_, bad) =>
        withGso.map((extras) => ({
          fragments,
          extras,
          alter: (response, n) => (n === bad ? { ...response, status } : response),
        })),
      ),
    ),
  );
}

const failed = (response: RxResponse): RxResponse => ({ ...response, status: RSP.error });

/** Delivers a ping with an altered response slot. */
async function wrong(
  vif: BackendPeer,
  alter: NonNullable<Parameters<BackendPeer['deliver']>[1]>['alter'],
): Promise<void> {
  await vif.deliver(vif.pingFrame().frame, alter ? { alter } : {});
}
