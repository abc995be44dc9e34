/** ring.h: layout, indices, and what each end may write. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import { ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { KEY, RSP, TXF } from '../../harness/protocol/netif.js';
import type { TxRequest } from '../../harness/protocol/tx.js';
import { advance, RING_OFFSET, slotOffset, TX_RING, distance } from '../../harness/protocol/ring.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { arrives } from '../support/losses.js';
import { expectRsp, statusList } from '../support/statuses.js';
import { attachesToUsed, goesToConnected, waiting } from './connection-verbs.js';
import { REFUSALS, settledState, statusesOrSilence, unlessGivenUp } from './refusal-verbs.js';
import { through, useUp } from './verbs.js';

const { test, tests } = backendChapter('rings');
export const rings = tests;

/** Rounds in which a slot changes while it is read; on real Xen each is a race. */
const CHANGING_ROUNDS = 50;
/** Packets on one ring: more than an 8-bit counter of requests, and a 6-bit one of buffers, counts. */
const SOME_REQUESTS = 300;
const SOME_BUFFERS = 70;
/** Packets on one ring in a run that may take long. */
const MORE_THAN_16_BITS = 70_000;
/** Packets that are published at once. */
const BATCH = 64;
/** The same for a frontend with few buffers. */
const FEW = 10;
/** A size that no packet has: less than an Ethernet header. */
const TOO_SHORT = 5;
/** The bit in which the other id of a request differs that changes. */
const OTHER_ID = 0x8000;

