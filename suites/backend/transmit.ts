/** netif.h, "Guest transmit": what a backend accepts, and how it responds. */
import { ETHERNET_HEADER, LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY, NR_SLOTS_MIN, RSP, TXF } from '../../harness/protocol/netif.js';
import { advance, slotOffset, TX_RING } from '../../harness/protocol/ring.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { arrives } from '../support/losses.js';
import { expectRsp, statusList } from '../support/statuses.js';
import {
  continues,
  needsNoEvent,
  REFUSAL_MS,
  REFUSALS,
  refuses,
  statuses,
  statusesAtLast,
  statusesOrSilence,
  stillPasses,
  survivesElsewhere,
} from './refusal-verbs.js';
import { BAD_REF, grantUses, inOrder } from './verbs.js';

const { test, tests } = backendChapter('transmit');
export const transmit = tests;

/** Features with which a frontend sends extras. */
const EXTRA_FEATURES = [
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
  KEY.featureMulticastControl,
  KEY.featureCtrlRing,
] as const;

/** `total` bytes in `count` fragments, of which the first holds at least a header. */
function inFragments(total: number, count: number): number[] {
  const rest = Math.floor((total - 64) / (count - 1 || 1));
  const later = Array<number>(count - 1).fill(rest);
  return [total - rest * (count - 1), ...later];
}

for (const id of [0, 255, 256, 65535]) {
  test(`id-${id}`, `responds to id ${id} with id ${id}`, async (t) => {
    const vif = await t.connect();
    await t.check(['TXW-10', 'TXW-23'], () => vif.transmit(vif.pingFrame().frame, { ids: [id] }));
  });
}

test('status-okay', 'responds to a valid packet with OKAY', async (t) => {
  const vif = await t.connect();
  const [slot] = await vif.transmit(vif.pingFrame().frame);
  const status = slot?.response?.status;
  await t.check('TXW-13', () => expectRsp(status, [RSP.okay, RSP.error, RSP.dropped], 'the slot'));
  await t.check('TXW-14', () => expectRsp(status, RSP.okay, 'the slot'));
});

for (const length of [42, 60, 61, 590, 1513, LARGEST_FRAME]) {
  test(`frame-of-${length}`, `passes a frame of ${length} bytes unchanged`, { reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    await t.check(length < 60 ? 'TXW-34' : 'TXW-31', () => vif.ping({ length: length - PING_HEADERS }));
  });
}

for (const offset of [1, 2, 1024, PAGE_SIZE - LARGEST_FRAME]) {
  test(`offset-${offset}`, `reads a frame at offset ${offset} of its page`, { reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    await t.check('TXW-31', () => vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { offset } }));
  });
}

for (const count of [2, 3, 8, 17, NR_SLOTS_MIN]) {
  const title = `reassembles a packet of ${count} slots`;
  test(`slots-${count}`, title, { gate: KEY.featureSg, reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    const fragments = inFragments(LARGEST_FRAME, count);
    await t.check(['TXW-02', 'SLOT-01'], () =>
      vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { fragments } }),
    );
  });
}

test(
  'small-slots',
  'accepts 18 slots, all but the first of two bytes',
  { gate: KEY.featureSg, reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    const length = 64 + 2 * (NR_SLOTS_MIN - 1);
    const fragments = [64, ...Array<number>(NR_SLOTS_MIN - 1).fill(2)];
    await t.check('SLOT-05', () => vif.ping({ length: length - PING_HEADERS, shape: { fragments } }));
  },
);

test(
  'split-header',
  'accepts headers that are spread over several slots',
  { gate: KEY.featureSg, reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    const fragments = [ETHERNET_HEADER, 9, 11, 3, 5, 156];
    const length = fragments.reduce((sum, each) => sum + each, 0);
    await t.check('SLOT-06', () => vif.ping({ length: length - PING_HEADERS, shape: { fragments } }));
  },
);

test('response-per-fragment', 'responds to each fragment with its own id', { gate: KEY.featureSg }, async (t) => {
  const vif = await t.connect();
  const { frame } = vif.pingFrame(300);
  const slots = vif.queue.tx.enqueue(frame, { fragments: [100, 100, frame.length - 200], ids: [7, 4097, 9] });
  vif.queue.pushTx();
  await t.check('TXW-11', async () => {
    // The peer matches responses by id.
    await vif.answered(slots);
  });
  await t.check('TXW-14', () => {
    for (const [n, status] of statuses(slots).entries()) expectRsp(status, RSP.okay, `fragment ${n}`);
  });
});

