/** netif.h, "Guest receive": how a backend fills buffers. */
import { expect } from 'chai';
import { counted } from '../../harness/base/text.js';
import { CANARY } from '../../harness/peer/canary.js';
import { KEY, RXF } from '../../harness/protocol/netif.js';
import { RX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { countLost } from '../support/losses.js';
import { expectRsp } from '../support/statuses.js';
import { REFUSALS, stillPasses } from './refusal-verbs.js';
import { BAD_REF, inOrder, useBuffers, expectRefusedBuffer } from './verbs.js';

const { test, tests } = backendChapter('receive');
const BRIDGE = { fresh: true, needs: 'bridge' } as const;
export const receive = tests;

/** Pings that may stay without a reply in a test that needs many. */
const MOST_LOST = 24;
const DEFINED_FLAGS = RXF.dataValidated | RXF.csumBlank | RXF.moreData | RXF.extraInfo | RXF.gsoPrefix;

test('id', 'responds to each rx request with its own id', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('RXW-02', async () => {
    for (let n = 0; n < 10; n++) {
      const { slots } = await vif.ping();
      for (const { request, response } of slots) expect(response.id, 'id of the response').to.equal(request.id);
    }
  });
});

test(
  'any-id',
  'accepts any 16-bit id and responds in the slot of the request',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    await t.check(['RXW-26', 'RXW-03'], async () => {
      const vif = await t.fresh({ rxIds: (n) => (0xffff - n * 257) & 0xffff });
      for (let n = 0; n < 70; n++) {
        const { slots } = await vif.ping();
        for (const { request, response } of slots) expect(response.id, 'id of the response').to.equal(request.id);
      }
    });
  },
);

for (const length of [1, 64, 1000, 1472]) {
  test(
    `payload-of-${length}`,
    `delivers a payload of ${counted(length, 'byte')} and counts it correctly`,
    { reflector: 'icmp' },
    async (t) => {
      const vif = await t.connect();
      await t.check('RXW-05', async () => {
        const { frame, slots } = await vif.ping({ length });
        const sum = slots.reduce((bytes, slot) => bytes + slot.response.status, 0);
        expect(sum, 'sum of the statuses').to.equal(frame.length);
      });
    },
  );
}

test('within-page', 'keeps offset and status within the page', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  // The peer itself rejects an offset and status beyond the page, on every packet of every test.
  await t.check('RXW-07', () => vif.ping({ length: 1472 }));
});

test(
  'writes-no-more',
  'writes to a buffer only the bytes that it reports',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check('RXW-19', async () => {
      for (const length of [1, 333, 1472]) {
        const { slots } = await vif.ping({ length });
        for (const { page, response } of slots) {
          const outside = [...page.subarray(0, response.offset), ...page.subarray(response.offset + response.status)];
          expect(outside.filter((byte) => byte !== CANARY).length, 'bytes changed outside the data').to.equal(0);
        }
      }
    });
  },
);

test('flags', 'sets only flags that are defined and negotiated', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { slots } = await vif.ping({ length: 1472 });
  await t.check('RXW-23', () => {
    for (const { response } of slots) expect(response.flags & ~DEFINED_FLAGS, 'undefined flags').to.equal(0);
  });
  await t.check('GSO-10', () => {
    for (const { response } of slots) expect(response.flags & RXF.gsoPrefix, 'gso_prefix').to.equal(0);
  });
});

test('no-extras', 'sends no extra info that was not negotiated', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { extras } = await vif.ping({ length: 1472 });
  const types = extras.map(({ type }) => type);
  await t.check('GSO-01', () => expect(types, 'types of extras').not.to.include('gso'));
  await t.check('XDP-04', () => expect(types, 'types of extras').not.to.include('xdp'));
  await t.check('EXTRA-09', () => {
    expect(types, 'types of extras').not.to.include.oneOf(['mcast-add', 'mcast-del']);
  });
});

