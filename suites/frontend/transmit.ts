/** netif.h, "Guest transmit", as a frontend must lay it out. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/packet/bytes.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RSP, TXF } from '../../harness/protocol/netif.js';
import { encodeTxResponse } from '../../harness/protocol/tx.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { stillPasses, survives } from './verbs.js';

const { test, tests } = frontendChapter('transmit');
export const transmit = tests;

const ETHERNET_HEADER = 14;

for (const length of [1, 18, 64, 1000, 1472]) {
  test(`payload-of-${length}`, `transmits a payload of ${length} bytes unchanged`, { reflector: 'icmp' }, async (t) => {
    const vif = await t.connect();
    await t.check(['TXW-01', 'TXW-03'], async () => {
      const { frame, requests } = await vif.ping({ length });
      expect(requests[0]?.size, 'size in the first slot').to.equal(frame.length);
      expect(frame.length, 'bytes of the packet').to.be.within(length + PING_HEADERS, MAX_TX_SIZE);
    });
  });
}

test('within-page', 'keeps each fragment in its page', { reflector: 'icmp' }, async (t) => {
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

test('slots', 'uses at most 18 slots a packet', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { requests } = await vif.ping({ length: 1472 });
  await t.check('SLOT-02', () => expect(requests.length, 'slots').to.be.at.most(NR_SLOTS_MIN));
});

test('later-flags', 'sets no flag but more_data on later fragments', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { requests } = await vif.ping({ length: 1472 });
  await t.check(['TXW-08', 'TXW-07'], () => {
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
    expect(sameBytes(frame.subarray(0, 6), vif.link.peer.mac), 'destination is the peer').to.equal(true);
  });
  await t.check('TXW-35', () => {
    const later = requests.slice(1).reduce((sum, request) => sum + request.size, 0);
    expect(frame.length - later, 'bytes in the first fragment').to.be.at.least(ETHERNET_HEADER);
  });
});

test('no-extras', 'sends no extra info that was not agreed', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { extras } = await vif.ping({ length: 1472 });
  await t.check(['GSO-01', 'MCAST-18', 'XDP-04'], () => expect(extras, 'extras').to.deep.equal([]));
});

test('no-sg', 'sends single slots to a backend without feature-sg', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.featureSg]: '0' });
  await t.check('TXW-32', async () => {
    for (const length of [64, 700, 1472]) {
      const { requests } = await vif.ping({ length });
      expect(requests.length, `slots of a packet of ${length} bytes`).to.equal(1);
    }
  });
});

test('read-only', 'grants what it transmits read-only', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  vif.queue.tx.respond = false;
  const { requests, frame } = await vif.ping();
  const [request] = requests;
  if (!request) throw new Error('a packet has a request');
  // What is there is written back, so that the attempt does no harm where it succeeds.
  const bytes = frame.subarray(0, 1);
  const [status] = t.domain.grants.copyTo([
    { domain: vif.iutDomain, ref: request.gref, offset: request.offset, bytes },
  ]);
  await t.check('GNT-05', () => expect(status, 'GNTST of a write to a tx page').to.be.below(0));
});

test('keeps-buffers', 'leaves a buffer alone until it is answered', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  vif.queue.tx.respond = false;
  const { requests, frame } = await vif.ping();
  for (let n = 0; n < 20; n++) await vif.ping();
  const [request] = requests;
  if (!request) throw new Error('a packet has a request');
  const length = Math.min(frame.length, request.size);
  const [copy] = t.domain.grants.copyFrom([
    { domain: vif.iutDomain, ref: request.gref, offset: request.offset, length },
  ]);
  await t.check('TXW-16', () => {
    expect(copy?.status, 'GNTST of the copy').to.equal(0);
    expect(sameBytes(copy?.bytes ?? new Uint8Array(), frame.subarray(0, length)), 'bytes are unchanged').to.equal(true);
  });
});

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  const title = `goes on after responses with status ${status}`;
  test(`response-${name}`, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    vif.queue.tx.respond = false;
    for (let n = 0; n < 8; n++) {
      vif.queue.tx.answer(await vif.ping(), status);
      vif.queue.pushTx();
    }
    vif.queue.tx.respond = true;
    await stillPasses(t, 'TXW-17', vif);
  });
}

test(
  'unknown-id',
  'survives a response with an id that it never used',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    vif.queue.tx.respond = false;
    await vif.ping();
    vif.queue.tx.ring.put(encodeTxResponse({ id: 0xfffe, status: RSP.okay }));
    vif.queue.pushTx();
    vif.queue.tx.respond = true;
    await survives(t, 'TXW-19', vif);
  },
);
