/** Packets of which one buffer or more can't be used: the driver refuses those alone, and releases what it has. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { GSO_TYPE, KEY, RSP } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { isPart, isPiece, LARGE, largeFrame, payloadOf } from '../support/large-packets.js';
import { arrives, countLost, expectSomeArrive } from '../support/losses.js';
import { expectRsp } from '../support/statuses.js';
import {
  continues,
  needsNoEvent,
  REFUSALS,
  statuses,
  statusesAtLast,
  statusesOrSilence,
  stillPasses,
  survivesElsewhere,
} from './refusal-verbs.js';
import { BAD_REF, grantUses, LARGE_SHAPE, through } from './verbs.js';

const { test, tests } = backendChapter('refusals');
export const refusals = tests;

const FRESH = { gate: KEY.featureSg, fresh: true, reflector: 'icmp' } as const;
const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const GSO = { gate: [KEY.featureSg, KEY.featureGsoTcpv4], fresh: true } as const;
/** A packet of seven fragments; Linux copies the first 128 bytes and maps the rest. */
const FRAGMENTS = [100, 28, 200, 1, 300, 700, 50];
const LENGTH = FRAGMENTS.reduce((sum, each) => sum + each, 0) - PING_HEADERS;
/** The fragments whose grant is invalid: each one alone, some of them, and all. */
const PLACES = [...FRAGMENTS.keys()].map((place) => [place]).concat([[0, 6], [1, 2, 4], [...FRAGMENTS.keys()]]);

interface Refused {
  readonly places: readonly number[];
  readonly slots: readonly SentSlot[];
  readonly isReply: (frame: Uint8Array) => boolean;
}

/** Enqueues a ping, some of whose fragments name grants that do not exist. */
function enqueueBad(vif: FrontendPeer, places: readonly number[]): Refused {
  const { frame, isReply } = vif.pingFrame(LENGTH);
  const slots = vif.queue.tx.enqueue(frame, {
    fragments: FRAGMENTS,
    alter: (request, n) => (places.includes(n) ? { ...request, gref: BAD_REF } : request),
  });
  return { places, slots, isReply };
}

test(
  'each-fragment',
  'refuses fragments with invalid grants wherever they are, and passes the next packet',
  FRESH,
  async (t) => {
    const vif = await t.fresh();
    for (const places of PLACES) {
      const { slots, isReply } = enqueueBad(vif, places);
      const next = vif.queue.tx.enqueue(vif.quietFrame());
      vif.queue.pushTx();
      const seen = await statusesAtLast(t, vif, [...slots, ...next]);
      await t.check(['TXW-28', 'GNT-10'], () => {
        for (const n of places) expectRsp(seen?.[n], REFUSALS, `fragment ${n} of ${places.join()}`);
        expectRsp(seen?.[slots.length], [RSP.okay, RSP.dropped], 'the next packet');
      });
      if (!seen) break;
      await stillPasses(t, 'TXW-28', vif);
      const replied = vif.received.some(({ frame }) => isReply(frame));
      await t.check('TXW-14', () => expect(replied, 'a reply to a packet without all its pages').to.equal(false));
    }
    await survivesElsewhere(t);
  },
);

test(
  'lets-go',
  'no longer uses the other pages of a packet that it refused',
  { ...FRESH, observer: true },
  async (t) => {
    const vif = await t.fresh();
    for (const places of PLACES) {
      const { slots } = enqueueBad(vif, places);
      vif.queue.pushTx();
      await t.check('TXW-28', () => vif.answered(slots));
      const refs = slots.filter((_, n) => !places.includes(n)).map(({ ref = 0 }) => ref);
      const uses = await grantUses(t, refs);
      await t.check(['TXW-15', 'GNT-08'], () =>
        expect(uses, 'use of the good pages').to.deep.equal(refs.map(() => 'unused')),
      );
    }
    const pages = vif.refs;
    await t.check(['XB-12', 'GNT-08'], async () => {
      await vif.shut();
      expect(new Set(await grantUses(t, pages)), 'use of all pages after the close').to.deep.equal(new Set(['unused']));
    });
  },
);

/** What makes a packet of one slot malformed. Linux gives up a vif whose packet crosses its page. */
const MALFORMED = [
  ['size-1', 'has a size of 1', 'TXW-25', { size: 1 }],
  ['bad-grant', 'names an invalid grant', 'TXW-28', { gref: BAD_REF }],
  ['beyond-page', 'crosses its page', 'TXW-05', { offset: PAGE_SIZE - 10 }],
] as const;

test('with-extra', 'responds to the extra of each packet that it refuses', GSO, async (t) => {
  const vif = await t.fresh();
  const frame = largeFrame(vif.link.peer, vif.link.iut, PAGE_SIZE / 2, GSO_TYPE.tcpv4);
  const tooMuch: TxShape = {
    fragments: [100, frame.length - 100],
    alter: (request, n) => (n === 0 ? { ...request, size: 100 } : request),
  };
  const others = MALFORMED.map(([, what, , change]): [string, TxShape] => [
    what,
    { alter: (request) => ({ ...request, ...change }) },
  ]);
  for (const [what, shape] of [['is shorter than its fragments', tooMuch] as const, ...others]) {
    const slots = vif.queue.tx.enqueue(frame, { ...LARGE_SHAPE, ...shape });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    await continues(t, vif, slots);
    if (!seen) break;
    await t.check('TXW-12', () => expectRsp(seen[1], RSP.null, `the extra of a packet that ${what}`));
  }
});

