/** netif.h, "Guest transmit": how a frontend lays out packets. */
import { decodeEthernet, ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { expect } from 'chai';
import { counted } from '../../harness/base/text.js';
import { GNTST } from '../../harness/protocol/grant.js';
import { viewOf } from '../../harness/bytes/codec.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { BackendQueue, QueuePacket } from '../../harness/peer/backend-queue.js';
import { KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RSP, TXF } from '../../harness/protocol/netif.js';
import type { Extra } from '../../harness/protocol/extra.js';
import { encodeTxResponse } from '../../harness/protocol/tx.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { rspName } from '../support/statuses.js';
import {
  expectUnchanged,
  expectUniqueIds,
  happens,
  respondTo,
  SHORT_PING,
  stillPasses,
  survives,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('transmit');
export const transmit = tests;

/** Where an IPv4 header holds the length of its packet. */
const IPV4_LENGTH = 2;
const FRESH = { fresh: true, reflector: 'icmp' } as const;

for (const length of [1, 18, 64, 1000, 1472]) {
  test(
    `payload-of-${length}`,
    `transmits a payload of ${counted(length, 'byte')} unchanged`,
    { reflector: length > SHORT_PING ? 'icmp-full' : 'icmp' },
    async (t) => {
      const vif = await t.connect();
      await t.check(['TXW-01', 'TXW-03'], async () => {
        const { frame, requests } = await vif.ping({ length });
        expect(requests[0]?.size, 'size in the first slot').to.equal(frame.length);
        expect(frame.length, 'bytes of the packet').to.be.within(length + PING_HEADERS, MAX_TX_SIZE);
      });
    },
  );
}

test('within-page', 'keeps each fragment within its page', { reflector: 'icmp-full' }, async (t) => {
  const vif = await t.connect();
  await t.check('TXW-04', async () => {
    for (let length = 100; length <= 1472; length += 196) {
      const { requests } = await vif.ping({ length });
      const later = requests.slice(1).reduce((sum, request) => sum + request.size, 0);
      requests.forEach(({ offset, size }, n) => {
        expect(offset + (n === 0 ? size - later : size), `end of fragment ${n}`).to.be.at.most(PAGE_SIZE);
      });
    }
  });
});

test('slots', 'uses at most 18 slots per packet', { reflector: 'icmp-full' }, async (t) => {
  const vif = await t.connect();
  const { requests } = await vif.ping({ length: 1472 });
  await t.check('SLOT-02', () => expect(requests.length, 'slots').to.be.at.most(NR_SLOTS_MIN));
});

test('later-flags', 'sets no flag except more_data on later fragments', { reflector: 'icmp-full' }, async (t) => {
  const vif = await t.connect();
  await t.check('TXW-07', () => vif.ping({ length: 1472 }));
  const { requests } = await vif.ping({ length: 1472 });
  await t.check('TXW-08', () => {
    requests.forEach(({ flags }, n) => {
      const more = n < requests.length - 1 ? TXF.moreData : 0;
      expect(n === 0 ? flags & TXF.moreData : flags, `flags of fragment ${n}`).to.equal(more);
    });
  });
});

test('header', 'starts the first fragment with the whole Ethernet header', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { frame, requests } = await vif.ping();
  await t.check('TXW-33', () => {
    // The next hop is the guest's choice, so the destination may be another MAC than that of the peer.
    const ip = decodeEthernet(frame);
    const end = ip.ok ? ETHERNET_HEADER + viewOf(ip.value.payload).getUint16(IPV4_LENGTH) : 0;
    expect(frame.length, 'bytes from the Ethernet header to the end of the IPv4 packet').to.equal(end);
  });
  await t.check('TXW-35', () => {
    const later = requests.slice(1).reduce((sum, request) => sum + request.size, 0);
    expect(frame.length - later, 'bytes in the first fragment').to.be.at.least(ETHERNET_HEADER);
  });
});

test('no-extras', 'sends no extra info that was not negotiated', { reflector: 'icmp-full' }, async (t) => {
  const vif = await t.connect();
  const { extras } = await vif.ping({ length: 1472 });
  const of = (...types: readonly Extra['type'][]): Extra[] => extras.filter(({ type }) => types.includes(type));
  await t.check('GSO-01', () => expect(of('gso'), 'GSO extras').to.deep.equal([]));
  await t.check('MCAST-18', () => expect(of('mcast-add', 'mcast-del'), 'multicast extras').to.deep.equal([]));
  await t.check('XDP-04', () => expect(of('xdp'), 'XDP extras').to.deep.equal([]));
});

test(
  'no-sg',
  'sends packets of one slot to a backend without feature-sg',
  { fresh: true, reflector: 'icmp-full' },
  async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.featureSg]: '0' });
    await t.check('TXW-32', async () => {
      for (const length of [64, 700, 1472]) {
        const { requests } = await vif.ping({ length });
        expect(requests.length, `slots of a packet of ${length} bytes`).to.equal(1);
      }
    });
  },
);

