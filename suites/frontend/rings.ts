/** ring.h: layout, indices, and what each end may write. */
import { expect } from 'chai';
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { distance, RING_OFFSET, slotOffset, TX_RING } from '../../harness/protocol/ring.js';
import { concat, sameBytes } from '../../harness/bytes/bytes.js';
import { noncePayload } from '../../harness/packet/build.js';
import { ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { KEY, RXF } from '../../harness/protocol/netif.js';
import type { RxResponse } from '../../harness/protocol/rx.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { countLost, sendUntilArrival } from '../support/losses.js';
import {
  expectUniqueIds,
  hasBuffers,
  LATE_MS,
  publishing,
  repeat,
  respondTo,
  SHORT_PING,
  stillPasses,
  survives,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('rings');
export const rings = tests;

/** Pings that are published at once to fill the rings. */
const AT_ONCE = 8;
/** Bytes from one length to the next, which share no divisor with the number of lengths. */
const LENGTH_STEP = 37;
/** Rounds in which a slot changes while it is read; on real Xen each is a race. */
const CHANGING_ROUNDS = 50;
/** Where the padding of a ring page begins, after the four bytes of the union pvt. */
const PAD = RING_OFFSET.pvt + 4;
/** The two lengths between which a response changes. */
const LONG = 1000;
const SHORT = 100;

test('initialised', 'initialises the ring pages before it publishes them', { fresh: true }, async (t) => {
  const vif = await publishing(t);
  await vif.mapRings();
  await t.check('RING-02', () => {
    for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
      const { rspProd, rspEvent } = ring.indices();
      expect(rspProd, `rsp_prod of the ${ring.layout.name} ring`).to.equal(0);
      // It may have moved the index by now: ahead, to be notified of a batch, or out of reach, if it polls.
      expect(rspEvent, `rsp_event of the ${ring.layout.name} ring`).not.to.equal(0);
      const pad = ring.page.copyOut(RING_OFFSET.pvt, RING_OFFSET.slots - RING_OFFSET.pvt);
      expect(pad.filter((byte) => byte !== 0).length, 'non-zero bytes of pvt and pad').to.equal(0);
    }
  });
});

test('unique-ids', 'never has the same id in flight twice', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, 24, 2);
  await t.check('RING-16', () => expectUniqueIds(vif, packets));
});

test('any-order', 'accepts responses in any order', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  respondTo(vif, (await withhold(t, vif, 16, 2)).reverse());
  await t.check('TXW-17', async () => {
    for (let n = 0; n < 32; n++) await vif.ping();
  });
});

test('wrap-around', 'wraps around both rings', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await t.check(['RING-01', 'RING-04'], () => aroundBothRings(t, vif));
});

const MATCHING = 'finds each buffer by the slot of its response and by the id';
test('matching', MATCHING, { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  // The peer responds in the slot of each request and with its id, so every packet is found by both rules.
  await t.check('RXW-28', () => aroundBothRings(t, vif));
});

test(
  'changing-slot',
  'acts on a single snapshot of a response that changes (no double fetch)',
  { needs: 'bridge', fresh: true, flicker: true },
  async (t) => {
    const rounds = t.rounds(CHANGING_ROUNDS);
    let short = 0;
    await t.check('RING-12', async () => {
      for (let round = 0; round < rounds; round += CHANGING_ROUNDS) {
        // A slot that is refilled at once may change once more, which shows when it is used again: not with these vifs.
        const pair = await t.bridged();
        for (let n = 0; n < CHANGING_ROUNDS; n++) if ((await changingFrame(...pair)) === SHORT) short++;
        for (const vif of pair) await t.unplug(vif);
      }
    });
    t.info(`${short} rounds saw the shorter of two lengths`);
  },
);

test(
  'changing-flags',
  'ends a packet by a single snapshot of a response whose more_data and status change',
  { needs: 'bridge', fresh: true, flicker: true, gate: KEY.featureSg },
  async (t) => {
    const rounds = t.rounds(CHANGING_ROUNDS);
    await t.check('RING-12', async () => {
      for (let round = 0; round < rounds; round += CHANGING_ROUNDS) {
        const pair = await t.bridged();
        await hasBuffers(t, pair[0], 2);
        for (let n = 0; n < CHANGING_ROUNDS; n++) await changingEnd(pair, n);
        for (const vif of pair) await t.unplug(vif);
      }
    });
  },
);

test(
  'outstanding',
  'never has more requests outstanding than the ring has slots, and sends again after responses',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const packets = await withhold(t, vif, 2 * TX_RING.size);
    await t.check('RING-06', () => {
      for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
        const { reqProd, rspProd } = ring.indices();
        expect(distance(rspProd, reqProd), `outstanding on the ${ring.layout.name} ring`).to.be.at.most(
          ring.layout.size,
        );
      }
    });
    respondTo(vif, packets);
    await stillPasses(t, 'TXW-17', vif);
  },
);

test(
  'own-fields-only',
  'writes only its own fields in the ring pages',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const areas = [vif.queue.tx.ring, vif.queue.rx.ring].flatMap(({ page, layout }) => {
      const end = slotOffset(layout, layout.size - 1) + layout.slotBytes;
      return [
        // The union before it belongs to either end, and has a byte of netif: smartpoll_active.
        { page, at: PAD, length: RING_OFFSET.slots - PAD },
        { page, at: end, length: PAGE_SIZE - end },
      ];
    });
    for (const { page, at, length } of areas) page.copyIn(at, new Uint8Array(length).fill(0xa5));
    await vif.ping();
    await t.check('RING-13', () => {
      for (const { page, at, length } of areas) {
        const changed = page.copyOut(at, length).findIndex((byte) => byte !== 0xa5);
        expect(changed, `first changed byte of the ${length} bytes at ${at}`).to.equal(-1);
      }
      for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
        expect(ring.indices().rspProd, `rsp_prod of the ${ring.layout.name} ring`).to.equal(ring.rspProdPvt);
      }
    });
  },
);