for (const [name, what, requirement, alter] of MALFORMED) {
  const title = `needs no further event for a packet that was published with one that ${what}`;
  test(`before-good-${name}`, title, { fresh: true, reflector: 'icmp' }, async (t) => {
    const vif = await t.fresh();
    const bad = vif.queue.tx.enqueue(vif.quietFrame(), { alter: (request) => ({ ...request, ...alter }) });
    const good = vif.queue.tx.enqueue(vif.quietFrame());
    vif.queue.pushTx();
    const slots = [...bad, ...good];
    const open = (of: readonly SentSlot[]): number => of.filter(({ response }) => response === undefined).length;
    await t.check(['NOTIFY-04', 'RING-09'], async () => {
      await needsNoEvent(t, vif, slots);
      expect(open(bad) > open(good), 'a response to the later packet alone').to.equal(false);
    });
    await continues(t, vif, slots, requirement);
  });
}

/** What makes a slot after the first one unusable. */
const UNUSABLE = [
  ['bad-grant', 'names an invalid grant', 'TXW-28', { gref: BAD_REF }],
  ['beyond-page', 'crosses its page', 'TXW-05', { offset: PAGE_SIZE - 10 }],
] as const;
/** Packets after one that is refused: a stack may lose some. */
const AFTER = 4;

for (const [name, what, requirement, change] of UNUSABLE) {
  const title = `passes the packet after one whose later slot ${what}`;
  test(`after-${name}`, title, FRESH, async (t) => {
    const vif = await t.fresh();
    for (const place of [1, 2, 3]) {
      let lost = 0;
      for (let round = 0; round < AFTER; round++) {
        const bad = vif.queue.tx.enqueue(vif.quietFrame(400), {
          fragments: [60, 200, 100, 40],
          alter: (request, n) => (n === place ? { ...request, ...change } : request),
        });
        const { frame, isReply } = vif.pingFrame();
        const good = vif.queue.tx.enqueue(frame);
        vif.queue.pushTx();
        if (!(await statusesAtLast(t, vif, [...bad, ...good])))
          return t.skip('the backend gives up the vif, as it may');
        lost += await countLost(1, () => vif.receive('reply', (packet) => isReply(packet.frame)));
      }
      await t.check(['TXW-14', requirement], () => expectSomeArrive(lost, AFTER));
    }
  });
}

test('full-ring', 'responds to a ring that is full of packets with invalid grants', FRESH, async (t) => {
  const vif = await t.fresh();
  const sent: Refused[] = [];
  while (vif.queue.tx.ring.free() >= FRAGMENTS.length)
    sent.push(enqueueBad(vif, PLACES[sent.length % PLACES.length] ?? []));
  vif.queue.pushTx();
  await t.check(['TXW-28', 'GNT-10'], async () => {
    await vif.answered(sent.flatMap(({ slots }) => slots));
    for (const { places, slots } of sent) {
      for (const n of places) expectRsp(statuses(slots)[n], REFUSALS, `fragment ${n}`);
    }
  });
  await stillPasses(t, 'TXW-28', vif);
});

for (const place of [0, 1, 2, 3]) {
  const title = `delivers no part of a large packet whose buffer ${place} it may not write`;
  test(`buffer-${place}`, title, { ...BRIDGE, gate: KEY.featureGsoTcpv4 }, async (t) => {
    const [from, to] = await t.bridged({}, { rxBuffers: 0, keys: { [KEY.featureGsoTcpv4]: '1' } });
    postWithBad(to, place, 1);
    const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    await from.send(frame, LARGE_SHAPE);
    if ((await usesBad(from, to, 1)) === 0) t.info('an extra info used the slot of the bad buffer');
    await t.check('GNT-10', () => through(from, to, from.frameTo(to.link.peer.mac)));
    const wrong = to.received.find((packet) => isWrong(packet.frame, frame));
    await t.check('GNT-10', () =>
      expect(wrong?.frame.length, 'length of a packet with other bytes').to.equal(undefined),
    );
    const part = to.received.find((packet) => isPart(packet.frame, frame));
    await t.check('RXW-09', () =>
      expect(part?.frame.length, 'length of a packet that is a part of another').to.equal(undefined),
    );
  });
}

test('bad-buffers', 'reports 40 buffers in a row that it may not write, and delivers again', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, { rxBuffers: 0 });
  postWithBad(to, 2, 40);
  await t.check('GNT-10', async () => {
    expect(await usesBad(from, to, 40), 'buffers with a negative status').to.equal(40);
    await through(from, to, from.frameTo(to.link.peer.mac));
  });
});

/** Posts good buffers, then bad ones, then enough good ones for the packets of a test. */
function postWithBad({ queue }: FrontendPeer, good: number, bad: number): void {
  queue.post(good);
  queue.rx.nextRef = () => BAD_REF;
  queue.post(bad);
  queue.rx.nextRef = undefined;
  queue.post(64);
}

/** Sends frames through the bridge until `count` buffers were refused, or until that many should have been. Returns how many were. */
async function usesBad(from: FrontendPeer, to: FrontendPeer, count: number): Promise<number> {
  const { errors, ring } = to.queue.rx;
  for (let n = 0; n < count + 20 && errors.length < count; n++) {
    const before = ring.rspCons;
    await from.transmit(from.frameTo(to.link.peer.mac));
    await arrives(to.until('use of a buffer', () => ring.rspCons !== before, { ms: 200 }));
  }
  return errors.length;
}

/** Whether a packet is of the flow of a large packet, and its payload is neither that of the packet nor a piece of it. */
function isWrong(found: Uint8Array, large: Uint8Array): boolean {
  return isPiece(found, large) && !Buffer.from(payloadOf(large)).includes(Buffer.from(payloadOf(found)));
}
