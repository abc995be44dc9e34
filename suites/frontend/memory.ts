/** Shared pages: what a frontend reads back from them, and what a backend can read in them. */
import { expect } from 'chai';
import { STATE_MS } from '../../harness/peer/xenbus-end.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { advance, distance, RING_OFFSET, slotOffset } from '../../harness/protocol/ring.js';
import type { BackRing } from '../../harness/protocol/shared-ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { countLost } from '../support/losses.js';
import { noise } from '../support/noise.js';
import {
  answer,
  expectUnchanged,
  grantedPage,
  happens,
  LATE_MS,
  readable,
  repeat,
  respondTo,
  stillPasses,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('memory');
export const memory = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
/** Some guests crash if their requests are overwritten. */
const ODD = { ...PING, destructive: true } as const;
/** Distance of a forged req_prod: more slots than a few packets use, fewer than the ring has. */
const FAR_AHEAD = 200;
/** Pings that use every slot of a ring. */
const PACKETS = 280;
/** Milliseconds for these pings: a guest may reply late. */
const ROUND_MS = 10_000;
/** Most pings that are sent to make the guest send a packet. */
const MOST_PINGS = 3;
/** Payload of the packets whose bytes are searched for, and the part of it that is searched. */
const SECRET_LENGTH = 500;
const SECRET = [300, 332] as const;

type Contents = (slots: readonly Uint8Array[]) => readonly Uint8Array[];

/** What is written over requests that the backend has read: random bytes, and other requests of the ring. */
const OVERWRITES: readonly Contents[] = [
  (slots) => slots.map((slot, n) => noise(n, slot.length)),
  (slots) => slots.map((slot, n) => slots[(n + 1) % slots.length] ?? slot),
];

test('tx-requests', 'completes the right packets after its tx requests were overwritten', ODD, async (t) => {
  const vif = await t.fresh();
  for (const contents of OVERWRITES) {
    const packets = await withhold(t, vif, 16, 2);
    overwrite(vif.queue.tx.ring, contents);
    const [early, late] = [packets.filter((_, n) => n % 2 === 1), packets.filter((_, n) => n % 2 === 0)];
    // A frontend with few buffers needs those that it sends from now on.
    respondTo(vif, early);
    await t.check('RING-21', async () => {
      // A frontend that sends has read its responses first.
      await vif.ping();
      for (const packet of late) expectUnchanged(t, vif, packet);
      answer(vif, late);
      for (let n = 0; n < 8; n++) await vif.ping();
    });
  }
});

test('rx-requests', 'keeps track of its buffers after its rx requests were overwritten', ODD, async (t) => {
  const vif = await t.fresh();
  for (let n = 0; n < 8; n++) {
    for (const contents of OVERWRITES) {
      await vif.buffers(1);
      overwrite(vif.queue.rx.ring, contents);
      await stillPasses(t, 'RING-21', vif);
    }
  }
  await vif.buffers(1);
  overwrite(vif.queue.rx.ring, (slots) => slots.map(({ length }, n) => noise(n, length)));
  const refs = vif.queue.rx.buffers.map(({ gref }) => gref);
  await t.unplug(vif);
  // Without traffic on another vif, the guest gives none of these references to another page.
  const open = (): number => refs.filter((ref) => readable(t, vif, ref)).length;
  await t.check('RING-21', () =>
    vif.context.patience.until('end of all grants of buffers', () => open() === 0, { ms: STATE_MS }),
  );
});

test('req-prod', 'continues from its own index after the backend has overwritten req_prod', ODD, async (t) => {
  const vif = await t.fresh();
  vif.monitor.lookAway();
  vif.queue.deaf = true;
  const { ring } = vif.queue.tx;
  const forged = advance(ring.reqCons, FAR_AHEAD);
  ring.page.store32(RING_OFFSET.reqProd, forged);
  const isOwn = (): boolean => ring.indices().reqProd !== forged;
  for (let n = 0; n < MOST_PINGS && !isOwn(); n++) {
    await vif.deliver(vif.pingFrame().frame);
    await happens(vif, 'new value of req_prod', isOwn);
  }
  if (!isOwn()) t.skip(`the guest does not reply to ${MOST_PINGS} pings`);
  await t.check('RING-21', async () => {
    const sent = distance(ring.reqCons, ring.indices().reqProd);
    expect(sent, 'requests up to req_prod').to.be.below(FAR_AHEAD);
    vif.queue.deaf = false;
    vif.queue.service();
    await vif.ping();
  });
});

test('held', 'does not hold more grants as it passes more packets', PING, async (t) => {
  if (!t.held()) t.skip('this host cannot count what a driver holds');
  const vif = await t.fresh();
  const { ring } = vif.queue.tx;
  const pings = async (): Promise<number> => {
    const before = ring.rspProdPvt;
    await repeat(t, vif, PACKETS, () => countLost(1, () => vif.ping({ tries: 1, ms: LATE_MS })), ROUND_MS);
    return distance(before, ring.rspProdPvt);
  };
  // The first packets may each need a new grant: a frontend may keep as many buffers as its rings have slots.
  await pings();
  const before = t.held()?.grants ?? 0;
  const packets = await pings();
  if (packets < PACKETS / 2) t.skip(`the guest sends ${packets} packets in response to ${PACKETS} pings`);
  const more = (): number => (t.held()?.grants ?? 0) - before;
  // A grant may end some time after the response.
  await t.check('GNT-13', () =>
    vif.context.patience.until(`end of the grants of ${packets} packets`, () => more() < packets / 2),
  );
});

test('other-vif', 'exposes no packet of another vif when trusted = 0', PING, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh(BACKEND_KEYS, { [KEY.trusted]: '0' });
  const secrets: Uint8Array[] = [];
  for (let n = 0; n < 20; n++) {
    const { frame } = await other.ping({ length: SECRET_LENGTH });
    secrets.push(frame.subarray(...SECRET));
  }
  const packets = await withhold(t, vif, 10);
  const refs = packets.flatMap(({ requests }) => requests.map(({ gref }) => gref));
  await vif.buffers(1);
  refs.push(...vif.queue.rx.buffers.map(({ gref }) => gref));
  await t.check('TRUST-01', () => {
    for (const ref of refs) {
      const page = Buffer.from(grantedPage(t, vif, ref));
      const found = secrets.findIndex((secret) => page.includes(Buffer.from(secret)));
      expect(found, `packet of the other vif in the page of grant ${ref}`).to.equal(-1);
    }
  });
});

/** Writes over all requests of a ring that the peer has read and that have no response yet. */
function overwrite({ page, layout, rspProdPvt, reqCons }: BackRing, contents: Contents): void {
  const count = distance(rspProdPvt, reqCons);
  const offsets = Array.from({ length: count }, (_, n) => slotOffset(layout, advance(rspProdPvt, n)));
  const slots = contents(offsets.map((at) => page.copyOut(at, layout.slotBytes)));
  offsets.forEach((at, n) => page.copyIn(at, slots[n] ?? new Uint8Array()));
}