for (const half of ['tx', 'rx'] as const) {
  const title = `survives more ${half} responses than there were requests`;
  const options = { fresh: true, reflector: 'icmp', destructive: true } as const;
  test(`overflow-${half}`, title, options, async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue[half];
    vif.monitor.lookAway();
    ring.page.store32(RING_OFFSET.rspProd, (ring.rspProdPvt + 2 * ring.layout.size) >>> 0);
    t.domain.events.notify(half === 'tx' ? vif.queue.txPort : vif.queue.rxPort);
    // A ping of another vif is the sentinel: a response to this one would overwrite the index before it is read.
    await t.check('RING-11', async () => (await t.connect()).ping());
    await survives(t, 'RING-11', vif);
    // What the frontend makes of a false index breaks no rule of its ring.
    vif.queue.deaf = true;
    vif.forgive();
    // The vif is lost, but it must be possible to unplug it and to plug another.
    await t.unplug(vif);
    await t.check('RING-18', async () => (await t.fresh()).ping());
  });
}

/** Uses every slot of both rings, and some of them again. Skips the test where the guest replies too rarely for that. */
async function aroundBothRings(t: FrontendTest, vif: BackendPeer): Promise<void> {
  const { tx, rx } = vif.queue;
  const used = (): number => Math.min(tx.ring.rspProdPvt, rx.ring.rspProdPvt);
  let sent = 0;
  await repeat(t, vif, (TX_RING.size + 50) / AT_ONCE, async () => {
    // Of many lengths, so that a slot in which the wrong one is read shows.
    const once = Array.from({ length: AT_ONCE }, () =>
      countLost(1, () => vif.ping({ tries: 1, ms: LATE_MS, length: (sent += LENGTH_STEP) % SHORT_PING })),
    );
    const lost = (await Promise.all(once)).reduce((sum, each) => sum + each, 0);
    // A stack may reply to few pings at once, so each of these is sent again alone.
    for (let n = 0; n < lost; n++) await vif.ping();
  });
  if (used() <= TX_RING.size) t.skip(`the guest replies to too few pings: ${used()} slots of each ring were used`);
}

/**
 * Delivers a frame in a slot that alternates between two lengths. Returns the length of the frame that leaves the
 * bridge.
 */
async function changingFrame(from: BackendPeer, to: BackendPeer): Promise<number> {
  const frame = frameOf([from, to], 1, LONG);
  const alter = (response: RxResponse): RxResponse => ({ ...response, status: SHORT });
  const out = await throughChanging([from, to], { frame, alter, known: ETHERNET_HEADER });
  expect(out.length, 'bytes of the frame that comes out').to.be.oneOf([LONG, SHORT]);
  expect(sameBytes(out, frame.subarray(0, out.length)), 'bytes come out as they came in').to.equal(true);
  return out.length;
}

/** Delivers a frame that is whole in its slot, or begins there and continues in the next one, which is a frame too. */
async function changingEnd(pair: Pair, round: number): Promise<void> {
  const [frame, next] = [frameOf(pair, 2 * round, LONG), frameOf(pair, 2 * round + 1, SHORT)];
  const alter = (response: RxResponse): RxResponse => ({ ...response, flags: RXF.moreData, status: SHORT });
  const out = await throughChanging(pair, { frame, next, alter, known: SHORT });
  const forms = [frame, concat(frame.subarray(0, SHORT), next)];
  const lengths = forms.map((form) => form.length);
  expect(out.length, 'bytes of the frame that comes out').to.be.oneOf(lengths);
  expect(
    forms.some((form) => sameBytes(form, out)),
    'bytes come out as they came in',
  ).to.equal(true);
}

type Pair = readonly [from: BackendPeer, to: BackendPeer];

/** A frame for the far end of a bridge, of which no other `round` has the bytes. */
function frameOf([from, to]: Pair, round: number, length: number): Uint8Array {
  return from.frameTo(to.link.peer.mac, noncePayload(round, length - ETHERNET_HEADER));
}

/** A frame in a slot that alternates with `alter` of it, and `next`. It is recognised by its first `known` bytes. */
interface Changing {
  readonly frame: Uint8Array;
  readonly next?: Uint8Array;
  readonly alter: (response: RxResponse) => RxResponse;
  readonly known: number;
}

/** Delivers a frame in a slot that changes, and returns the frame that comes out. */
async function throughChanging([from, to]: Pair, { frame, next, alter, known }: Changing): Promise<Uint8Array> {
  const begin = frame.subarray(0, known);
  let calm = (): void => undefined;
  const send = async (): Promise<void> => {
    calm();
    await from.buffers(next ? 2 : 1);
    from.queue.rx.enqueue(frame);
    calm = from.queue.rx.flicker(alter);
    if (next) from.queue.rx.enqueue(next);
    from.queue.pushRx();
  };
  const cameOut = (packet: QueuePacket): boolean => sameBytes(packet.frame.subarray(0, known), begin);
  try {
    return (await sendUntilArrival(send, () => to.receive('delivered frame', cameOut))).frame;
  } finally {
    calm();
  }
}