test('read-only', 'reads pages that are granted read-only', { reflector: 'icmp' }, async (t) => {
  // Every page that the peer transmits from is granted read-only; this test names the requirement.
  const vif = await t.connect();
  await t.check('TXW-24', () => vif.ping());
});

test('undefined-flags', 'ignores undefined flag bits', { fresh: true, reflector: 'icmp' }, async (t) => {
  // A backend may give up a vif whose packet it refuses.
  const vif = await t.fresh();
  await t.check('TXW-22', () => vif.ping({ shape: { flags: 0xfff0 } }));
});

test('order', 'delivers packets in the order in which they were sent', { fresh: true, needs: 'bridge' }, async (t) => {
  // A stack may reply to pings in another order, so the packets are seen where a bridge sends them out.
  const [from, to] = await t.bridged();
  // No more frames than posted buffers: another test checks that new buffers are noticed.
  const frames = Array.from({ length: 16 }, () => from.frameTo(to.link.peer.mac));
  for (const frame of frames) from.queue.tx.enqueue(frame);
  from.queue.pushTx();
  await inOrder(t, 'TXW-30', [from, to], frames);
});

test('no-payload', 'accepts a frame that is only a header', async (t) => {
  const vif = await t.connect();
  const [longer] = statuses(await vif.transmit(vif.quietFrame()));
  if (longer === RSP.error) t.skip('the backend refuses a longer frame of the same EtherType too');
  const [status] = statuses(await vif.transmit(vif.quietFrame(ETHERNET_HEADER)));
  await t.check('TXW-34', () => expectRsp(status, [RSP.okay, RSP.dropped], 'the frame'));
});

for (const [name, size] of [
  ['too-short', ETHERNET_HEADER - 1],
  ['too-short-0', 0],
  ['too-short-1', 1],
] as const) {
  const title = `refuses a packet of ${size} ${size === 1 ? 'byte' : 'bytes'}, which is shorter than an Ethernet header`;
  test(name, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    const slots = vif.queue.tx.enqueue(new Uint8Array(size));
    vif.queue.pushTx();
    await refuses(t, 'TXW-25', vif, slots);
  });
}

for (const [name, title, total, offset] of [
  ['crosses-page', 'refuses a fragment that crosses its page', 1000, PAGE_SIZE - 96],
  ['crosses-page-by-one', 'refuses a fragment that crosses its page by a byte', 97, PAGE_SIZE - 96],
  ['crosses-page-at-64k', 'refuses a fragment whose end does not fit into 16 bits', 97, 0xffff],
] as const) {
  test(name, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    const { frame, isReply } = vif.pingFrame(total - PING_HEADERS);
    const slots = vif.queue.tx.enqueue(frame, { alter: (request) => ({ ...request, offset }) });
    vif.queue.pushTx();
    await refuses(t, 'TXW-05', vif, slots, isReply);
  });
}

test(
  'empty-fragment',
  'survives a zero-length fragment',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame();
    const slots = vif.queue.tx.enqueue(frame, { fragments: [frame.length, 0] });
    vif.queue.pushTx();
    const seen = await statusesAtLast(t, vif, slots);
    await t.check('TXW-26', () => {
      for (const status of seen ?? [undefined]) expectRsp(status, [RSP.okay, ...REFUSALS], 'a slot');
    });
    await stillPasses(t, 'TXW-26', vif);
  },
);

test(
  'fragments-exceed-total',
  'refuses fragments that add up to more than the packet',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { frame, isReply } = vif.pingFrame(256);
    const slots = vif.queue.tx.enqueue(frame, {
      fragments: [98, 200],
      alter: (request, n) => ({ ...request, size: n === 0 ? 100 : 200 }),
    });
    vif.queue.pushTx();
    await refuses(t, 'TXW-27', vif, slots, isReply);
  },
);

test(
  'bad-ref',
  'refuses a packet with an invalid grant reference and continues',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await refusesSlot(t, vif, badRef(vif, 1, 0), 0);
  },
);

for (const place of [0, 1, 3]) {
  const title = `refuses fragment ${place} with an invalid grant reference and continues`;
  test(`bad-ref-in-fragment-${place}`, title, { gate: KEY.featureSg, fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    await refusesSlot(t, vif, badRef(vif, 4, place), place);
  });
}

