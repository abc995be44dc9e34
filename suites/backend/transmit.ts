/** netif.h, "Guest transmit", as a backend must take it. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { sameBytes } from '../../harness/packet/bytes.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY, NR_SLOTS_MIN, RSP, TXF } from '../../harness/protocol/netif.js';
import { advance, slotOffset, TX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { refuses, statuses, statusesOrSilence, stillPasses } from './verbs.js';

const { test, tests } = backendChapter('transmit');
export const transmit = tests;

/** What has a frontend send extras. */
const EXTRA_FEATURES = [
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
  KEY.featureMulticastControl,
  KEY.featureCtrlRing,
] as const;

const ETHERNET_HEADER = 14;
const LARGEST_FRAME = 1514;
/** A reference that no frontend holds: refs below 8 are reserved, and a table has no entry this far. */
const BAD_REF = 0xfffffff0;

/** `total` bytes in `count` fragments, the first of at least a header. */
function inFragments(total: number, count: number): number[] {
  const rest = Math.floor((total - 64) / (count - 1 || 1));
  const later = Array<number>(count - 1).fill(rest);
  return [total - rest * (count - 1), ...later];
}

for (const id of [0, 255, 256, 65535]) {
  test(`id-${id}`, `answers id ${id} with id ${id}`, async (t) => {
    const vif = await t.connect();
    await t.check(['TXW-10', 'TXW-23'], () => vif.transmit(vif.pingFrame().frame, { ids: [id] }));
  });
}

test('status-okay', 'answers a good packet OKAY', async (t) => {
  const vif = await t.connect();
  const slots = await vif.transmit(vif.pingFrame().frame);
  await t.check(['TXW-13', 'TXW-14'], () => expect(statuses(slots)).to.deep.equal([RSP.okay]));
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
  const title = `puts a packet of ${count} slots together`;
  test(`slots-${count}`, title, { gate: KEY.featureSg, reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    const fragments = inFragments(LARGEST_FRAME, count);
    await t.check(['TXW-02', 'SLOT-01'], () =>
      vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { fragments } }),
    );
  });
}

test('small-slots', 'takes 18 slots of a byte or two each', { gate: KEY.featureSg, reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const length = 64 + 2 * (NR_SLOTS_MIN - 1);
  const fragments = [64, ...Array<number>(NR_SLOTS_MIN - 1).fill(2)];
  await t.check('SLOT-05', () => vif.ping({ length: length - PING_HEADERS, shape: { fragments } }));
});

test(
  'split-header',
  'takes headers that are spread over slots',
  { gate: KEY.featureSg, reflector: 'icmp' },
  async (t) => {
    const vif = await t.connect();
    const fragments = [ETHERNET_HEADER, 9, 11, 3, 5, 156];
    const length = fragments.reduce((sum, each) => sum + each, 0);
    await t.check('SLOT-06', () => vif.ping({ length: length - PING_HEADERS, shape: { fragments } }));
  },
);

test('response-per-fragment', 'answers each fragment with its own id', { gate: KEY.featureSg }, async (t) => {
  const vif = await t.connect();
  const { frame } = vif.pingFrame(300);
  const slots = vif.queue.tx.enqueue(frame, { fragments: [100, 100, frame.length - 200], ids: [7, 4097, 9] });
  vif.queue.pushTx();
  await t.check('TXW-11', async () => {
    await vif.answered(slots);
    expect(statuses(slots), 'status of each fragment').to.deep.equal([RSP.okay, RSP.okay, RSP.okay]);
  });
});

test('read-only', 'reads pages that are granted read-only', { reflector: 'icmp' }, async (t) => {
  // Every page that the peer transmits from is granted read-only; this test names the rule.
  const vif = await t.connect();
  await t.check('TXW-24', () => vif.ping());
});

test('undefined-flags', 'ignores undefined flag bits', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('TXW-22', () => vif.ping({ shape: { flags: 0xfff0 } }));
});

test('order', 'delivers packets in the order in which they were sent', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  // No more than there are buffers for: whether new ones are noticed is another matter.
  const pings = Array.from({ length: 16 }, () => vif.pingFrame());
  for (const ping of pings) vif.queue.tx.enqueue(ping.frame);
  vif.queue.pushTx();
  const order: number[] = [];
  await t.check('TXW-30', async () => {
    for (let n = 0; n < pings.length; n++) {
      const reply = await vif.receive('reply to each ping', ({ frame }) => pings.some((ping) => ping.isReply(frame)));
      order.push(pings.findIndex((ping) => ping.isReply(reply.frame)));
    }
    expect(order, 'order of the replies').to.deep.equal(pings.map((_, n) => n));
  });
});

test('no-payload', 'takes a frame that is a header and nothing else', async (t) => {
  const vif = await t.connect();
  const slots = await vif.transmit(vif.quietFrame(ETHERNET_HEADER));
  await t.check('TXW-34', () => expect(statuses(slots)).to.deep.equal([RSP.okay]));
});

test('too-short', 'refuses a packet that is no Ethernet frame', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const slots = vif.queue.tx.enqueue(new Uint8Array(ETHERNET_HEADER - 1));
  vif.queue.pushTx();
  await refuses(t, 'TXW-25', vif, slots);
});