test('read-only', 'grants tx data read-only', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  for (const { tx } of vif.queues) tx.respond = false;
  const { requests, frame } = await vif.ping();
  const [request] = requests;
  if (!request) throw new Error('a packet has a request');
  // The same byte is written back, so that the attempt does no harm if it succeeds.
  const bytes = frame.subarray(0, 1);
  const [status] = t.domain.grants.copyTo([
    { domain: vif.iutDomain, ref: request.gref, offset: request.offset, bytes },
  ]);
  await t.check('GNT-05', () => {
    if (status === GNTST.okay) expect.fail('the tx page can be written; expected a read-only grant');
  });
});

for (const [name, keys] of [
  ['keeps-buffers', BACKEND_KEYS],
  ['keeps-mapped-buffers', { ...BACKEND_KEYS, [KEY.featureCtrlRing]: '1' }],
] as const) {
  const title = name === 'keeps-buffers' ? 'a buffer' : 'a buffer that it offered for mapping';
  test(name, `does not touch ${title} before the response`, FRESH, async (t) => {
    const vif = await t.fresh(keys);
    // Buffers that were used before are used again.
    for (let n = 0; n < 8; n++) await vif.ping();
    const packets = await withhold(t, vif, 20, 2);
    await t.check('TXW-16', () => {
      for (const packet of packets) expectUnchanged(t, vif, packet);
    });
  });
}

for (const [name, title, happening] of [
  ['unplug', 'another vif is unplugged', (t, other) => t.unplug(other)],
  ['connect', 'another vif connects', async (t) => (await t.fresh()).ping()],
] as const satisfies readonly (readonly [
  string,
  string,
  (t: FrontendTest, other: BackendPeer) => Promise<unknown>,
])[]) {
  test(`keeps-after-${name}`, `does not touch a buffer after ${title}`, FRESH, async (t) => {
    const other = await t.fresh();
    const vif = await t.fresh();
    const packets = await withhold(t, vif, 8, 1);
    await happening(t, other);
    // It may have no buffer left.
    packets.push(...(await withhold(t, vif, 8, 0)));
    await t.check('TXW-16', () => {
      for (const packet of packets) expectUnchanged(t, vif, packet);
    });
    await t.check('RING-16', () => expectUniqueIds(vif, packets));
  });
}

for (const answered of [0, 1]) {
  const title = `keeps a buffer of queue ${1 - answered} unchanged after responses on queue ${answered}`;
  test(`keeps-queue-${1 - answered}`, title, FRESH, async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
    const [one, other] = [vif.queues[answered], vif.queues[1 - answered]];
    if (!one || !other) return t.skip('the frontend uses a single queue');
    await vif.ping();
    for (const { tx } of vif.queues) tx.respond = false;
    vif.received.length = 0;
    for (let n = 0; n < 32; n++) await vif.deliver(vif.pingFrame().frame, {}, n % 2 === 0 ? one : other);
    const of = (queue: BackendQueue): QueuePacket[] => vif.received.filter((packet) => packet.queue === queue);
    await happens(vif, 'packets on each queue', () => of(one).length > 1 && of(other).length > 1);
    const [done, kept] = [of(one), of(other)];
    if (done.length === 0 || kept.length === 0) t.skip('the frontend sends on one of its queues only');
    vif.received.length = 0;
    for (const packet of done) one.tx.answer(packet, RSP.okay);
    one.pushTx();
    // Whatever the frontend sends now, it may use only the buffers that have their responses.
    await vif.deliver(vif.pingFrame().frame, {}, one);
    await happens(vif, 'another packet', () => vif.received.length > 0);
    await t.check('TXW-16', () => {
      for (const packet of kept) expectUnchanged(t, vif, packet);
    });
  });
}

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  const title = `continues after responses with status ${rspName(status)}`;
  test(`response-${name}`, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    respondTo(vif, await withhold(t, vif, 8), status);
    await stillPasses(t, 'TXW-17', vif);
  });
}

test(
  'unknown-id',
  'survives responses with ids that are not in flight, and keeps the buffers of those that are',
  { fresh: true, reflector: 'icmp', destructive: true },
  async (t) => {
    const vif = await t.fresh();
    const packets = await withhold(t, vif, 8);
    const [{ queue, requests } = t.skip('the frontend sends nothing')] = packets;
    // Half of an id that is in flight is right in one of them.
    const ids = [0xffff, (requests[0]?.id ?? 0) ^ 0x100].slice(0, packets.length);
    for (const id of ids) queue.tx.ring.put(encodeTxResponse({ id: queue.tx.unusedId(id), status: RSP.okay }));
    queue.pushTx();
    // It may also give up this connection; if it does not, it uses other buffers.
    await vif.deliver(vif.pingFrame().frame, {}, queue);
    if (await happens(vif, 'another packet', () => vif.received.some((packet) => packet.queue === queue))) {
      await t.check('TXW-16', () => {
        for (const packet of packets) expectUnchanged(t, vif, packet);
      });
    }
    for (const { tx } of vif.queues) tx.respond = true;
    await survives(t, 'TXW-19', vif);
  },
);
