/** netif.h, "Guest receive", as a backend must fill buffers. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/packet/bytes.js';
import { CANARY } from '../../harness/peer/frontend-rx.js';
import { KEY, RSP, RXF } from '../../harness/protocol/netif.js';
import { RX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';

const { test, tests } = backendChapter('receive');
const BRIDGE = { fresh: true, needs: 'bridge' } as const;
export const receive = tests;

const BAD_REF = 0xfffffff0;
const DEFINED_FLAGS = RXF.dataValidated | RXF.csumBlank | RXF.moreData | RXF.extraInfo | RXF.gsoPrefix;

test('id', 'answers each buffer with its own id', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  await t.check('RXW-02', async () => {
    for (let n = 0; n < 10; n++) {
      const { slots } = await vif.ping();
      for (const { request, response } of slots) expect(response.id, 'id of the response').to.equal(request.id);
    }
  });
});

test('any-id', 'takes any 16-bit id and keeps each slot its own', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxIds: (n) => (0xffff - n * 257) & 0xffff });
  await t.check(['RXW-26', 'RXW-03'], async () => {
    for (let n = 0; n < 70; n++) {
      const { slots } = await vif.ping();
      for (const { request, response } of slots) expect(response.id, 'id of the response').to.equal(request.id);
    }
  });
});

for (const length of [1, 64, 1000, 1472]) {
  test(
    `payload-of-${length}`,
    `delivers a payload of ${length} bytes, counted right`,
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

test('within-page', 'stays within the page', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  // The peer itself refuses offset and status beyond the page, on every packet of every test.
  await t.check('RXW-07', () => vif.ping({ length: 1472 }));
});

test('writes-no-more', 'writes to a buffer only what it says', { fresh: true, reflector: 'icmp' }, async (t) => {
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
});

test('flags', 'sets no undefined flag, and none that was not agreed', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { slots } = await vif.ping({ length: 1472 });
  await t.check('RXW-23', () => {
    for (const { response } of slots) expect(response.flags & ~DEFINED_FLAGS, 'undefined flags').to.equal(0);
  });
  await t.check('GSO-10', () => {
    for (const { response } of slots) expect(response.flags & RXF.gsoPrefix, 'gso_prefix').to.equal(0);
  });
});

test('no-extras', 'sends no extra info that was not agreed', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const { extras } = await vif.ping({ length: 1472 });
  await t.check(['GSO-01', 'EXTRA-09'], () => expect(extras, 'extras').to.deep.equal([]));
});

test('pad', 'ignores the pad of a request', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxPad: 0xffff });
  await t.check('RXW-25', () => vif.ping());
});

test('wrap-around', 'goes round the rx ring', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await t.check(['RING-01', 'RING-04'], async () => {
    for (let n = 0; n < RX_RING.size + 50; n += 8) await Promise.all(Array.from({ length: 8 }, () => vif.ping()));
  });
});

test('full-ring', 'takes 256 posted buffers', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxBuffers: RX_RING.size });
  await t.check('RING-01', () => vif.ping());
});

test('no-buffers', 'survives that no buffer is posted', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxBuffers: 2 });
  vif.queue.rx.repost = false;
  for (let n = 0; n < 40; n++) await vif.transmit(vif.pingFrame().frame);
  vif.queue.rx.repost = true;
  vif.queue.post(64);
  await t.check('RXW-27', () => vif.ping());
});

test('bad-ref', 'reports a buffer that it may not write and goes on', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ rxBuffers: 1 });
  const { rx } = vif.queue;
  rx.nextRef = () => BAD_REF;
  vif.queue.post(1);
  rx.nextRef = undefined;
  vif.queue.post(62);
  for (let n = 0; n < 4 && rx.errors.length === 0; n++) await vif.transmit(vif.pingFrame().frame);
  await vif.until('response for the bad buffer', () => rx.errors.length > 0);
  await t.check('RXW-06', () => {
    expect(rx.errors[0]?.response.status, 'status of the bad buffer').to.be.oneOf([RSP.error, RSP.dropped]);
  });
  await t.check('GNT-10', () => vif.ping());
});

test(
  'lets-go',
  'no longer uses a buffer that it has answered',
  { fresh: true, observer: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    // Posted again, the buffer would rightly be the backend's.
    vif.queue.rx.repost = false;
    const { slots } = await vif.ping();
    const use = await t.domain.observer.grantUse(t.domain.id, slots[0]?.request.gref ?? 0);
    if (use === 'unknown') return t.skip('this host does not tell who uses a grant');
    await t.check(['RXW-18', 'GNT-08'], () => expect(use).to.equal('unused'));
  },
);

test('no-sg', 'sends single slots to a frontend without feature-sg', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh({ keys: { [KEY.featureSg]: undefined } });
  const { slots } = await vif.ping({ length: 1472 });
  await t.check('RXW-22', () => expect(slots.length, 'slots of the packet').to.equal(1));
});

test('order', 'delivers the packets of a queue in the order in which it got them', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const frames = Array.from({ length: 40 }, () => from.frameTo(to.link.peer.mac));
  for (const frame of frames) await from.transmit(frame);
  await t.check('RXW-20', async () => {
    for (const frame of frames) {
      const next = await to.receive('frame', (packet) => isLocal(packet.frame));
      expect(sameBytes(next.frame, frame), 'frame in its turn').to.equal(true);
    }
  });
});

test(
  'headroom',
  'leaves the headroom that is asked for, and tells of it',
  { gate: KEY.featureXdpHeadroom, fresh: true, reflector: 'icmp' },
  async (t) => {
    await t.check('XDP-03', async () => {
      const vif = await t.fresh({ keys: { [KEY.xdpHeadroom]: '256' } });
      const { extras } = await vif.ping();
      expect(extras.map((extra) => (extra.type === 'xdp' ? extra.headroom : extra.type))).to.deep.equal([256]);
    });
  },
);

/** Whether it's one of the frames that tests make up, and nothing that the guest says on its own. */
const isLocal = (frame: Uint8Array): boolean => frame[12] === 0x88 && frame[13] === 0xb5;