test('pad', 'ignores the pad of a request', { fresh: true, reflector: 'icmp' }, async (t) => {
  await t.check('RXW-25', async () => (await t.fresh({ rxPad: 0xffff })).ping());
});

test('wrap-around', 'wraps around the rx ring', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { ring } = vif.queue.rx;
  const isPast = (): boolean => ring.rspCons > RX_RING.size + 50;
  await t.check(['RING-01', 'RING-04'], async () => {
    for (let lost = 0; lost < MOST_LOST && !isPast();) {
      // A backend may drop the later packets of a batch.
      const pings = Array.from({ length: lost > 0 ? 1 : 8 }, () => countLost(1, () => vif.ping({ tries: 1 })));
      for (const each of await Promise.all(pings)) lost += each;
    }
    await vif.ping();
  });
  if (!isPast()) t.skip('the stack does not reply to enough pings');
});

test('full-ring', 'supports 256 posted buffers', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.plug();
  await vif.connect({ rxBuffers: RX_RING.size });
  // The very first packets already arrive at a full ring.
  await t.check('RING-01', async () => {
    await t.configure(vif);
    await vif.ping();
  });
});

test('no-buffers', 'survives an rx ring without buffers', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await useBuffers(vif);
  for (let n = 0; n < 40; n++) await vif.transmit(vif.pingFrame().frame);
  vif.queue.rx.repost = true;
  vif.queue.post(64);
  await t.check('RXW-27', () => vif.ping());
});

test(
  'bad-ref',
  'reports a buffer that it may not write, and continues',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { rx } = vif.queue;
    rx.nextRef = () => BAD_REF;
    vif.queue.post(1);
    rx.nextRef = undefined;
    vif.queue.post(62);
    await t.check('GNT-10', () => expectRefusedBuffer(vif));
    const [bad] = rx.errors;
    if (bad) await t.check('RXW-06', () => expectRsp(bad.response.status, REFUSALS, 'the bad buffer'));
    await stillPasses(t, 'GNT-10', vif);
  },
);

test(
  'lets-go',
  'no longer uses a buffer after its response',
  { fresh: true, observer: true, reflector: 'icmp' },
  async (t) => {
    // A backend may spread a packet over many buffers.
    const vif = await t.fresh({ rxBuffers: 64 });
    // The backend may use a buffer that is posted again.
    vif.queue.rx.repost = false;
    const { slots } = await vif.ping();
    const use = await t.domain.observer.grantUse(t.domain.id, slots[0]?.request.gref ?? 0);
    if (use === 'unknown') return t.skip('this host cannot observe the use of grants');
    await t.check(['RXW-18', 'GNT-08'], () => expect(use, 'use of the buffer').to.equal('unused'));
    await vif.ping();
    // The monitor compares a buffer that is posted again with its contents when the response was read.
    vif.queue.post(2);
  },
);

test(
  'no-sg',
  'sends packets of one slot to a frontend without feature-sg',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh({ keys: { [KEY.featureSg]: undefined } });
    const { slots } = await vif.ping({ length: 1472 });
    await t.check('RXW-22', () => expect(slots.length, 'slots of the packet').to.equal(1));
  },
);

test('order', 'delivers the packets of a queue in the order in which it received them', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const frames = Array.from({ length: 40 }, () => from.frameTo(to.link.peer.mac));
  for (const frame of frames) await from.transmit(frame);
  await inOrder(t, 'RXW-20', [from, to], frames);
});

test(
  'headroom',
  'leaves the requested headroom and reports it',
  { gate: KEY.featureXdpHeadroom, fresh: true, reflector: 'icmp' },
  async (t) => {
    await t.check('XDP-03', async () => {
      const vif = await t.fresh({ keys: { [KEY.xdpHeadroom]: '256' } });
      const { extras } = await vif.ping();
      expect(
        extras.map((extra) => (extra.type === 'xdp' ? extra.headroom : extra.type)),
        'headroom',
      ).to.deep.equal([256]);
    });
  },
);