test('response-per-request', 'responds to each request slot with one response slot', async (t) => {
  const vif = await t.connect();
  const { ring } = vif.queue.tx;
  await t.check('RING-09', async () => {
    for (let n = 0; n < 10; n++) await vif.transmit(vif.quietFrame());
    // The peer's own ARP reply may be in flight as well, so the two indices become equal in the end, not at once.
    await vif.until('rsp_prod equal to req_prod', () => {
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

test('many-requests', 'responds to each of many requests on one ring', { fresh: true }, async (t) => {
  const vif = await t.fresh();
  const count = t.rounds(SOME_REQUESTS, MORE_THAN_16_BITS);
  await t.check(['RING-04', 'RING-09'], async () => {
    for (let sent = 0; sent < count; sent += BATCH) {
      const slots = Array.from({ length: BATCH }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
      vif.queue.pushTx();
      await vif.answered(slots);
    }
  });
});

test('many-buffers', 'delivers many packets on one ring', { fresh: true, needs: 'bridge' }, async (t) => {
  const [from, to] = await t.bridged();
  const count = t.rounds(SOME_BUFFERS, MORE_THAN_16_BITS);
  const { ring } = to.queue.rx;
  const start = ring.rspCons;
  await t.check('RING-04', async () => {
    await useUp(from, to, count, FEW);
    await through(from, to, from.frameTo(to.link.peer.mac));
  });
  t.info(`the backend used ${distance(start, ring.rspCons)} buffers`);
});

test(
  'wrap-around',
  'finds slots by the masked index when the ring wraps around',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    await t.check(['RING-01', 'RING-08', 'RING-19'], async () => {
      for (let batch = 0; batch < 8; batch++) {
        const slots = Array.from({ length: 96 }, () => vif.queue.tx.enqueue(vif.quietFrame())).flat();
        vif.queue.pushTx();
        await vif.answered(slots);
      }
      await vif.ping();
    });
  },
);

test('index-wrap', 'keeps counting when an index wraps at 2^32', { fresh: true, reflector: 'icmp' }, async (t) => {
  await attachesToUsed(t);
  await t.check(['RING-04', 'NOTIFY-06'], async () => {
    const vif = await t.fresh({ start: 0xffffffc0 });
    for (let n = 0; n < 150; n++) await vif.ping();
    expect(vif.queue.tx.ring.indices().rspProd, 'rsp_prod past the wrap').to.be.below(0x1000);
  });
});

test(
  'requests-before-connected',
  'serves requests that were published before it connected',
  { fresh: true },
  async (t) => {
    const vif = await waiting(t);
    await vif.publish();
    const slots = [1, 2, 3].flatMap(() => vif.queue.tx.enqueue(vif.quietFrame()));
    vif.queue.pushTx();
    await goesToConnected(vif);
    await t.check('RING-03', async () => {
      // A backend may wait until its own network interface is up.
      await t.configure(vif);
      await vif.answered(slots);
    });
  },
);

test(
  'own-fields-only',
  'writes only its own fields in the ring page',
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
        expect(changed, `first changed byte of the ${length} bytes at ${at}`).to.equal(-1);
      }
      const { reqProd } = vif.queue.tx.ring.indices();
      expect(reqProd, 'req_prod').to.equal(vif.queue.tx.ring.reqProdPvt);
    });
  },
);

test('unused-slots', 'does not touch slots that hold no request', { fresh: true, reflector: 'icmp' }, async (t) => {
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

for (const [name, what, alter] of [
  ['changing-slot', 'size', (request) => ({ ...request, size: TOO_SHORT })],
  ['changing-offset', 'offset', (request) => ({ ...request, offset: PAGE_SIZE - ETHERNET_HEADER })],
  ['changing-id', 'size and id', (request) => ({ ...request, size: TOO_SHORT, id: request.id ^ OTHER_ID })],
] as const satisfies readonly (readonly [string, string, (request: TxRequest) => TxRequest])[]) {
  const title =
    name === 'changing-slot'
      ? 'acts on a single snapshot of a request that changes (no double fetch)'
      : `acts on a single snapshot of a request whose ${what} changes`;
  test(name, title, { fresh: true, reflector: 'icmp', flicker: true }, async (t) => {
    const vif = await t.fresh();
    const rounds = t.rounds(CHANGING_ROUNDS);
    // A reply that the stack loses would look like a request that was accepted and not forwarded, and so would a bad
    // request that the backend accepts at any time.
    if (await losesPings(vif)) t.skip('the stack does not reply to every ping');
    if (await accepts(await t.fresh(), alter)) t.skip(`the backend accepts a request with this ${what}`);
    let refused = 0;
    for (let round = 0; round < rounds; round += CHANGING_ROUNDS) {
      const pings: ChangingPing[] = [];
      for (let n = 0; n < CHANGING_ROUNDS; n++) pings.push(await changingPing(t, vif, alter));
      // When this reply arrives, those to all pings have arrived, unless the stack replies in another order.
      await unlessGivenUp(t, vif, vif.ping());
      const isReplied = ({ isReply }: ChangingPing): boolean => vif.received.some(({ frame }) => isReply(frame));
      const accepted = pings.filter(({ status }) => status === RSP.okay);
      await arrives(vif.until('reply to each accepted ping', () => accepted.every(isReplied), { on: [vif.arrived] }));
      await t.check('RING-12', () => {
        for (const ping of pings) {
          const { status, isOther } = ping;
          expectRsp(status, [RSP.okay, ...REFUSALS], 'a changing request');
          if (isOther && status === RSP.okay)
            expect.fail('a request got status OKAY and the id that it had with another, impossible size');
          if (isReplied(ping) === (status === RSP.okay)) continue;
          const reply = isReplied(ping) ? 'a reply' : 'no reply';
          expect.fail(`${reply} to a ping whose request got status ${statusList([status])}`);
        }
      });
      vif.received.length = 0;
      refused += pings.filter(({ status }) => status !== RSP.okay).length;
    }
    t.info(`${refused} rounds saw the bad ${what}`);
  });
}

test(
  'changing-flags',
  'responds to each slot once if more_data of the slot before it changes',
  { gate: KEY.featureSg, fresh: true, reflector: 'icmp', flicker: true },
  async (t) => {
    const vif = await t.fresh();
    const rounds = t.rounds(CHANGING_ROUNDS);
    await t.check('RING-12', async () => {
      for (let round = 0; round < rounds; round++) {
        // Two packets, or one of two fragments: the first slot's size is right for both.
        const frames = [vif.quietFrame(300), vif.quietFrame(100)];
        const flags = round % 2 === 0 ? 0 : TXF.moreData;
        await changing(vif, frames, () => ({ flags: flags ^ TXF.moreData }), { flags });
      }
    });
    await t.check('RING-12', () => vif.ping());
  },
);

for (const [name, jump, what] of [
  ['overflow', 2 * TX_RING.size, 'beyond the ring'],
  ['overflow-by-1', TX_RING.size + 1, 'one slot beyond the ring'],
  ['overflow-by-44', TX_RING.size + 44, '44 slots beyond the ring'],
  ['overflow-by-half', 2 ** 31, '2^31 slots ahead'],
  ['overflow-backward', -1, 'that moves backward'],
] as const) {
  test(name, `survives a req_prod ${what}`, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    await vif.transmit(vif.quietFrame());
    const { reqProdPvt } = vif.queue.tx.ring;
    vif.queue.tx.forgeReqProd(advance(reqProdPvt, jump));
    t.domain.events.notify(vif.queue.txPort);
    // A whole connection of another vif is the sentinel: by then the backend has seen the bad index.
    await t.check('ROB-01', async () => (await t.fresh()).ping());
    const { rspProd } = vif.queue.tx.ring.indices();
    await t.check('RING-10', () => expect(rspProd, 'rsp_prod').to.equal(reqProdPvt));
  });
}

test(
  'overflow-before-connected',
  'does not serve a ring that is overfull from the start',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await waiting(t);
    await vif.publish();
    vif.queue.tx.forgeReqProd(TX_RING.size + 1);
    const state = await settledState(t, vif);
    await t.check('RING-20', () => expect(state, 'state').not.to.equal(stateName(XENBUS_STATE.connected)));
  },
);

/** Whether the stack behind the backend leaves any of some pings without a reply. */
async function losesPings(vif: FrontendPeer): Promise<boolean> {
  const pings = Array.from({ length: CHANGING_ROUNDS }, () => vif.pingFrame());
  for (const { frame } of pings) await vif.transmit(frame);
  await vif.ping();
  return pings.some(({ isReply }) => !vif.received.some(({ frame }) => isReply(frame)));
}

/** Whether the backend responds with OKAY to a request that was changed before it was published. */
async function accepts(vif: FrontendPeer, alter: (request: TxRequest) => TxRequest): Promise<boolean> {
  const slots = vif.queue.tx.enqueue(vif.pingFrame().frame, { alter });
  vif.queue.pushTx();
  return (await statusesOrSilence(vif, slots))?.[0] === RSP.okay;
}

interface ChangingPing {
  readonly status: number | undefined;
  /** Whether its response has an id that it had only while it was impossible. */
  readonly isOther: boolean;
  readonly isReply: (frame: Uint8Array) => boolean;
}

/** Sends a ping whose request alternates between the real one and an impossible one. */
async function changingPing(
  t: BackendTest,
  vif: FrontendPeer,
  alter: (request: TxRequest) => TxRequest,
): Promise<ChangingPing> {
  const { frame, isReply } = vif.pingFrame();
  const { tx } = vif.queue;
  const slots = tx.enqueue(frame);
  const calm = tx.flicker(slots[0] as SentSlot, alter);
  try {
    vif.queue.pushTx();
    const statuses = (await statusesOrSilence(vif, slots)) ?? t.skip('the backend gives up the vif, as it may');
    return { status: statuses[0], isOther: slots[0]?.response?.id !== slots[0]?.id, isReply };
  } finally {
    calm();
  }
}

/** Sends two frames; the first one's request alternates with `change` of it. Waits for the response to each. */
async function changing(
  vif: FrontendPeer,
  frames: readonly Uint8Array[],
  change: (request: TxRequest, slots: readonly SentSlot[]) => Partial<TxRequest>,
  first: TxShape = {},
): Promise<void> {
  const { tx } = vif.queue;
  const slots = frames.flatMap((frame, n) => tx.enqueue(frame, n === 0 ? first : {}));
  const calm = tx.flicker(slots[0] as SentSlot, (request) => ({ ...request, ...change(request, slots) }));
  try {
    vif.queue.pushTx();
    await vif.answered(slots);
  } finally {
    calm();
  }
}
