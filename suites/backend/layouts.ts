/** netif.h, "Guest transmit": how packets are spread over slots and pages, and valid packets next to malformed ones. */
import { expect } from 'chai';
import { counted } from '../../harness/base/text.js';
import { LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY, NR_SLOTS_MIN, RSP } from '../../harness/protocol/netif.js';
import { TX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { countLost, expectSomeArrive } from '../support/losses.js';
import { expectRsp, statusList } from '../support/statuses.js';
import {
  continues,
  keepsVif,
  REFUSALS,
  refuses,
  statuses,
  statusesAtLast,
  statusesOrSilence,
  stillPasses,
  survivesElsewhere,
  unlessGivenUp,
} from './refusal-verbs.js';
import { BAD_REF, through } from './verbs.js';

const { test, tests } = backendChapter('layouts');
export const layouts = tests;

const PING = { gate: KEY.featureSg, reflector: 'icmp' } as const;
const FRESH = { ...PING, fresh: true } as const;
const BRIDGE = { gate: KEY.featureSg, fresh: true, needs: 'bridge' } as const;
/** How often a packet crosses the end of the ring. */
const ACROSS = 4;

/** Sends a ping that is cut into `fragments` and waits for its reply. */
function pingIn(vif: FrontendPeer, fragments: readonly number[], offset?: readonly number[]): Promise<unknown> {
  const length = fragments.reduce((sum, each) => sum + each, 0);
  return vif.ping({ length: length - PING_HEADERS, shape: { fragments, ...(offset && { offset }) } });
}

// Linux copies the first 128 bytes to wherever the headers go, and maps the rest.
for (const first of [20, 34, 41, 42, 54, 127, 128, 129, 1000]) {
  test(`first-of-${first}`, `accepts a packet whose first fragment holds ${first} bytes`, PING, async (t) => {
    const vif = await t.connect();
    await t.check(first < PING_HEADERS ? 'SLOT-06' : 'TXW-02', () => pingIn(vif, [first, LARGEST_FRAME - first]));
    await t.check('TXW-02', () => pingIn(vif, [first, 100, 1, 300]));
  });
}

test('one-byte-slots', 'accepts 17 fragments of one byte after the first', PING, async (t) => {
  const vif = await t.connect();
  await t.check('SLOT-05', () => pingIn(vif, [PING_HEADERS, ...Array<number>(NR_SLOTS_MIN - 1).fill(1)]));
});

test('same-ids', 'responds to each slot of packets whose slots all have one id', PING, async (t) => {
  const vif = await t.connect();
  const enqueue = (fragments: readonly number[], n: number): SentSlot[] =>
    vif.queue.tx.enqueue(vif.quietFrame(300), { fragments, ids: fragments.map(() => 7 + n) });
  // OpenBSD numbers packets, not slots.
  for (const packets of [[[100, 200]], [[60, 40, 100, 100]], [[300], [100, 200], [60, 140, 100], [300]]]) {
    await t.check(['RING-09', 'TXW-11'], async () => {
      const slots = packets.flatMap(enqueue);
      vif.queue.pushTx();
      await vif.answered(slots);
    });
  }
});

test('offsets', 'reads each fragment at its own offset', PING, async (t) => {
  const vif = await t.connect();
  await t.check('TXW-02', async () => {
    await pingIn(vif, [500, 500, 514], [0, 1000, PAGE_SIZE - 514]);
    await pingIn(vif, [500, 500, 514], [PAGE_SIZE - 500, 0, 3]);
    await pingIn(vif, [66, 1000], [2001, 7]);
  });
});

test('full-ring', 'serves a ring that is full of packets of 18 slots', FRESH, async (t) => {
  const vif = await t.fresh();
  const fragments = [200, ...Array<number>(NR_SLOTS_MIN - 1).fill(70)];
  const packets = Math.floor(TX_RING.size / NR_SLOTS_MIN);
  for (let round = 0; round < 3; round++) {
    const slots = Array.from({ length: packets }, () =>
      vif.queue.tx.enqueue(vif.quietFrame(200 + 70 * (NR_SLOTS_MIN - 1)), { fragments }),
    ).flat();
    while (vif.queue.tx.ring.free() > 0) slots.push(...vif.queue.tx.enqueue(vif.quietFrame()));
    vif.queue.pushTx();
    await t.check(['RING-01', 'SLOT-01'], () => vif.answered(slots));
    await t.check('TXW-13', () => {
      for (const status of statuses(slots)) expectRsp(status, [RSP.okay, ...REFUSALS], 'a slot');
    });
    // A backend may drop packets under load.
    await t.check('TXW-14', () => {
      for (const status of statuses(slots)) expectRsp(status, [RSP.okay, RSP.dropped], 'a slot');
    });
  }
  await stillPasses(t, 'RING-01', vif);
});

test('across-the-end', 'accepts a packet that continues at the start of the ring', FRESH, async (t) => {
  const vif = await t.fresh();
  const { tx } = vif.queue;
  const lost = await countLost(ACROSS, async () => {
    // Frames that get no reply, up to the last two slots of the ring.
    const count = (2 * TX_RING.size - 2 - (tx.ring.reqProdPvt % TX_RING.size)) % TX_RING.size;
    for (let left = count; left > 0; left -= 64) {
      const slots = Array.from({ length: Math.min(64, left) }, () => tx.enqueue(vif.quietFrame())).flat();
      vif.queue.pushTx();
      await vif.answered(slots);
    }
    return vif.ping({ length: 200, shape: { fragments: [100, 100, 42] }, tries: 1 });
  });
  // A stack may lose a ping, but not each of these.
  await t.check(['RING-01', 'TXW-09'], () => expectSomeArrive(lost, ACROSS));
});

for (const [place, fragments] of [
  ['middle', [60, 0, 100]],
  ['middle-of-four', [60, 100, 0, 40]],
  ['twice', [60, 0, 0, 100]],
] as const) {
  test(`empty-${place}`, `survives zero-length fragments (${fragments.join(', ')} bytes)`, FRESH, async (t) => {
    const vif = await t.fresh();
    const length = fragments.reduce((sum: number, each) => sum + each, 0);
    const { frame, isReply } = vif.pingFrame(length - PING_HEADERS);
    const slots = vif.queue.tx.enqueue(frame, { fragments });
    vif.queue.pushTx();
    const seen = await statusesAtLast(t, vif, slots);
    await t.check('TXW-26', () => {
      for (const status of seen ?? [undefined]) expectRsp(status, [RSP.okay, ...REFUSALS], 'a slot');
    });
    const passed = seen?.every((status) => status === RSP.okay) ?? false;
    // A packet that was accepted is delivered with all its bytes; the stack may lose it, which other pings show.
    await stillPasses(t, 'TXW-26', vif);
    if (passed && !vif.received.some((packet) => isReply(packet.frame))) t.info('no reply to the packet came');
  });
}

test('empty-forwarded', 'forwards a packet with a zero-length fragment whole or not', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const frame = from.frameTo(to.link.peer.mac);
  const slots = from.queue.tx.enqueue(frame, { fragments: [40, 0, frame.length - 40] });
  from.queue.pushTx();
  await keepsVif(t, from, slots);
  // What comes after it on the same way shows that it has come through, or never will.
  await unlessGivenUp(t, from, through(from, to, from.frameTo(to.link.peer.mac)));
  const parts = to.received.filter((packet) => sameBytes(packet.frame.subarray(0, 40), frame.subarray(0, 40)));
  await t.check('TXW-26', () => {
    for (const part of parts) expect(part.frame.length, 'bytes of the packet').to.be.at.least(frame.length);
  });
});