test('unknown-extra', 'refuses an extra of unknown type', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const keys = await vif.otherKeys();
  if (!EXTRA_FEATURES.some((key) => (keys[key] ?? '0') !== '0'))
    t.skip('the backend offers no feature that uses extras');
  const { frame, isReply } = vif.pingFrame();
  const request = vif.queue.tx.enqueue(frame, { flags: TXF.extraInfo });
  vif.queue.tx.putExtraBytes(Uint8Array.of(0x55, 0, 0, 0, 0, 0, 0, 0));
  vif.queue.pushTx();
  await refuses(t, 'TXW-29', vif, request, isReply);
});

test('lets-go', 'no longer uses a page after its response', { observer: true }, async (t) => {
  const vif = await t.connect();
  const sg = (await vif.otherKey(KEY.featureSg)) === '1';
  for (let round = 0; round < 8; round++) {
    const slots = await vif.transmit(vif.quietFrame(LARGEST_FRAME), sg ? { fragments: [200, 600, 714] } : {});
    const uses = await grantUses(
      t,
      slots.map(({ ref = 0 }) => ref),
    );
    await t.check(['TXW-15', 'GNT-08'], () => expect(new Set(uses), 'use').to.deep.equal(new Set(['unused'])));
  }
});

test(
  'more-than-18',
  'accepts or drops a packet of 19 slots, and continues',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const fragments = inFragments(LARGEST_FRAME, NR_SLOTS_MIN + 1);
    const slots = vif.queue.tx.enqueue(vif.pingFrame(LARGEST_FRAME - PING_HEADERS).frame, { fragments });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif');
    await survivesElsewhere(t);
    await continues(t, vif, slots);
  },
);

/** Publishes a packet of `count` fragments; fragment number `place` names a grant that doesn't exist. */
function badRef(vif: FrontendPeer, count: number, place: number): SentSlot[] {
  const { frame } = vif.pingFrame(600);
  const slots = vif.queue.tx.enqueue(frame, {
    fragments: inFragments(frame.length, count),
    alter: (request, n) => (n === place ? { ...request, gref: BAD_REF } : request),
  });
  vif.queue.pushTx();
  return slots;
}

/** Checks that slot number `place` of a packet is refused, and that the vif then passes packets. */
async function refusesSlot(
  t: BackendTest,
  vif: FrontendPeer,
  slots: readonly SentSlot[],
  place: number,
): Promise<void> {
  const seen = await statusesAtLast(t, vif, slots);
  await t.check(['TXW-28', 'GNT-10'], () => expectRsp(seen?.[place], REFUSALS, 'the bad slot'));
  await stillPasses(t, 'TXW-28', vif);
  await survivesElsewhere(t);
}

test(
  'partial',
  'waits for the rest of a packet, or refuses it',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp', destructive: true },
  async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue.tx;
    // A backend that refuses the first half may read the rest as a packet of its own, which is too short.
    const slots = vif.queue.tx.enqueue(vif.quietFrame(200), { fragments: [192, 8] });
    ring.reqProdPvt = advance(ring.reqProdPvt, -1);
    vif.queue.pushTx();
    const answered = (): boolean => {
      vif.queue.tx.service();
      return slots[0]?.response !== undefined;
    };
    // It need not notify a response to half a packet.
    await arrives(vif.until('response to the half packet', answered, { ms: REFUSAL_MS }));
    await survivesElsewhere(t);
    // By the time that another vif has connected and passed packets, the backend has seen the half packet.
    await t.check('ROB-01', async () => (await t.fresh()).ping());
    const isAnswered = answered();
    await t.check('TXW-20', () => expectRsp(slots[0]?.response?.status, { not: RSP.okay }, 'the half packet'));
    // A backend that waits need not look again before its next event.
    if (!isAnswered) return;
    ring.reqProdPvt = advance(ring.reqProdPvt, 1);
    vif.queue.pushTx();
    await t.check(['NOTIFY-04', 'RING-09'], () => needsNoEvent(t, vif, slots));
  },
);

test('unused-bytes', 'leaks no memory in the unused bytes of a response', async (t) => {
  const vif = await t.connect();
  const { ring } = vif.queue.tx;
  const at = slotOffset(TX_RING, ring.reqProdPvt) + 4;
  const slots = vif.queue.tx.enqueue(vif.quietFrame());
  const request = ring.page.copyOut(at, 8);
  vif.queue.pushTx();
  await vif.answered(slots);
  const rest = ring.page.copyOut(at, 8);
  await t.check('RXW-24', () => {
    const blank = rest.every((byte) => byte === 0);
    expect(blank || sameBytes(rest, request), 'unused bytes are zero or as in the request').to.equal(true);
  });
});
