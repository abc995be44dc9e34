/** ring.h: layout, indices and what either end may write. */
import { expect } from 'chai';
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { distance, RING_OFFSET, slotOffset, TX_RING } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { sameBytes } from '../../harness/packet/bytes.js';
import { noncePayload } from '../../harness/packet/build.js';
import { ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { survives } from './verbs.js';

const { test, tests } = frontendChapter('rings');
export const rings = tests;

/** Rounds in which a slot changes while it is read; on real Xen each is a race. */
const CHANGING_ROUNDS = 50;
/** The two lengths that a changing response tells. */
const LONG = 1000;
const SHORT = 100;

test('initialised', 'initialises the ring pages before it tells of them', { fresh: true }, async (t) => {
  const vif = await t.plug();
  await vif.setState(XENBUS_STATE.initWait);
  await vif.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected]);
  await vif.mapRings();
  await t.check('RING-02', () => {
    for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
      const { rspProd, rspEvent } = ring.indices();
      expect({ rspProd, rspEvent }, `${ring.layout.name} ring`).to.deep.equal({ rspProd: 0, rspEvent: 1 });
      const pad = ring.page.copyOut(RING_OFFSET.pvt, RING_OFFSET.slots - RING_OFFSET.pvt);
      expect(pad.filter((byte) => byte !== 0).length, 'bytes of pvt and pad that are set').to.equal(0);
    }
  });
});

test('unique-ids', 'has no id in flight twice', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  vif.queue.tx.respond = false;
  const packets = await collect(vif, 24);
  const ids = packets.flatMap((packet) => packet.requests.map((request) => request.id));
  await t.check('RING-16', () =>
    expect(new Set(ids).size, `different ids among ${ids.join(' ')}`).to.equal(ids.length),
  );
});

test('any-order', 'takes responses in any order', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  vif.queue.tx.respond = false;
  const packets = await collect(vif, 16);
  for (const packet of packets.reverse()) vif.queue.tx.answer(packet);
  vif.queue.pushTx();
  vif.queue.tx.respond = true;
  await t.check(['RING-15', 'TXW-17'], async () => {
    for (let n = 0; n < 32; n++) await vif.ping();
  });
});

test('wrap-around', 'goes round both rings', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await t.check(['RING-01', 'RING-04'], async () => {
    for (let n = 0; n < TX_RING.size + 50; n += 8) await Promise.all(Array.from({ length: 8 }, () => vif.ping()));
  });
});

test('changing-slot', 'takes a changing response for one thing', { needs: 'bridge', fresh: true }, async (t) => {
  const rounds = t.rounds(CHANGING_ROUNDS);
  let short = 0;
  await t.check('RING-12', async () => {
    for (let round = 0; round < rounds; round += CHANGING_ROUNDS) {
      // A slot that is refilled at once may be hit once more, which shows when its turn comes: not with this vif.
      const pair = await t.bridged();
      for (let n = 0; n < CHANGING_ROUNDS; n++) if ((await changingFrame(...pair)) === SHORT) short++;
      for (const vif of pair) await t.unplug(vif);
    }
  });
  t.info(`${short} rounds saw the shorter of two lengths`);
});

test(
  'outstanding',
  'never has more requests outstanding than the ring has slots',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    vif.queue.tx.respond = false;
    await collect(vif, 30);
    await t.check('RING-06', () => {
      for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
        const { reqProd, rspProd } = ring.indices();
        expect(distance(rspProd, reqProd), `outstanding on the ${ring.layout.name} ring`).to.be.at.most(
          ring.layout.size,
        );
      }
    });
  },
);

test(
  'own-fields-only',
  'writes to the ring pages nothing but its own fields',
  { fresh: true, reflector: 'icmp' },
  async (t) => {
    const vif = await t.fresh();
    const areas = [vif.queue.tx.ring, vif.queue.rx.ring].flatMap(({ page, layout }) => {
      const end = slotOffset(layout, layout.size - 1) + layout.slotBytes;
      return [
        { page, at: RING_OFFSET.pvt, length: RING_OFFSET.slots - RING_OFFSET.pvt },
        { page, at: end, length: PAGE_SIZE - end },
      ];
    });
    for (const { page, at, length } of areas) page.copyIn(at, new Uint8Array(length).fill(0xa5));
    await vif.ping();
    await t.check('RING-13', () => {
      for (const { page, at, length } of areas) {
        const changed = page.copyOut(at, length).findIndex((byte) => byte !== 0xa5);
        expect(changed, `first changed byte of the ${length} from ${at}`).to.equal(-1);
      }
      for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
        expect(ring.indices().rspProd, `rsp_prod of the ${ring.layout.name} ring`).to.equal(ring.rspProdPvt);
      }
    });
  },
);

for (const half of ['tx', 'rx'] as const) {
  const title = `survives more ${half} responses than there were requests`;
  const options = { fresh: true, reflector: 'icmp', destructive: true } as const;
  test(`overflow-${half}`, title, options, async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue[half];
    ring.page.store32(RING_OFFSET.rspProd, (ring.rspProdPvt + 2 * ring.layout.size) >>> 0);
    t.domain.events.notify(half === 'tx' ? vif.queue.txPort : vif.queue.rxPort);
    await survives(t, 'RING-11', vif);
    // The vif is lost, but it must be possible to take it out and to plug another.
    await t.unplug(vif);
    await t.check('RING-18', async () => (await t.fresh()).ping());
  });
}

/** Pings `count` times without answering what the frontend transmits, and answers those packets. */
async function collect(vif: BackendPeer, count: number): Promise<QueuePacket[]> {
  const packets: QueuePacket[] = [];
  for (let n = 0; n < count; n++) {
    const { frame, isReply } = vif.pingFrame();
    await vif.deliver(frame);
    packets.push(await vif.receive('reply to each ping', (packet) => isReply(packet.frame)));
  }
  return packets;
}

/**
 * Delivers a frame in a slot that tells, from one moment to the next, one of two lengths. Answers that of the frame
 * that comes out of the bridge.
 */
async function changingFrame(from: BackendPeer, to: BackendPeer): Promise<number> {
  const frame = from.frameTo(to.link.peer.mac, noncePayload(1, LONG - ETHERNET_HEADER));
  const header = frame.subarray(0, ETHERNET_HEADER);
  await from.buffers(1);
  from.queue.rx.enqueue(frame);
  const calm = from.queue.rx.flicker((response) => ({ ...response, status: SHORT }));
  try {
    from.queue.pushRx();
    const cameOut = (packet: QueuePacket): boolean => sameBytes(packet.frame.subarray(0, ETHERNET_HEADER), header);
    const out = (await to.receive('frame that came in', cameOut)).frame;
    expect(out.length, 'bytes of the frame that comes out').to.be.oneOf([LONG, SHORT]);
    expect(sameBytes(out, frame.subarray(0, out.length)), 'bytes come out as they came in').to.equal(true);
    return out.length;
  } finally {
    calm();
  }
}