for (const first of [0, 1, 13]) {
  test(`tiny-first-${first}`, `survives a first fragment of ${counted(first, 'byte')}`, FRESH, async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame();
    const slots = vif.queue.tx.enqueue(frame, { fragments: [first, frame.length - first] });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    await t.check('TXW-13', () => {
      for (const status of seen ?? []) expectRsp(status, [RSP.okay, ...REFUSALS], 'a slot');
    });
    await survivesElsewhere(t);
    await continues(t, vif, slots);
  });
}

for (const count of [20, 21, 40, TX_RING.size]) {
  test(`of-${count}`, `survives a packet of ${count} slots`, FRESH, async (t) => {
    const vif = await t.fresh();
    const length = 100 + 2 * (count - 1);
    const fragments = [100, ...Array<number>(count - 1).fill(2)];
    const slots = vif.queue.tx.enqueue(vif.pingFrame(length - PING_HEADERS).frame, { fragments });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif');
    await survivesElsewhere(t);
    await continues(t, vif, slots);
  });
}

test('sizes-wrap', 'refuses fragments whose sizes add up to more than 16 bits', FRESH, async (t) => {
  const vif = await t.fresh();
  const { frame, isReply } = vif.pingFrame(1000);
  const later = 64 * 1024;
  const fragments = [frame.length - 17, ...Array<number>(17).fill(1)];
  const slots = vif.queue.tx.enqueue(frame, {
    fragments,
    // The later ones add up to 65,552, of which 16 bits are 16: less than the packet has.
    alter: (request, n) => (n === 0 ? request : { ...request, size: n === 1 ? 16 : later / 16 }),
  });
  vif.queue.pushTx();
  await refuses(t, 'TXW-27', vif, slots, isReply);
});

test('bad-among-good', 'passes the packets around one that it refuses', { ...FRESH, gate: [] }, async (t) => {
  const vif = await t.fresh();
  const { tx } = vif.queue;
  const pings = [vif.pingFrame(), vif.pingFrame(), vif.pingFrame()];
  const sent: SentSlot[][] = pings.map(({ frame }, n) =>
    tx.enqueue(frame, n === 1 ? { alter: (request) => ({ ...request, gref: BAD_REF }) } : {}),
  );
  vif.queue.pushTx();
  const seen = await statusesAtLast(t, vif, sent.flat());
  await t.check('TXW-28', () => {
    const [first, bad, last] = seen ?? [];
    expectRsp(bad, REFUSALS, 'the packet without a page');
    // A backend may drop packets under load.
    for (const status of [first, last]) expectRsp(status, [RSP.okay, RSP.dropped], 'a good packet');
  });
  await stillPasses(t, 'TXW-28', vif);
  const replied = (n: number): boolean => vif.received.some(({ frame }) => pings[n]?.isReply(frame));
  await t.check('TXW-14', () => expect(replied(1), 'a reply to the packet without a page').to.equal(false));
  if (!replied(0) || !replied(2)) t.info('the stack did not reply to both good packets');
});

test('bad-often', 'refuses 300 packets in a row, and continues', { ...FRESH, gate: [] }, async (t) => {
  const vif = await t.fresh();
  await t.check(['TXW-28', 'GNT-10'], async () => {
    for (let n = 0; n < 300; n++) {
      const slots = await vif.transmit(vif.quietFrame(), { alter: (request) => ({ ...request, gref: BAD_REF }) });
      expectRsp(statuses(slots)[0], REFUSALS, `packet ${n}`);
    }
  });
  await stillPasses(t, 'TXW-28', vif);
});
