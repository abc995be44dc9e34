/** netif.h, "Guest receive", as a frontend must take it. */
import { expect } from 'chai';
import type { BackendPeer } from '../../harness/peer/backend.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY, NR_SLOTS_MIN, RSP, RXF } from '../../harness/protocol/netif.js';
import { distance } from '../../harness/protocol/ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { stillPasses, survives } from './verbs.js';

const { test, tests } = frontendChapter('receive');
export const receive = tests;

const LARGEST_FRAME = 1514;
const SG = { gate: KEY.featureSg, reflector: 'icmp' } as const;

for (const offset of [1, 2, 64, PAGE_SIZE - LARGEST_FRAME]) {
  test(`offset-${offset}`, `finds a frame at offset ${offset} of its buffer`, { reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    await t.check('RXW-08', () => vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { offset } }));
  });
}

// 65,535 bytes fill 17 pages at worst; no text asks a frontend to take more (Linux drops some packets of 18 slots).
for (const count of [2, 3, 9, 17]) {
  test(`slots-${count}`, `puts a packet of ${count} slots together`, { ...SG }, async (t) => {
    const vif = await t.connect();
    const piece = Math.floor((LARGEST_FRAME - 300) / (count - 1));
    const later = Array<number>(count - 1).fill(piece);
    const fragments = [LARGEST_FRAME - piece * (count - 1), ...later];
    await t.check('RXW-09', () => vif.ping({ length: LARGEST_FRAME - PING_HEADERS, shape: { fragments } }));
  });
}

test('writable', 'posts buffers that may be written', async (t) => {
  const vif = await t.connect();
  // The peer fills every buffer by a grant copy, and refuses a frontend whose buffer it can't write.
  await t.check('RXW-01', () => vif.deliver(vif.quietFrame()));
});

test('enough-buffers', 'posts buffers enough for a largest packet', async (t) => {
  const vif = await t.connect();
  await t.check('SLOT-08', () => vif.buffers(NR_SLOTS_MIN));
});

test('refill', 'replaces the buffers that were used', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('RXW-17', async () => {
    // More than the ring has buffers: without new ones the last have nowhere to go.
    for (let n = 0; n < vif.queue.rx.ring.layout.size + 20; n++) await vif.deliver(vif.quietFrame());
    await vif.buffers(NR_SLOTS_MIN);
  });
});

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  test(
    `status-${name}`,
    `drops a packet with status ${status} and goes on`,
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
  'drops a packet with an error in its second slot and goes on',
  { ...SG, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { frame } = vif.pingFrame(600);
    await vif.deliver(frame, {
      fragments: [300, frame.length - 300],
      alter: (response, n) => (n === 1 ? { ...response, status: RSP.error } : response),
    });
    await stillPasses(t, 'RXW-12', vif);
  },
);

test(
  'recycles',
  'gets its buffers back from responses that carry nothing',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check('RXW-12', async () => {
      for (let n = 0; n < 300; n++) await wrong(vif, (response) => ({ ...response, status: RSP.error }));
      await vif.ping();
    });
  },
);

test('status-zero', 'survives a response of no bytes', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await wrong(vif, (response) => ({ ...response, status: 0 }));
  await survives(t, 'RXW-13', vif);
});

test('beyond-page', 'survives a response that leaves its page', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await wrong(vif, (response) => ({ ...response, offset: PAGE_SIZE - 10, status: 100 }));
  await survives(t, 'RXW-14', vif);
});

test('unknown-extra', 'survives an extra of unknown type', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.buffers(2);
  vif.queue.rx.enqueue(vif.pingFrame().frame, { flags: RXF.extraInfo });
  vif.queue.rx.putExtraBytes(Uint8Array.of(0x55, 0, 0, 0, 0, 0, 0, 0));
  vif.queue.pushRx();
  await survives(t, 'RXW-16', vif);
});

test('half-packet', 'survives a packet whose second half comes later', { ...SG, fresh: true }, async (t) => {
  const vif = await t.fresh();
  const { frame } = vif.pingFrame(600);
  await vif.buffers(2);
  vif.queue.rx.enqueue(frame.subarray(0, 300), { flags: RXF.moreData });
  vif.queue.pushRx();
  const { ring } = vif.queue.rx;
  await vif.until('look at the first half', () => distance(ring.rspProdPvt, ring.indices().rspEvent) <= 1);
  vif.queue.rx.enqueue(frame.subarray(300));
  vif.queue.pushRx();
  await survives(t, 'RXW-15', vif);
});

test('order', 'receives packets in the order of the ring', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const pings = Array.from({ length: 16 }, () => vif.pingFrame());
  await vif.buffers(pings.length);
  for (const ping of pings) vif.queue.rx.enqueue(ping.frame);
  vif.queue.pushRx();
  await t.check('RXW-09', async () => {
    const order: number[] = [];
    for (let n = 0; n < pings.length; n++) {
      const reply = await vif.receive('reply to each ping', ({ frame }) => pings.some((ping) => ping.isReply(frame)));
      order.push(pings.findIndex((ping) => ping.isReply(reply.frame)));
    }
    expect(order, 'order of the replies').to.deep.equal(pings.map((_, n) => n));
  });
});

/** Delivers a ping whose response is altered. */
async function wrong(
  vif: BackendPeer,
  alter: NonNullable<Parameters<BackendPeer['deliver']>[1]>['alter'],
): Promise<void> {
  await vif.deliver(vif.pingFrame().frame, alter ? { alter } : {});
}