for (const [name, title, total] of [
  ['crosses-page', 'refuses a fragment that crosses its page', 1000],
  ['crosses-page-by-one', 'refuses a fragment that crosses its page by a byte', 97],
] as const) {
  test(name, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame(total - PING_HEADERS);
    const slots = vif.queue.tx.enqueue(frame, { alter: (request) => ({ ...request, offset: PAGE_SIZE - 96 }) });
    vif.queue.pushTx();
    await refuses(t, 'TXW-05', vif, slots);
  });
}

test(
  'empty-fragment',
  'survives a fragment of no bytes',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame();
    const slots = vif.queue.tx.enqueue(frame, { fragments: [frame.length, 0] });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    await t.check('TXW-26', () => {
      for (const status of seen ?? [undefined]) expect(status, 'status').to.be.oneOf([RSP.okay, RSP.error]);
    });
    await stillPasses(t, 'TXW-26', vif);
  },
);

test(
  'fragments-exceed-total',
  'refuses fragments that hold more than the packet',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame(256);
    const slots = vif.queue.tx.enqueue(frame, {
      fragments: [98, 200],
      alter: (request, n) => ({ ...request, size: n === 0 ? 100 : 200 }),
    });
    vif.queue.pushTx();
    await refuses(t, 'TXW-27', vif, slots);
  },
);

test(
  'bad-ref',
  'answers a bad grant reference with ERROR and goes on',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const slots = await badRef(vif, 1, 0);
    await t.check(['TXW-28', 'GNT-10'], () => expect(statuses(slots)).to.deep.equal([RSP.error]));
    await stillPasses(t, 'TXW-28', vif);
  },
);

for (const place of [0, 1, 3]) {
  const title = `answers a bad reference in fragment ${place} with ERROR and goes on`;
  test(`bad-ref-in-fragment-${place}`, title, { gate: KEY.featureSg, fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    const slots = await badRef(vif, 4, place);
    await t.check(['TXW-28', 'GNT-10'], () =>
      expect(statuses(slots)[place], 'status of the bad slot').to.equal(RSP.error),
    );
    await stillPasses(t, 'TXW-28', vif);
  });
}

test('unknown-extra', 'refuses an extra of unknown type', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const keys = await vif.otherKeys();
  if (!EXTRA_FEATURES.some((key) => (keys[key] ?? '0') !== '0'))
    t.skip('the backend offers nothing that brings extras');
  const request = vif.queue.tx.enqueue(vif.pingFrame().frame, { flags: TXF.extraInfo });
  vif.queue.tx.putExtraBytes(Uint8Array.of(0x55, 0, 0, 0, 0, 0, 0, 0));
  vif.queue.pushTx();
  await refuses(t, 'TXW-29', vif, request);
});

test('lets-go', 'no longer uses a page that it has answered for', { observer: true }, async (t) => {
  const vif = await t.connect();
  const slots = await vif.transmit(vif.pingFrame().frame);
  const use = await t.domain.observer.grantUse(t.domain.id, slots[0]?.ref ?? 0);
  if (use === 'unknown') return t.skip('this host does not tell who uses a grant');
  await t.check(['TXW-15', 'GNT-08'], () => expect(use).to.equal('unused'));
});

test(
  'more-than-18',
  'takes or drops a packet of 19 slots, and goes on',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const fragments = inFragments(LARGEST_FRAME, NR_SLOTS_MIN + 1);
    const slots = vif.queue.tx.enqueue(vif.pingFrame(LARGEST_FRAME - PING_HEADERS).frame, { fragments });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    t.info(seen ? `answered with ${[...new Set(seen)].join(', ')}` : 'the backend gave the vif up');
    await t.check('SLOT-03', async () => (await t.connect()).ping());
  },
);

/** Sends a packet of `count` fragments of which number `place` names a grant that doesn't exist. */
async function badRef(vif: FrontendPeer, count: number, place: number): ReturnType<FrontendPeer['transmit']> {
  const { frame } = vif.pingFrame(600);
  return vif.transmit(frame, {
    fragments: inFragments(frame.length, count),
    alter: (request, n) => (n === place ? { ...request, gref: BAD_REF } : request),
  });
}

test(
  'partial',
  'waits for the rest of a packet, or refuses it',
  { fresh: true, reflector: 'icmp', destructive: true },
  async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue.tx;
    const slots = vif.queue.tx.enqueue(vif.quietFrame(200), { fragments: [100, 100] });
    ring.reqProdPvt = advance(ring.reqProdPvt, -1);
    vif.queue.pushTx();
    // By the time that another vif has connected and passed packets, the half packet has been looked at.
    await t.check('TXW-20', async () => (await t.fresh()).ping());
    vif.queue.tx.service();
    await t.check('TXW-20', () => expect(slots[0]?.response?.status, 'status of the half').not.to.equal(RSP.okay));
  },
);

test('unused-bytes', 'leaves nothing of its own in what a response does not fill', async (t) => {
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
    expect(blank || sameBytes(rest, request), 'zeros, or what the request had there').to.equal(true);
  });
});
