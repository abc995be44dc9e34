/** ring.h: layout, indices and what either end may write. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { RSP } from '../../harness/protocol/netif.js';
import { RING_OFFSET, slotOffset, TX_RING, distance } from '../../harness/protocol/ring.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { Violation } from '../../harness/peer/violation.js';
import { Expired } from '../../harness/xen/wait.js';
import { refusesToConnect, statusesOrSilence } from './verbs.js';

const { test, tests } = backendChapter('rings');
export const rings = tests;

/** Rounds in which a slot changes while it is read; on real Xen each is a race. */
const CHANGING_ROUNDS = 50;
/** Bytes that no packet has: less than an Ethernet header. */
const TOO_SHORT = 5;

test('response-per-request', 'answers each request slot with one response slot', async (t) => {
  const vif = await t.connect();
  const { ring } = vif.queue.tx;
  await t.check('RING-09', async () => {
    for (let n = 0; n < 10; n++) await vif.transmit(vif.quietFrame());
    // The peer's own answer to an ARP request may be under way besides, so the two meet in the end, not at once.
    await vif.until('rsp_prod at req_prod', () => {
      const { reqProd, rspProd } = ring.indices();
      return rspProd === reqProd;
    });
  });
});

test('full-ring', 'serves 256 requests that are published at once', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  const slots = Array.from({ length: TX_RING.size }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
  vif.queue.pushTx();
  await t.check(['RING-01', 'RING-09'], () => vif.answered(slots));
});

test(
  'wrap-around',
  'finds slots by the masked index, round and round',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check(['RING-01', 'RING-08'], async () => {
      for (let batch = 0; batch < 8; batch++) {
        const slots = Array.from({ length: 96 }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
        vif.queue.pushTx();
        await vif.answered(slots);
      }
      await vif.ping();
    });
  },
);

test('index-wrap', 'counts on when an index passes 2^32', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.plug();
  try {
    await vif.connect({ start: 0xffffffc0 });
    await t.configure(vif);
  } catch (error) {
    if (!(error instanceof Expired || error instanceof Violation)) throw error;
    // Attaching at 0 is as good by ring.h: then the wrap is 2^32 messages away.
    return t.skip('the backend attaches at index 0, not at the current rsp_prod');
  }
  await t.check(['RING-04', 'NOTIFY-06'], async () => {
    for (let n = 0; n < 150; n++) await vif.ping();
    expect(vif.queue.tx.ring.indices().rspProd, 'rsp_prod past the wrap').to.be.below(0x1000);
  });
});

test(
  'requests-before-connected',
  'serves requests that were published before it connected',
  { fresh: true },
  async (t) => {
    const vif = await t.plug();
    await vif.awaitState([XENBUS_STATE.initWait]);
    await vif.publish();
    const slots = [1, 2, 3].flatMap(() => vif.queue.tx.enqueue(vif.quietFrame()));
    vif.queue.pushTx();
    await vif.setState(XENBUS_STATE.connected);
    await vif.awaitState([XENBUS_STATE.connected]);
    await t.check('RING-03', async () => {
      // A backend may well wait until its own network interface is up.
      await t.configure(vif);
      await vif.answered(slots);
    });
  },
);

test(
  'own-fields-only',
  'writes to the ring page nothing but its own fields',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const { page } = vif.queue.tx.ring;
    const end = slotOffset(TX_RING, TX_RING.size - 1) + TX_RING.slotBytes;
    const areas = [
      { at: RING_OFFSET.pvt, length: RING_OFFSET.slots - RING_OFFSET.pvt },
      { at: end, length: PAGE_SIZE - end },
    ];
    for (const { at, length } of areas) page.copyIn(at, new Uint8Array(length).fill(0xa5));
    await vif.ping();
    await t.check('RING-13', () => {
      for (const { at, length } of areas) {
        const changed = page.copyOut(at, length).findIndex((byte) => byte !== 0xa5);
        expect(changed, `first changed byte of the ${length} from ${at}`).to.equal(-1);
      }
      const { reqProd } = vif.queue.tx.ring.indices();
      expect(reqProd, 'req_prod').to.equal(vif.queue.tx.ring.reqProdPvt);
    });
  },
);

