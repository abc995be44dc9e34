/** netif.h and ring.h at every place: packets at each distance from the end of a ring, ids that differ in one bit. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { Violation } from '../../harness/peer/violation.js';
import { encodeExtra, type ExtraHash } from '../../harness/protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, KEY, RSP, TX_BLANK } from '../../harness/protocol/netif.js';
import { RX_RING, TX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import {
  describes,
  gsoExtra,
  isPart,
  LARGE,
  largeAfter,
  largeFrame,
  payloadOf,
  throughLarge,
} from '../support/large-packets.js';
import { arrives } from '../support/losses.js';
import { mixed, orderOf } from '../support/order.js';
import { setToeplitz, through } from './verbs.js';

const { test, tests } = backendChapter('positions');
export const positions = tests;

const GSO = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const HASHED = { ...GSO, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] } as const;
const SG = { gate: KEY.featureSg } as const;
const ACCEPTS_V4 = { keys: { [KEY.featureGsoTcpv4]: '1' } } as const;

const gso = gsoExtra(GSO_TYPE.tcpv4);
const hash: ExtraHash = { type: 'hash', flags: 0, hashType: 0, algorithm: 1, value: 0x12345678 };
const LARGE_SHAPE: TxShape = { flags: TX_BLANK, extras: [gso] };
/** Slots of a large packet in the tx ring: three of data and its extra. */
const LARGE_SLOTS = 4;

/** Asserts that each packet describes itself as large, if it is. */
function expectDescribed(packets: readonly QueuePacket[]): void {
  for (const packet of packets) if (payloadOf(packet.frame).length > gso.size) describes(packet, gso.gsoType);
}

/** The first of 17 ids; each of the others differs from it in one bit. */
const FIRST_ID = 0x5a5a;
const IDS = [FIRST_ID, ...Array.from({ length: 16 }, (_, bit) => FIRST_ID ^ (1 << bit))];

/** The index of a slot 0, and slots from the start of an rx ring to it: fewer than a few large packets use. */
const END = 2 ** 16;
const BEFORE_END = 11;
/** Places in a ring at which the first slot of a packet lies, so that each of its slots is once the last of the ring. */
const PLACES = 6;
/** Large packets that take the rx ring past its end. */
const MOST_LARGE = 8;

/** Sends frames that get no reply until the next tx slot is the one at `place` of the ring. */
async function moveTo(vif: FrontendPeer, place: number): Promise<void> {
  const { tx } = vif.queue;
  const missing = (place + TX_RING.size - (tx.ring.reqProdPvt % TX_RING.size)) % TX_RING.size;
  for (let left = missing; left > 0; left -= 64) {
    const slots = Array.from({ length: Math.min(64, left) }, () => tx.enqueue(vif.quietFrame())).flat();
    vif.queue.pushTx();
    await vif.answered(slots);
  }
}

test('tx', 'accepts a large packet wherever it crosses the end of the tx ring', GSO, async (t) => {
  // Nothing has to wait for a buffer, although the frames before the large one may reach this end too.
  const [from, to] = await t.bridged({}, { ...ACCEPTS_V4, rxBuffers: RX_RING.size });
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  for (let before = LARGE_SLOTS; before >= 0; before--) {
    await moveTo(from, TX_RING.size - before);
    await t.check(['TXW-09', 'RING-01'], () =>
      largeAfter(to, frame, async () => {
        const [first] = await from.transmit(frame, LARGE_SHAPE);
        expect(first?.response?.status, `status of a packet with ${before} slots before the end`).to.equal(RSP.okay);
      }),
    );
  }
});

test('rx', 'delivers a large packet wherever it crosses the end of the rx ring', GSO, async (t) => {
  for (let shift = 0; shift < PLACES; shift++) {
    const pair = async (): Promise<[FrontendPeer, FrontendPeer]> => {
      try {
        const peers = await t.bridged({}, { ...ACCEPTS_V4, start: END - BEFORE_END - shift });
        await through(...peers, peers[0].frameTo(peers[1].link.peer.mac));
        return peers;
      } catch (error) {
        if (!(error instanceof Expired || error instanceof Violation)) throw error;
        return t.skip('the backend attaches at index 0, not at the current rsp_prod');
      }
    };
    const [from, to] = await pair();
    const { ring } = to.queue.rx;
    const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    await t.check('RXW-09', async () => {
      for (let n = 0; n < MOST_LARGE && ring.rspCons <= END; n++)
        await throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGE);
      const part = to.received.find((packet) => isPart(packet.frame, frame));
      expect(part?.frame.length, 'length of a packet that is a part of another').to.equal(undefined);
    });
    if (ring.rspCons <= END) t.info(`the rx ring did not pass its end: ${END - ring.rspCons} slots are left`);
    for (const peer of [from, to]) await t.unplug(peer);
  }
});

test('ids-in-packet', 'responds to the fragments of a packet whose ids differ in one bit', SG, async (t) => {
  const vif = await t.connect();
  const fragments = [200, ...Array<number>(IDS.length - 1).fill(10)];
  const length = fragments.reduce((sum, each) => sum + each, 0);
  await t.check(['TXW-10', 'TXW-11'], () => vif.transmit(vif.quietFrame(length), { fragments, ids: IDS }));
});

test('ids-at-once', 'responds to packets in flight whose ids differ in one bit', async (t) => {
  const vif = await t.connect();
  await t.check('TXW-10', async () => {
    for (const ids of [IDS, [...IDS].reverse()]) {
      const slots = ids.flatMap((id) => vif.queue.tx.enqueue(vif.quietFrame(), { ids: [id] }));
      vif.queue.pushTx();
      await vif.answered(slots);
    }
  });
});

test('extra-flags', 'reads the extra after one with undefined flags', HASHED, async (t) => {
  const [from, to] = await t.bridged({ control: true }, ACCEPTS_V4);
  // Only a backend with Toeplitz hashing is assumed to accept HASH extras.
  await setToeplitz(t, from);
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  for (const [first, second] of [
    [gso, hash],
    [hash, gso],
  ] as const) {
    const usual = { ...first, flags: EXTRA_FLAG_MORE };
    const send = (extra: typeof first) => (): Promise<unknown> =>
      from.transmit(frame, { flags: TX_BLANK, chain: [encodeExtra(extra), encodeExtra(second)] });
    if (!(await arrives(largeAfter(to, frame, send(usual))))) t.skip('the backend refuses two extras');
    for (const flags of [0x81, 0xff]) {
      await t.check('EXTRA-11', async () => {
        expectDescribed(await largeAfter(to, frame, send({ ...first, flags })));
      });
    }
  }
});

test('order', 'forwards small and large packets in the order in which they were sent', GSO, async (t) => {
  const [from, to] = await t.bridged({}, { ...ACCEPTS_V4, rxBuffers: 64 });
  const frames = mixed(from, to);
  for (const { frame, isLarge } of frames) from.queue.tx.enqueue(frame, isLarge ? LARGE_SHAPE : {});
  from.queue.pushTx();
  // When this one arrives, all those have arrived that were not dropped, unless some overtake others.
  await through(from, to, from.frameTo(to.link.peer.mac));
  const order = await orderOf(to, frames);
  if (order.length < 2) t.skip(`${order.length} of ${frames.length} packets came through the guest`);
  await t.check('TXW-30', () => {
    expect(order, 'order of the packets').to.deep.equal([...order].sort((a, b) => a - b));
  });
});