test('unused-slots', 'leaves slots alone that hold no request', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { page, reqProdPvt } = vif.queue.tx.ring;
  const ahead = Array.from({ length: 32 }, (_, n) => slotOffset(TX_RING, reqProdPvt + 64 + n));
  for (const at of ahead) page.copyIn(at, new Uint8Array(TX_RING.slotBytes).fill(0xa5));
  await vif.ping();
  await t.check('RING-13', () => {
    const touched = ahead.filter((at) => page.copyOut(at, TX_RING.slotBytes).some((byte) => byte !== 0xa5));
    expect(touched, 'slots beyond req_prod that changed').to.deep.equal([]);
  });
});

test('changing-slot', 'takes a changing request for one thing', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const rounds = t.rounds(CHANGING_ROUNDS);
  let refused = 0;
  for (let round = 0; round < rounds; round += CHANGING_ROUNDS) {
    const pings: ChangingPing[] = [];
    for (let n = 0; n < CHANGING_ROUNDS; n++) pings.push(await changingPing(t, vif));
    // Answers come in the order of the pings: with this one all have come.
    await vif.ping();
    await t.check('RING-12', () => {
      for (const { status, isReply } of pings) {
        expect(status, 'status of a changing request').to.be.oneOf([RSP.okay, RSP.error]);
        const answered = vif.received.some((packet) => isReply(packet.frame));
        expect(answered, `answer to a ping whose request got status ${status}`).to.equal(status === RSP.okay);
      }
    });
    vif.received.length = 0;
    refused += pings.filter(({ status }) => status !== RSP.okay).length;
  }
  t.info(`${refused} rounds saw the bad size`);
});

test('overflow', 'survives a req_prod beyond the ring', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const { page, reqProdPvt } = vif.queue.tx.ring;
  page.store32(RING_OFFSET.reqProd, (reqProdPvt + 2 * TX_RING.size) >>> 0);
  t.domain.events.notify(vif.queue.txPort);
  // A whole connection of another vif is the sentinel: by then the bad index has been looked at.
  await t.check('RING-10', async () => (await t.fresh()).ping());
  const { rspProd } = vif.queue.tx.ring.indices();
  await t.check('RING-10', () => expect(rspProd, 'rsp_prod').to.equal(reqProdPvt));
  await t.check('RING-14', () => {
    expect(distance(reqProdPvt, rspProd), 'responses').to.be.at.most(TX_RING.size);
  });
});

test(
  'overflow-before-connected',
  'does not serve a ring that starts overfull',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.plug();
    await vif.awaitState([XENBUS_STATE.initWait]);
    await vif.publish();
    vif.queue.tx.ring.page.store32(RING_OFFSET.reqProd, TX_RING.size + 1);
    await vif.setState(XENBUS_STATE.connected);
    await refusesToConnect(t, 'RING-20', vif);
  },
);

interface ChangingPing {
  readonly status: number | undefined;
  readonly isReply: (frame: Uint8Array) => boolean;
}

/** Sends a ping whose request tells, from one moment to the next, its size or one that no packet has. */
async function changingPing(t: BackendTest, vif: FrontendPeer): Promise<ChangingPing> {
  const { frame, isReply } = vif.pingFrame();
  const { tx } = vif.queue;
  const slots = tx.enqueue(frame);
  const calm = tx.flicker(slots[0] as SentSlot, (request) => ({ ...request, size: TOO_SHORT }));
  try {
    vif.queue.pushTx();
    const statuses = (await statusesOrSilence(vif, slots)) ?? t.skip('the backend gives the vif up, as it may');
    return { status: statuses[0], isReply };
  } finally {
    calm();
  }
}
